"""The corrected resampled t-test equals the golden value and Student's, and is rarely wrong where that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import roc_auc_score

from radiofuse.errors import RequestError
from radiofuse.statistics.resampled_t import corrected_resampled_t, fold_differences


@pytest.mark.data
def test_equals_golden_from_the_predictions_of_ten_folds(golden, data_dir):
    _, predicted = golden
    expected = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_evalstats2.csv", index_col="name")["value"]
    ids = [f"s{row:03d}" for row in range(len(predicted))]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": predicted["foldid"]})
    rows["label"] = predicted["y"]
    table = pd.concat([rows.assign(model=name, probability=predicted[f"p_{name}"]) for name in ("lr", "rf")])
    folds = fold_differences(table, "lr", "rf")
    found = corrected_resampled_t(folds["difference"], folds["n_train"], folds["n_test"])
    assert found.statistic == pytest.approx(expected["nadeau_bengio_t"], abs=1e-12)
    assert found.p_value == pytest.approx(expected["nadeau_bengio_p"], abs=1e-12)
    assert ttest_1samp(folds["difference"], 0).pvalue == pytest.approx(expected["naive_paired_t_p"], abs=1e-12)


def test_is_students_t_shrunk_by_the_overlap():
    differences = np.random.default_rng(0).normal(0.1, 1, size=50)
    student, found = ttest_1samp(differences, 0), corrected_resampled_t(differences, 80, 20)
    assert found.df == student.df == 49
    assert found.statistic == pytest.approx(student.statistic / np.sqrt(1 + 50 * 20 / 80), rel=1e-12)
    without_overlap = corrected_resampled_t(differences, 1e300, 1)
    assert without_overlap[1:] == pytest.approx((student.statistic, student.df, student.pvalue), rel=1e-12)


def test_p_values_of_repeated_folds_of_no_difference_are_rarely_small():
    """Rows differ by chance between two models; 10 repeats of 5 folds share them, and Student's t is fooled."""
    rng = np.random.default_rng(1)
    corrected = naive = 0
    for _ in range(200):
        gain = rng.normal(size=100)
        folds = np.concatenate([gain[rng.permutation(100)].reshape(5, 20).mean(axis=1) for _ in range(10)])
        corrected += corrected_resampled_t(folds, 80, 20).p_value < 0.05
        naive += ttest_1samp(folds, 0).pvalue < 0.05
    assert corrected <= 18  # binomial(200, .05) exceeds this once in 100
    assert naive > 60


def test_equal_differences_cannot_be_tested_unless_they_are_0(caplog):
    found = corrected_resampled_t([0.1, 0.1, 0.1], 8, 2)
    assert np.isnan([found.statistic, found.p_value]).all()
    assert (found.difference, found.df) == (pytest.approx(0.1), 2)
    assert "A difference of 0.1 has no variance here" in caplog.text
    assert corrected_resampled_t([0.0, 0.0], 8, 2)[1:] == (0, 1, 1)


@pytest.mark.parametrize("differences", [[0.1], [0.1, np.nan], [[0.1, 0.2]]])
def test_too_few_or_missing_differences_are_refused(differences):
    with pytest.raises(RequestError, match="one finite difference for each of 2 folds or more"):
        corrected_resampled_t(differences, 8, 2)


@pytest.fixture
def folds_of_both_labels(make_predictions):
    """Two repeats of 5 folds of 8 patients, of 1 or 2 rows each."""
    table = make_predictions(n_patients=40, rows_per_patient=(1, 2))
    return table.assign(fold=table["patient_id"].str[1:].astype(int) // 8)


def test_folds_are_scored_one_by_one_and_patients_counted(folds_of_both_labels):
    table = folds_of_both_labels
    found = fold_differences(table, "fused", "t1").set_index(["repeat", "fold"])
    assert len(found) == 10
    for (repeat, fold), row in found.iterrows():
        part = table[(table["repeat"] == repeat) & (table["fold"] == fold)]
        values = [
            roc_auc_score(rows["label"], rows["probability"])
            for _, rows in part.groupby("model")  # fused, t1
        ]
        assert row["difference"] == pytest.approx(values[0] - values[1])
        assert (row["n_test"], row["n_train"]) == (8, 32)


def test_a_fold_of_one_label_has_no_auc(folds_of_both_labels):
    table = folds_of_both_labels
    table.loc[table["fold"] == 2, "label"] = 0
    found = fold_differences(table, "fused", "t1").set_index("fold")["difference"]
    assert found[2].isna().all()
    assert found.drop(2).notna().all()


def test_models_without_a_sample_in_common_are_refused(make_predictions):
    table = make_predictions()
    apart = table[(table["model"] == "t1") == (table["fold"] < 2)]
    with pytest.raises(RequestError, match="no sample in the same fold"):
        fold_differences(apart, "t1", "fused")
