"""Is a model worth acting on? Net benefit over the probabilities at which one would treat."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_binary, patient_places
from radiofuse.statistics.intervals import draw_seed, multiplicities, value_and_interval
from radiofuse.tables.predictions import check_slice, repeats_of, rows_of_model

TREATMENT_THRESHOLDS = np.arange(1, 100) / 100
CURVE_RULES = {
    "thresholds": ["array-like", None],
    "confidence": [Interval(Real, 0, 1, closed="neither"), None],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
}


@validate_params(CURVE_RULES | {"patients": ["array-like", None]}, prefer_skip_nested_validation=True)
def decision_curve(
    label: ArrayLike,
    probability: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    patients: ArrayLike | None = None,
    confidence: float | None = None,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the net benefit of treating by a model, of treating all and of treating none.

    Net benefit is the share of all rows that are rightly treated, less the share wrongly treated, the latter
    weighted by the odds of the threshold: whoever treats from 10 % on takes nine false alarms for one hit.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    probability : array-like of shape (n_samples,)
        Probability of label 1. Treated is who has at least the threshold.
    thresholds : array-like of shape (n_thresholds,), optional
        Probabilities at which one would treat, between 0 and 1 and neither; 0.01 to 0.99 by default.
    patients : array-like of shape (n_samples,), optional
        Patient of each row, for the interval; without it each row is a patient.
    confidence : float, optional
        Coverage of the pointwise intervals of the model's net benefit; no intervals by default.
    n_resamples : int, default=500
        Resamples of the patients with replacement, for the interval.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns threshold, net_benefit, treat_all, treat_none, standardized (net benefit by prevalence: 1 is
        perfect; NaN without a positive), avoided (share of the rows spared a treatment, against treating all,
        without missing more positives); with ``confidence`` also low and high.

    Raises
    ------
    RequestError
        Labels, probabilities or thresholds out of range, or unequal lengths.

    See Also
    --------
    decision_points : Of a table of predictions, with bands.
    choose_threshold : One threshold instead of all.

    References
    ----------
    Vickers and Elkin 2006, Med Decis Making 26:565-574. Kerr et al. 2016, J Clin Oncol 34:2534-2540
    (standardized). Vickers et al. 2008, BMC Med Inform Decis Mak 8:53 (bootstrap, treatments avoided).

    Examples
    --------
    >>> decision_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0.25, 0.5])
       threshold  net_benefit  treat_all  treat_none  standardized  avoided
    0       0.25     0.416667   0.333333         0.0      0.833333     0.25
    1       0.50     0.000000   0.000000         0.0      0.000000     0.00
    """
    refuse_misaligned(label=label, probability=probability, patients=patients)
    label, probability = check_binary(label, probability)
    places = patient_places(patients, len(label))
    counts = _counts(places.max() + 1, confidence, n_resamples, random_state)
    cutoffs = _check_thresholds(thresholds)
    benefit = _net_benefit(label, probability, cutoffs, counts[places])
    return _curve_table(cutoffs, benefit, label.mean(), confidence)


@validate_params(CURVE_RULES | {"predictions": [pd.DataFrame], "model": [str]}, prefer_skip_nested_validation=True)
def decision_points(
    predictions: pd.DataFrame,
    model: str,
    thresholds: ArrayLike | None = None,
    *,
    confidence: float | None = None,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the decision curve of a model's out-of-fold predictions, averaged over the repeats.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome: `radiofuse.tables.slice_of` picks it.
    model : str
        Name in the column ``model``.
    thresholds, confidence, n_resamples, random_state
        As in `decision_curve`; all rows of a patient, in all repeats, are resampled together.

    Returns
    -------
    DataFrame
        As from `decision_curve`.

    Raises
    ------
    RequestError
        The predictions cannot be scored, or thresholds lie out of range.

    See Also
    --------
    decision_curve : Of labels and probabilities.

    References
    ----------
    Vickers and Elkin 2006, Med Decis Making 26:565-574.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 1], "probability": [0.1, 0.6, 0.4, 0.9]})
    >>> decision_points(table, "t1", [0.25]).net_benefit.round(6).tolist()
    [0.416667]
    """
    check_slice(predictions, "A decision curve")
    rows = rows_of_model(predictions, model)
    cutoffs = _check_thresholds(thresholds)
    counts = _counts(rows["patient_id"].nunique(), confidence, n_resamples, random_state)
    repeats = repeats_of(rows)
    curves = [_net_benefit(part.label, part.probability, cutoffs, counts[part.patient]) for part in repeats]
    prevalence = np.mean([part.label.mean() for part in repeats])
    return _curve_table(cutoffs, np.mean(curves, axis=0), prevalence, confidence)


def _check_thresholds(thresholds: ArrayLike | None) -> np.ndarray:
    cutoffs = TREATMENT_THRESHOLDS if thresholds is None else np.asarray(thresholds, dtype=float)
    if cutoffs.ndim != 1 or not ((cutoffs > 0) & (cutoffs < 1)).all():
        raise RequestError(
            f"Thresholds must be a list of probabilities between 0 and 1, and neither; got {cutoffs.tolist()}. At 0 "
            "everybody is treated, and at 1 no benefit outweighs a false alarm."
        )
    return cutoffs


def _counts(
    n_patients: int, confidence: float | None, n_resamples: int, random_state: int | np.random.RandomState | None
) -> np.ndarray:
    """Return how often each patient counts: once, and as drawn where an interval is wanted."""
    if confidence is None:
        return np.ones((n_patients, 1))
    return multiplicities(n_patients, n_resamples, draw_seed(random_state))


def _net_benefit(label: np.ndarray, probability: np.ndarray, cutoffs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the net benefit at each cutoff (rows) for each column of ``weights``."""
    worth = np.where(label == 1, 1.0, -(cutoffs / (1 - cutoffs))[:, None])
    return (np.where(probability >= cutoffs[:, None], worth, 0.0) @ weights) / weights.sum(axis=0)


def _curve_table(cutoffs: np.ndarray, benefit: np.ndarray, prevalence: float, confidence: float | None) -> pd.DataFrame:
    treat_all = prevalence - (1 - prevalence) * cutoffs / (1 - cutoffs)
    table = pd.DataFrame(
        {
            "threshold": cutoffs,
            "net_benefit": benefit[:, 0],
            "treat_all": treat_all,
            "treat_none": np.zeros(len(cutoffs)),
            "standardized": benefit[:, 0] / prevalence if prevalence > 0 else np.nan,
            "avoided": (benefit[:, 0] - treat_all) * (1 - cutoffs) / cutoffs,
        }
    )
    if confidence is None:
        return table
    limits = np.array([value_and_interval(draws, confidence)[1:] for draws in benefit]).reshape(-1, 2)
    return table.assign(low=limits[:, 0], high=limits[:, 1])
