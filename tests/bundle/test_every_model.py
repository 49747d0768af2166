"""Whatever a recipe can name is written as plain data and read again, and answers as before to the last digit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from radiofuse.bundle.plain_reader import from_plain
from radiofuse.bundle.plain_writer import NotPlainError, to_plain
from radiofuse.classify import modality_classifier
from radiofuse.classify.choices import CLASSIFIERS
from radiofuse.experiment.final_models import fit_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.models import ON_IMAGES, OWN_OPTIONS
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.choices import COMBINERS
from radiofuse.names import lookup
from radiofuse.progress import silent
from radiofuse.select.choices import PROJECTIONS, SELECTORS

pytestmark = pytest.mark.filterwarnings("ignore")

KINDS = {
    "late": 'combine = ["mean", "regression"]\nmissing = "refit"\nsubsets = "all"',
    "early": 'joined = "after_selection"',
    "constrained": 'branches = { a = ["t1"], b = ["t2"] }',
    "weighting": "clinical = true",
    "clinical": "",
    "chained": "",
}
FURTHER = {
    "distilled": 'kind = "late"\nmissing = "distill"\ncombine = ["nonnegative"]',
    "self_trained": 'kind = "early"\nself_training = true',
}
RECIPE = """
seed = 0
[cohort]
table = "train.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "variance"
[fusion]
inner_folds = 2
[evaluation]
folds = 2
repeats = 1
resamples = 100
[[models]]
combine = ["mean"]
"""


def cohort(n: int = 48) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    idh, grade = rng.permutation(n) % 2, rng.permutation(n) % 3
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": idh, "who_grade": grade + 2}
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 5)) + np.outer(idh, [1, 0, 0, 1, 0]) + np.outer(grade, [0, 1, 0, 1, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(5)}
    table = pd.DataFrame(table).assign(clinical__age=rng.integers(20, 80, n), idh=np.where(idh, "Mutant", "WT"))
    table.loc[:2, [name for name in table if name.startswith("t1__")]] = np.nan
    table.loc[3:5, "idh"] = ""
    return table


def again(model):
    """Return a model that was written and read; refuse one that would be pickled, or loads with trust alone."""
    plain = to_plain(model)
    assert list(plain.own) == []
    return from_plain(plain.records, bytes(plain.content))[-1]


def rows(n_classes: int) -> tuple[pd.DataFrame, np.ndarray]:
    table = cohort().iloc[6:]
    X = table[[name for name in table if name.startswith(("t1__", "t2__"))]]
    return X, (table["idh"] == "Mutant").astype(int).to_numpy() if n_classes == 2 else table["who_grade"].to_numpy()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier(name):
    if name == "xgboost":
        pytest.importorskip("xgboost")
    for n_classes in (2, 3):
        X, y = rows(n_classes)
        chain = modality_classifier(name, select=None, random_state=0)
        if name == "stacking":  # of the three that it brings, two that are fitted fast
            chain.set_params(classify__classifiers=chain["classify"].classifiers[:2])
        fitted = chain.fit(X, y)
        np.testing.assert_array_equal(again(fitted).predict_proba(X), fitted.predict_proba(X))


def test_boosted_trees_of_categories_are_refused_where_they_are_written():
    X, y = np.tile([[0.0], [1.0], [2.0]], (20, 1)), np.tile([0, 1, 0], 20)
    trees = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)
    again(trees.fit(X, y))
    trees.set_params(categorical_features=[0]).fit(X, y)
    for part in (trees, trees._predictors[0][0]):
        with pytest.raises(NotPlainError, match="partial, whose state only its own|split columns by category"):
            to_plain(part)


@pytest.mark.parametrize("name", COMBINERS)
def test_every_rule(name):
    kind, rng, y = lookup(name, COMBINERS, "rule"), np.random.default_rng(0), np.arange(30) % 3
    each = rng.dirichlet([1, 1, 1], (30, 3)) + 0.4 * np.eye(3)[y][:, None]
    each = each / each.sum(axis=2, keepdims=True)
    for P, labels in ((each[:, :, 1], (y == 1).astype(int)), (each, y)):
        if P.ndim == 3 and not getattr(kind, "multi_class", False):
            continue
        rule = Calibrated(kind()) if getattr(kind, "hedges", False) else kind()
        fitted = rule.fit(P, labels) if hasattr(rule, "fit") else rule
        np.testing.assert_allclose(again(fitted).combine(P), fitted.combine(P), rtol=1e-12, atol=0)


OPTIONS = {
    "boruta": {"n_rounds": 5, "n_estimators": 5, "random_state": 0},
    "reproducibility": {"icc": dict(zip("abcdefghij", np.linspace(0.5, 1, 10), strict=True))},
}


@pytest.mark.parametrize("name", [*SELECTORS, *PROJECTIONS])
def test_every_selector(name):
    if name == "boruta":
        pytest.importorskip("boruta")
    X, y = rows(2)
    X = X.set_axis(list("abcdefghij"), axis=1).fillna(0.0)
    fitted = lookup(name, SELECTORS | PROJECTIONS, "selector")(**OPTIONS.get(name, {})).fit(X, y)
    np.testing.assert_array_equal(np.asarray(again(fitted).transform(X)), np.asarray(fitted.transform(X)))


def test_every_kind_of_model_of_columns(tmp_path):
    assert set(KINDS) == set(OWN_OPTIONS) - set(ON_IMAGES)
    cohort().to_csv(tmp_path / "train.csv", index=False)
    listed = {name: f'kind = "{name}"\n{text}' for name, text in KINDS.items()} | FURTHER
    text = "".join(f'[[models]]\nname = "{name}"\n{text}\n' for name, text in listed.items())
    (tmp_path / "recipe.toml").write_text(RECIPE + text)
    recipe = read_recipe(tmp_path / "recipe.toml")
    prepared = prepare_rows(recipe, tmp_path, store=tmp_path / "store", n_jobs=1, progress=silent, report=False)
    models = fit_models(recipe, prepared, n_jobs=1, progress=silent)
    for outcome, own in again(models).items():
        assert set(listed) < set(own)
        for name, model in own.items():
            X = prepared.of(next(one for one in prepared.outcomes if one.name == outcome)).X
            told, before = model.predict_proba_each(X), models[outcome][name].predict_proba_each(X)
            pd.testing.assert_frame_equal(told, before, rtol=1e-12, atol=0)
