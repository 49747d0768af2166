"""Bootstrap intervals equal SciPy's on the same resamples, are near R's, and keep patients whole."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from metric_oracles import ORACLES
from scipy.stats import bootstrap, mannwhitneyu
from sklearn.metrics import roc_auc_score

from radiofuse.errors import RequestError
from radiofuse.statistics.bootstrap import bootstrap_interval

KINDS = {"percentile": "percentile", "bca": "BCa", "basic": "basic"}


def scored_rows(n_positive=25, n_negative=40, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    label = np.repeat([1, 0], [n_positive, n_negative])
    return label, rng.normal(size=label.size) + shift * label


def scipys_draws(sizes, n_resamples, seed):
    """The resamples that scipy.stats.bootstrap draws, one column each, rows of the strata below each other."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *sizes[:-1]])
    return np.vstack(
        [start + rng.integers(0, size, (n_resamples, size)).T for start, size in zip(starts, sizes, strict=True)]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_stratified_auc_equals_scipy_on_the_same_resamples(kind):
    label, score = scored_rows()
    expected = bootstrap(
        (score[label == 1], score[label == 0]),
        lambda a, b, axis=-1: mannwhitneyu(a, b, axis=axis).statistic / (a.shape[-1] * b.shape[-1]),
        n_resamples=400,
        method=KINDS[kind],
        confidence_level=0.9,
        rng=np.random.default_rng(5),
    )
    found = bootstrap_interval("auc", label, score, kind=kind, confidence=0.9, indices=scipys_draws((25, 40), 400, 5))
    assert found.value == pytest.approx(roc_auc_score(label, score), abs=1e-14)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_skewed_mean_of_patients_equals_scipy_on_the_same_resamples(kind):
    """The metric is a function of one's own; without strata; patients are drawn, here of one row each."""
    score = np.random.default_rng(1).exponential(size=30)
    expected = bootstrap(
        (score,), np.mean, n_resamples=500, method=KINDS[kind], rng=np.random.default_rng(2), vectorized=True
    )

    def mean(label, score, weights):
        return score @ weights / weights.sum(axis=0)

    found = bootstrap_interval(
        mean, np.arange(30) % 2, score, kind=kind, stratified=False, indices=scipys_draws((30,), 500, 2)
    )
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=1e-12)


@pytest.mark.data
def test_is_near_boot_ci_of_r_and_each_kind_leans_as_there(golden):
    """boot::boot.ci of LGG-1p19q, 2,000 resamples stratified by label: other draws, so the percentiles to .006.

    Ends of two kinds differ by as little as .004. So BCa is told by its distance from the percentiles of the same
    draws, -.007 and -.004 in R, to .002; and basic is the mirror image, exactly.
    """
    values, predicted = golden
    ends = {}
    for kind in KINDS:
        found = bootstrap_interval(
            "auc", predicted["y"], predicted["p_lr"], kind=kind, n_resamples=20_000, random_state=0
        )
        assert found.value == pytest.approx(values["boot_t0"], abs=1e-15)
        ends[kind] = np.array([found.low, found.high])
    in_r = {kind: values[[f"boot_{kind}_lo", f"boot_{kind}_hi"]].to_numpy(float) for kind in ("perc", "bca", "basic")}
    np.testing.assert_allclose(ends["percentile"], in_r["perc"], rtol=0, atol=0.006)
    np.testing.assert_allclose(ends["bca"] - ends["percentile"], in_r["bca"] - in_r["perc"], rtol=0, atol=0.002)
    for basic, percentile in ((ends["basic"], ends["percentile"]), (in_r["basic"], in_r["perc"])):
        np.testing.assert_allclose(basic, 2 * values["boot_t0"] - percentile[::-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", ["auc", "brier", "mcc"])
@pytest.mark.parametrize("patients", [None, np.repeat([f"p{p:02d}" for p in range(20)], 3)])
def test_equals_scikit_learn_on_repeated_rows(metric, patients):
    label = np.repeat(np.arange(20) % 2, 3)
    probability = np.clip(np.round(np.random.default_rng(3).uniform(-0.2, 0.8, 60) + 0.3 * label, 2), 0, 1)
    n_patients = 60 if patients is None else 20
    indices = np.random.default_rng(4).integers(n_patients, size=(n_patients, 40))
    rows_of = np.arange(60).reshape(n_patients, -1)
    draws = []
    for column in indices.T:
        rows = rows_of[column].ravel()
        draws.append(ORACLES[metric](label[rows], probability[rows], None))
    found = bootstrap_interval(metric, label, probability, patients=patients, indices=indices)
    expected = (ORACLES[metric](label, probability, None), *np.quantile(draws, [0.025, 0.975]))
    assert found[:3] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_rows_within_patients_narrow_nothing(kind):
    label, score = scored_rows()
    patients = np.arange(label.size)
    once = bootstrap_interval("auc", label, score, patients=patients, kind=kind, random_state=0)
    copies = [np.tile(values, 4) for values in (label, score, patients)]
    again = bootstrap_interval("auc", *copies[:2], patients=copies[2], kind=kind, random_state=0)
    assert again[:3] == pytest.approx(once[:3], abs=1e-12)


def test_order_of_rows_is_no_input_where_patients_are_named():
    label, score = scored_rows()
    patients = np.array([f"p{row:02d}" for row in range(label.size)])
    order = np.random.default_rng(0).permutation(label.size)
    one = bootstrap_interval("auc", label, score, patients=patients, kind="bca", random_state=1)
    other = bootstrap_interval("auc", label[order], score[order], patients=patients[order], kind="bca", random_state=1)
    assert one == pytest.approx(other, abs=1e-14)


def test_strata_keep_the_labels_and_patients_of_both_labels_are_a_kind():
    label = np.array([1, 1, 0, 1, 0, 0, 0])
    patients = np.array(["a", "b", "b", "c", "c", "d", "e"])  # a: 1; b, c: both; d, e: 0

    def prevalence(label, score, weights):
        return label @ weights / weights.sum(axis=0)

    found = bootstrap_interval(prevalence, label, label, patients=patients, n_resamples=200, random_state=0)
    assert (found.value, found.low, found.high) == pytest.approx((3 / 7,) * 3)
    free = bootstrap_interval(
        prevalence, label, label, patients=patients, n_resamples=200, stratified=False, random_state=0
    )
    assert free.low < 3 / 7 < free.high


def test_strata_are_drawn_independently():
    """Equally many patients of each label, equally scored: equal draws would leave the AUC at one half."""
    label, score = np.repeat([0, 1], 20), np.tile(np.arange(20), 2)
    found = bootstrap_interval("auc", label, score, random_state=0)
    assert found.value == 0.5
    assert 0.25 < found.high - found.low < 0.45  # 3.92 standard errors of .09


def test_resamples_of_one_label_are_left_out_and_counted(caplog):
    label = np.array([1, 0, 0, 0, 0])
    indices = np.array([[0, 1, 2, 3, 4], [1, 1, 2, 3, 4], [0, 0, 1, 1, 2]]).T
    with caplog.at_level(logging.WARNING):
        found = bootstrap_interval("auc", label, [0.5, 0.1, 0.2, 0.6, 0.3], indices=indices)
    assert found.n_left_out == 1
    assert "1 of 3 resamples" in caplog.text
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"indices": [[0, 1], [2, 3]]}, r"of shape \(4, n_resamples\)"),
        ({"indices": [[0], [1], [2], [4]]}, "whole numbers from 0 to 3"),
        ({"indices": [[0.0], [1.0], [2.0], [3.0]]}, "type float64"),
        ({"patients": ["a", "b"]}, "4 labels but 2 patients"),
        ({"label": [0, 0, 0, 1], "kind": "bca"}, "Without one of 1 patients the metric does not exist"),
        ({"score": [0.1, 0.2, 0.8, 0.9], "kind": "basic", "label": [0, 0, 0, 0]}, "0 of label 1"),
        ({"score": [0.1, 0.2, 0.8, 1.9], "metric": "brier"}, "between 0 and 1"),
    ],
)
def test_unusable_input_is_refused(options, sentence):
    rows = {"metric": "auc", "label": [0, 0, 1, 1], "score": [0.3, 0.6, 0.5, 0.9], "random_state": 0}
    with pytest.raises(RequestError, match=sentence):
        bootstrap_interval(**{**rows, **options})


def test_bca_of_a_score_at_its_bound_is_refused_and_percentile_says_what_there_is():
    label = np.repeat([0, 1], 10)
    assert bootstrap_interval("auc", label, label, random_state=0)[:3] == (1, 1, 1)
    lost = np.array([[0, 0, 2, 3]]).T.repeat(30, axis=1)
    with pytest.raises(RequestError, match="All resamples lie on one side"):
        bootstrap_interval("auc", [0, 0, 1, 1], [0.2, 0.6, 0.5, 0.9], kind="bca", indices=lost)
