"""Two models side by side, by every test of the room that takes a pair of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.statistics.mcnemar import mcnemar_test
from radiofuse.statistics.reclassification import integrated_discrimination, net_reclassification
from radiofuse.statistics.resampled_t import corrected_resampled_t, fold_differences
from radiofuse.tables.predictions import rows_of_model

TEST_COLUMNS = ["test", "metric", "value", "statistic", "p_value", "n"]


def pair_tests(predictions: pd.DataFrame, a: str, b: str, *, threshold: float = 0.5) -> pd.DataFrame:
    """Compare two models by McNemar's test, reclassification, discrimination, and over folds.

    McNemar's test, NRI and IDI take independent rows: one per patient and label, the mean probability over repeats
    and samples, of samples that both models answer for.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome.
    a, b : str
        Names in the column ``model``; values say what ``a`` has more than ``b``.
    threshold : float, default=0.5
        A row is called positive from this probability on.

    Returns
    -------
    DataFrame
        Columns test, metric, value, statistic, p_value, n: "mcnemar" (share of patients that ``a`` alone calls
        rightly minus that of ``b``), "nri" (without cutoffs), "idi", "resampled_t" (Nadeau and Bengio, difference of
        the AUC; NaN where a fold lacks a label, and of hold-outs, whose training patients nobody predicts). ``n``
        counts patients, of the last one folds.

    Raises
    ------
    RequestError
        An unknown model, or no sample in common.

    See Also
    --------
    compare_models : Differences with intervals by resampling patients.

    Examples
    --------
    >>> rows = pd.DataFrame({"sample_id": list("abcdefgh"), "patient_id": list("abcdefgh"), "repeat": 0,
    ...     "fold": [0, 0, 0, 0, 1, 1, 1, 1], "label": [0, 0, 1, 1, 0, 1, 0, 1]})
    >>> good, bad = [0.1, 0.2, 0.6, 0.9, 0.3, 0.7, 0.2, 0.6], [0.6, 0.2, 0.6, 0.4, 0.7, 0.7, 0.2, 0.3]
    >>> table = pd.concat([rows.assign(model="a", probability=good), rows.assign(model="b", probability=bad)])
    >>> pair_tests(table, "a", "b")[["test", "value"]].round(2).values.tolist()
    [['mcnemar', 0.5], ['nri', 1.0], ['idi', 0.42], ['resampled_t', 0.38]]
    """
    label, of_a, of_b = _by_patient(predictions, a, b)
    n_patients = len(label)
    calls = mcnemar_test(label, of_a >= threshold, of_b >= threshold)
    moved, gained = net_reclassification(label, of_b, of_a), integrated_discrimination(label, of_b, of_a)
    folds = fold_differences(predictions, a, b)
    rows = [
        ("mcnemar", "accuracy", (calls.only_a - calls.only_b) / n_patients, calls.statistic, calls.p_value, n_patients),
        ("nri", "nri", moved.nri, moved.z, moved.p_value, n_patients),
        ("idi", "idi", gained.idi, gained.z, gained.p_value, n_patients),
        ("resampled_t", "auc", *_over_folds(folds), len(folds)),
    ]
    return pd.DataFrame(rows, columns=TEST_COLUMNS)


def _by_patient(predictions: pd.DataFrame, a: str, b: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    key = ["patient_id", "sample_id", "repeat", "label"]
    both = rows_of_model(predictions, a).merge(rows_of_model(predictions, b), on=key, suffixes=("_a", "_b"))
    both = both.dropna(subset=["probability_a", "probability_b"])
    if both.empty:
        raise RequestError(f"Models {a} and {b} predict no sample in common.")
    means = both.groupby(["patient_id", "label"], sort=True)[["probability_a", "probability_b"]].mean().reset_index()
    return means["label"].to_numpy(int), means["probability_a"].to_numpy(), means["probability_b"].to_numpy()


def _over_folds(folds: pd.DataFrame) -> tuple[float, float, float]:
    differences = folds["difference"].to_numpy()
    if len(folds) < 2 or not np.isfinite(differences).all() or not folds["n_train"].gt(0).all():
        return float("nan"), float("nan"), float("nan")
    found = corrected_resampled_t(differences, folds["n_train"].to_numpy(), folds["n_test"].to_numpy())
    return float(differences.mean()), found.statistic, found.p_value
