"""ModalityWeighting: what the weights obey, absent modalities, answers without torch, tools, refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.weighting import ModalityWeighting
from tests.fuse.test_constrained import KeepsGroups, without

torch = pytest.importorskip("torch")

MODALITIES = ("t1", "t1ce", "t2", "flair")


def chain():
    return Pipeline([("scale", StandardScaler()), ("select", SelectKBest(k=2)), ("classify", LogisticRegression())])


def fusion(members=MODALITIES, epochs=30, **options):
    return ModalityWeighting([(name, chain()) for name in members], epochs=epochs, **{"random_state": 0, **options})


def cohort_of(strengths, n_rows=100, seed=0):
    """Rows of two per patient, three features per modality, the first of which tells the label by its strength."""
    rng = np.random.default_rng(seed)
    y = pd.Series(np.repeat(np.tile([0, 1], n_rows // 4), 2), index=[f"s{number:03d}" for number in range(n_rows)])
    values = rng.normal(size=(n_rows, 3 * len(strengths)))
    values[:, ::3] += y.to_numpy()[:, None] * list(strengths.values())
    names = [f"{modality}__f{number}" for modality in strengths for number in range(3)]
    return pd.DataFrame(1000 + 100 * values, index=y.index, columns=names), y


@pytest.fixture(scope="module")
def cohort():
    return cohort_of(dict.fromkeys(MODALITIES, 1.0))


@pytest.fixture(scope="module")
def fitted(cohort):
    return fusion().fit(*cohort)


# ---- the weights


def test_weights_are_shares_of_every_row(cohort, fitted):
    weights = fitted.modality_weights(cohort[0])
    assert weights.columns.to_list() == list(MODALITIES)
    assert weights.index.equals(cohort[0].index)
    assert (weights >= 0).all(axis=None)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    assert (weights.std() > 1e-3).all(), "they differ from patient to patient"


def test_the_order_of_the_modalities_decides_nothing(cohort, fitted):
    table, y = cohort
    other = fusion(MODALITIES[::-1]).fit(table, y)
    expected = fitted.modality_weights(table)[list(MODALITIES[::-1])]
    pd.testing.assert_frame_equal(other.modality_weights(table), expected, rtol=1e-8)
    np.testing.assert_allclose(other.predict_proba(table), fitted.predict_proba(table), rtol=1e-8)


def test_a_modality_that_is_there_twice_has_the_same_weight_twice(cohort):
    table, y = cohort
    twice = table.assign(**{f"again__f{number}": table[f"t2__f{number}"] for number in range(3)})
    weights = fusion((*MODALITIES, "again")).fit(twice, y).modality_weights(twice)
    np.testing.assert_allclose(weights["again"], weights["t2"], rtol=1e-8)
    assert not np.allclose(weights["again"], weights["t1"], rtol=0.01)


def test_noise_weighs_less_than_the_modality_that_tells():
    strengths = {"t1": 0.0, "t1ce": 2.5, "t2": 0.0, "flair": 0.0}
    table, y = cohort_of(strengths, 200)
    weights = fusion(epochs=150).fit(table.iloc[:120], y.iloc[:120]).modality_weights(table.iloc[120:]).mean()
    assert weights["t1ce"] > 0.5
    assert weights.drop("t1ce").max() < 0.25


# ---- absent modalities


def test_an_absent_modality_has_no_weight_and_the_others_share_it(cohort, fitted):
    table, _ = cohort
    whole, partial = (fitted.modality_weights(rows) for rows in (table, without(table, "t2", table.index[:5])))
    assert (partial["t2"].iloc[:5] == 0).all()
    left = whole.drop(columns="t2").iloc[:5]
    np.testing.assert_allclose(partial.drop(columns="t2").iloc[:5], left.div(left.sum(axis=1), axis=0), rtol=1e-10)
    pd.testing.assert_frame_equal(partial.iloc[5:], whole.iloc[5:], check_exact=True)


def test_a_row_with_one_modality_is_answered_by_it(cohort, fitted):
    table, _ = cohort
    alone = table.copy()
    alone.loc[:, [name for name in alone if not name.startswith("flair__")]] = np.nan
    assert (fitted.modality_weights(alone)["flair"] == 1).all()
    z = fitted.scalers_["flair"].transform(fitted.members_["flair"].transform(table.filter(like="flair__")))
    net = fitted.network_
    logits = (z @ net["project.3.weight"].T + net["project.3.bias"]) @ net["classify.weight"].T + net["classify.bias"]
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(fitted.predict_proba(alone)[:, 1], expected, rtol=1e-10)


def test_rows_that_lack_a_modality_are_learned_from(cohort):
    table, y = cohort
    partial = fusion().fit(without(table, "t2", table.index[:30]), y)
    assert partial.scalers_["t2"].n_samples_seen_ == 70
    assert np.isfinite(partial.predict_proba(table)).all()


def test_a_row_without_any_modality_is_named(cohort, fitted):
    nothing = cohort[0].copy()
    nothing.loc["s007"] = np.nan
    with pytest.raises(CohortError, match="Sample s007 has none of the modalities t1, t1ce, t2, flair"):
        fitted.predict_proba(nothing)


def test_modality_dropout_makes_another_network_of_the_same_seed(cohort, fitted):
    hiding, again = (fusion(modality_dropout=True).fit(*cohort).predict_proba(cohort[0]) for _ in range(2))
    np.testing.assert_array_equal(hiding, again)
    assert np.abs(hiding - fitted.predict_proba(cohort[0])).max() > 1e-3


# ---- torch is needed to fit only


@pytest.mark.parametrize("layers", [(), (5, 3)])
def test_numpy_answers_as_torch_does(cohort, layers):
    from radiofuse.deep.fusion.weighting_net import Shape, WeightingNet

    table, y = cohort
    holes = without(without(table, "t2", table.index[:30]), "flair", table.index[20:40])
    model = fusion(layers=layers, width=7, scorer=5).fit(holes, y)
    present = np.column_stack([holes[f"{name}__f0"].notna() for name in MODALITIES])
    inputs = []
    for place, name in enumerate(MODALITIES):
        rows, block = present[:, place], holes[[f"{name}__f{number}" for number in range(3)]]
        inputs.append(torch.zeros(100, 2, dtype=torch.float64))
        left = model.members_[name].transform(block[rows])
        inputs[-1][rows] = torch.as_tensor(model.scalers_[name].transform(left))
    net = WeightingNet([2] * 4, 2, Shape(7, 5, layers, 0.3), seed=1).eval()
    net.load_state_dict({name: torch.as_tensor(value) for name, value in model.network_.items()})
    with torch.no_grad():
        logits, weights = net(inputs, torch.as_tensor(present))
    np.testing.assert_allclose(model.predict_proba(holes), torch.softmax(logits, dim=1).numpy(), rtol=1e-10)
    np.testing.assert_allclose(model.modality_weights(holes), weights.numpy(), rtol=1e-10)


# ---- chance, scikit-learn's tools


def test_the_seed_decides_and_nothing_else(cohort, fitted):
    table, y = cohort
    again, other = (fusion(random_state=seed).fit(table, y).predict_proba(table) for seed in (0, 1))
    np.testing.assert_array_equal(fitted.predict_proba(table), again)
    assert np.abs(again - other).max() > 1e-4


def test_a_second_fit_equals_the_first_and_leaves_the_global_generator_alone(cohort, fitted):
    table, y = cohort
    model = fusion(layers=(4,)).fit(table.iloc[:60], y.iloc[:60])
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model.fit(table, y)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(model.predict_proba(table), fusion(layers=(4,)).fit(table, y).predict_proba(table))


def test_groups_reach_the_steps(cohort):
    table, y = cohort
    steps = Pipeline([("scale", StandardScaler()), ("select", KeepsGroups()), ("classify", LogisticRegression())])
    groups = np.arange(100) // 2
    model = fusion(epochs=2).set_params(t1=steps).fit(without(table, "t1", table.index[:10]), y, groups=groups)
    np.testing.assert_array_equal(model.members_["t1"]["select"].groups_, groups[10:])


def test_grid_search_over_a_step_and_the_width(cohort):
    table, y = cohort
    grid = {"t1__select__k": [1, 3], "width": [4, 8]}
    search = GridSearchCV(fusion(epochs=10), grid, cv=GroupKFold(3), scoring="roc_auc", error_score="raise")
    search.fit(table, y, groups=np.arange(100) // 2)
    assert search.best_score_ > 0.7
    best = search.best_params_
    assert search.best_estimator_.network_["project.0.weight"].shape == (best["width"], best["t1__select__k"])


def test_a_clone_is_unfitted_and_a_pickle_answers_alike(cohort, fitted):
    copied = clone(fitted.set_params(dropout=0.2))
    assert copied.dropout == 0.2
    assert not hasattr(copied, "network_")
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(cohort[0]), fitted.predict_proba(cohort[0]))


def test_three_classes():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 30)
    values = rng.normal(size=(90, 6)) + 1.5 * np.eye(3)[np.repeat([0, 1, 2], 30)].repeat(2, axis=1)
    table = pd.DataFrame(values, columns=[f"{name}__f{number}" for name in ("t1", "t2") for number in range(3)])
    model = fusion(("t1", "t2")).fit(table, y)
    assert model.predict_proba(table).shape == (90, 3)
    assert (model.predict(table) == y).mean() > 0.6


# ---- what is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": ()}, "estimators is empty"),
        ({"columns": {"adc": [0]}}, r"columns names \['adc'\]"),
        ({"width": 0}, "'width' parameter .* must be"),
        ({"dropout": 1.0}, "'dropout' parameter .* must be"),
        ({"layers": [8, 0]}, "layers holds 0; it takes whole numbers from 1 on"),
        ({"layers": [8.5]}, "layers holds 8.5"),
    ],
)
def test_a_wrong_request_is_a_sentence(cohort, options, words):
    with pytest.raises(ValueError, match=words):
        fusion(**options).fit(*cohort)


def test_a_member_without_steps_before_the_last_is_a_sentence(cohort):
    with pytest.raises(RequestError, match=r"Member 't1' is .*needs a Pipeline of two steps or more"):
        fusion().set_params(t1=LogisticRegression()).fit(*cohort)
