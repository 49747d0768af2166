"""What a recipe asks for as published: it leaks as the paper does, is said in every output, and is kept from no one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from radiofuse import LateFusion, MannWhitneySelector, modality_classifier
from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.read import read_description, read_table
from radiofuse.classify.selected_before_split import SelectedBeforeSplit
from radiofuse.commands.run import app
from radiofuse.errors import RequestError
from radiofuse.experiment.as_published import deviations, what_published_selection_keeps_from
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]
RECIPE = """
[cohort]
table = "cohort.csv"
label = "idh"
[radiomics]
settings = "none"
[select]
method = "mann_whitney"
options = {{ alpha = 0.05 }}
{select}
[fusion]
combine = ["linear_regression", "mean"]
inner_folds = 2
calibrate = false
{fusion}
[evaluation]
folds = 3
repeats = 1
resamples = 100
{evaluation}
{more}
"""
BEFORE = 'protocol = "as_published"'


def noise(n=60, p=150) -> pd.DataFrame:
    """Return a cohort whose features tell nothing of its labels; of 6 patients one modality is absent."""
    rng = np.random.default_rng(0)
    names = [f"{modality}__f{place}" for modality in ("t1", "t2") for place in range(p)]
    table = pd.DataFrame(rng.normal(size=(n, 2 * p)), columns=names)
    table.loc[:5, names[:p]] = np.nan
    table.insert(0, "sample_id", [f"s{row:02}" for row in range(n)])
    table.insert(1, "idh", np.arange(n) % 2)
    return table


def write(folder, *, select="", fusion="", evaluation="", more=""):
    noise().to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(select=select, fusion=fusion, evaluation=evaluation, more=more))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Output folders and what the screen said: of an honest run, and of one that does both things as published."""
    found = {}
    for name, entries in {"honest": {}, "published": {"select": BEFORE, "fusion": BEFORE}}.items():
        folder = tmp_path_factory.mktemp(name)
        path = write(folder, **entries)
        options = ["--out", str(folder / "out"), "--store", str(folder / "store")]
        result = CliRunner().invoke(app, [str(path), *options])
        assert result.exit_code == 0, result.output
        found[name] = folder / "out", " ".join(result.output.split())
    return found


def aucs(runs, name):
    scores = read_table(runs[name][0] / "bundle", "scores").query("metric == 'auc'")
    return scores.set_index("model")[["value", "low"]]


def test_selected_before_the_split_noise_is_no_longer_noise(runs):
    honest, published = aucs(runs, "honest"), aucs(runs, "published")
    for model in ("t1", "t2", "mean"):
        assert honest.loc[model, "low"] < 0.5
        assert published.loc[model, "value"] > 0.75
        assert published.loc[model, "low"] > 0.5


def test_both_are_said_on_screen_on_the_page_in_the_card_and_for_new_patients(runs, tmp_path):
    out, screen = runs["published"]
    selection, weights = read_description(out / "bundle")["as_published"]
    assert "before the split" in selection
    assert "own training patients" in weights
    page = " ".join((out / "report.html").read_text().split())
    card = " ".join((out / "bundle" / "card.md").read_text().replace("\\", "").split())  # Markdown escapes
    for sentence in (selection, weights):
        assert sentence in screen
        assert sentence in page
        assert sentence in card
    assert read_description(runs["honest"][0] / "bundle")["as_published"] == []


def test_the_final_model_selects_as_an_honest_one_does(runs):
    """It is fitted on all patients either way: there is nothing beyond them to look at."""
    honest, published = (load_bundle(runs[name][0]).models["idh"]["fusion"] for name in ("honest", "published"))
    for name in ("t1", "t2"):
        chains = [model.members_[name] for model in (honest, published)]
        assert type(chains[1]) is type(chains[0])
        assert list(chains[0][:-1].get_feature_names_out()) == list(chains[1][:-1].get_feature_names_out())


def test_every_fold_selects_the_same_features(runs):
    honest, published = (read_table(runs[name][0] / "bundle", "selected_features") for name in ("honest", "published"))
    assert published["frequency"].eq(1).all()
    assert published["in_final_model"].all()
    assert honest["frequency"].lt(1).any()


def test_weights_as_published_trust_members_that_know_nothing(runs):
    weights = [
        read_table(runs[name][0] / "bundle", "fusion_weights").set_index(["fusion", "member"])
        for name in ("honest", "published")
    ]
    honest, published = (table.loc["linear_regression"] for table in weights)
    assert published.loc[["t1", "t2"], "weight"].sum() > 1
    assert published.loc["(intercept)", "weight"] < 0
    assert honest.loc[["t1", "t2"], "weight"].sum() < 0.9


def test_in_sample_weights_of_an_honest_fusion_are_those_as_published():
    table = noise()
    X, y = table.drop(columns=["sample_id", "idh"]), table["idh"].to_numpy()
    members = [(name, modality_classifier("logistic", select="mann_whitney", random_state=0)) for name in ("t1", "t2")]
    fit = lambda protocol: LateFusion(  # noqa: E731
        members, combine="linear_regression", protocol=protocol, cv=2, random_state=0
    ).fit(X, y)
    published = fit("as_published")
    pd.testing.assert_frame_equal(published.weights_, fit("out_of_fold").in_sample_weights(X, y))
    assert published.out_of_fold_ is None
    with pytest.raises(RequestError, match="leave protocol"):
        published.weight_intervals(y)


def test_only_the_selection_sees_beyond_the_rows_of_fit():
    table = noise()
    rows, y = table[[f"t2__f{place}" for place in range(150)]], table["idh"].to_numpy()
    rows.index, train = table["sample_id"], np.arange(30)
    chain = modality_classifier("logistic", select="mann_whitney", random_state=0)
    shortcut = SelectedBeforeSplit(chain.steps, rows=rows, labels=y).fit(rows.iloc[train], y[train])
    of_train = rows.iloc[train]
    scaled = ((of_train - of_train.mean()) / of_train.std(ddof=0)).to_numpy()
    np.testing.assert_allclose(shortcut[:-2].transform(of_train), scaled)
    everything = MannWhitneySelector().fit(rows, y)  # a rank test does not mind the scale
    np.testing.assert_array_equal(shortcut["select"].get_support(), everything.get_support())
    kept = everything.get_support()
    chain["classify"].fit(scaled[:, kept], y[train])
    assert shortcut["classify"].coef_ == pytest.approx(chain["classify"].coef_)
    assert type(shortcut[:-1]) is SelectedBeforeSplit
    assert "select" not in shortcut[:-2].named_steps


def test_a_step_between_selection_and_classifier_is_fitted_too():
    table = noise()
    rows, y = table[[f"t2__f{place}" for place in range(150)]].set_axis(table["sample_id"]), table["idh"].to_numpy()
    steps = [("select", MannWhitneySelector()), ("scale", StandardScaler()), ("classify", LogisticRegression())]
    shortcut = SelectedBeforeSplit(steps, rows=rows, labels=y).fit(rows[:30], y[:30])
    kept = rows[:30].loc[:, shortcut["select"].get_support()]
    np.testing.assert_allclose(shortcut["scale"].mean_, kept.mean())
    assert shortcut.predict_proba(rows[30:]).shape == (30, 2)
    np.testing.assert_allclose(clone(shortcut[:-1]).fit_transform(rows[:30], y[:30]).mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"evaluation": "permutations = 20"}, "permutations under [evaluation] asks how far an answer can be trusted"),
        ({"evaluation": "ledger = true"}, "ledger under [evaluation] asks how far"),
        ({"evaluation": "conformal = 0.8"}, "conformal under [evaluation] asks how far"),
        ({"evaluation": 'recalibrations = ["platt"]'}, "recalibrations under [evaluation] asks how far"),
        ({"more": '[classify]\nmethod = "logistic"\nsearch = { C = [0.1, 1.0] }'}, "work inside the folds"),
        ({"more": '[[models]]\nkind = "chained"\nname = "chained"'}, "one outcome at a time"),
    ],
)
def test_what_does_not_go_with_selection_before_the_split_is_refused(tmp_path, entries, sentence):
    with pytest.raises(RequestError) as caught:
        run_recipe(write(tmp_path, select=BEFORE, **entries), out=tmp_path / "out", store=tmp_path / "store")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("selection", "models", "said"),
    [
        ('method = "none"', "", []),
        ('method = "pca"', "", ["fusion"]),
        ('method = "pca"', '[[models]]\n[[models]]\nname = "free"\nselect = { method = "lasso" }', ["fusion"]),
        ('method = "none"', '[[models]]\nselect = { method = "lasso", protocol = "as_published" }', ["fusion"]),
    ],
)
def test_only_models_that_select_before_the_split_are_said_to(tmp_path, selection, models, said):
    text = f'[cohort]\ntable = "x.csv"\nlabel = "idh"\n[select]\n{selection}\n{BEFORE}\n{models}'
    (tmp_path / "recipe.toml").write_text(text)
    told = deviations(read_recipe(tmp_path / "recipe.toml"))
    assert [f"every score of {name} is too good" in sentence for name, sentence in zip(said, told, strict=True)] == [
        True for _ in said
    ]


def test_a_network_that_selects_radiomic_features_does_so_in_folds_alone(tmp_path):
    network = '[[models]]\nname = "zhang"\nkind = "network"\noptions = { fusion = "radiomics_attention" }\n'
    text = f'[cohort]\ntable = "x.csv"\nlabel = "idh"\n[deep]\n[select]\nmethod = "lasso"\n{BEFORE}\n{network}'
    (tmp_path / "recipe.toml").write_text(text)
    [problem] = what_published_selection_keeps_from(read_recipe(tmp_path / "recipe.toml"), None)
    assert "'zhang' selects radiomic features inside the folds alone" in str(problem)
    own = network + 'select = { method = "lasso" }'
    (tmp_path / "recipe.toml").write_text(text.replace(network, own))
    assert not list(what_published_selection_keeps_from(read_recipe(tmp_path / "recipe.toml"), None))


def test_networks_are_not_asked_of_the_rows_they_were_trained_on(tmp_path):
    pytest.importorskip("torch")
    path = write(tmp_path, fusion=BEFORE, more='[deep]\nencoder = "san10_small"\njoin = "members"')
    with pytest.raises(RequestError, match=r"Networks do not answer for rows that they were trained on"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
