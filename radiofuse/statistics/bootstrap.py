"""Bootstrap intervals of a metric over patients, for plain arrays of labels and scores."""

from __future__ import annotations

import logging
from collections.abc import Callable
from numbers import Integral, Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_binary, check_scores, patient_places
from radiofuse.statistics.intervals import draw_seed, multiplicities, times_drawn
from radiofuse.statistics.metrics import METRICS, score

CELLS = 4_000_000  # weights of one question to the metric; those of all left-out patients would fill the memory
logger = logging.getLogger(__name__)

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class BootstrapInterval(NamedTuple):
    """A metric with an interval from resampled patients."""

    value: float
    low: float
    high: float
    n_left_out: int  # resamples in which the metric does not exist

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "metric": [StrOptions(set(METRICS)), callable],
        "label": ["array-like"],
        "score": ["array-like"],
        "patients": ["array-like", None],
        "kind": [StrOptions({"percentile", "bca", "basic"})],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "stratified": ["boolean"],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "threshold": [Real],
        "random_state": ["random_state"],
        "indices": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def bootstrap_interval(
    metric: str | Metric,
    label: ArrayLike,
    score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    kind: Literal["percentile", "bca", "basic"] = "percentile",
    n_resamples: int = 2000,
    stratified: bool = True,
    confidence: float = 0.95,
    threshold: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
    indices: ArrayLike | None = None,
) -> BootstrapInterval:
    """Return a metric and its bootstrap interval; all rows of a patient are drawn together.

    Parameters
    ----------
    metric : str or callable
        A metric of `score_predictions`, or a function of labels, scores and weights of shape
        (n_samples, n_resamples) that returns one value per resample, NaN where there is none.
    label : array-like of shape (n_samples,)
        0 or 1.
    score : array-like of shape (n_samples,)
        Higher means label 1; a probability where the metric needs one.
    patients : array-like of shape (n_samples,), optional
        Patient of each row; without it each row is a patient.
    kind : {"percentile", "bca", "basic"}, default="percentile"
        "bca" corrects the percentiles for bias and skewness, the latter by leaving out one patient at a time;
        "basic" mirrors the percentiles at the value.
    n_resamples : int, default=2000
        Resamples of the patients.
    stratified : bool, default=True
        Draw as many patients of each label as there are; patients with rows of both labels are a third kind.
    confidence : float, default=0.95
        Coverage.
    threshold : float, default=0.5
        A row is called positive from this score on.
    random_state : int, RandomState or None, default=None
        Seed of the resampling.
    indices : array-like of int of shape (n_patients, n_resamples), optional
        The patients of each resample, one resample a column, as places from 0 among the patients sorted as text
        (without ``patients``: as row numbers); they replace the drawing, ``n_resamples`` and ``random_state``.

    Returns
    -------
    BootstrapInterval
        The interval is NaN where the value is. Resamples in which the metric does not exist are left out and a
        warning is logged. A metric as good or bad as it gets is the same in every resample, and its interval has
        no width whatever the number of patients: ask `auc_interval` or `operating_point` there.

    Raises
    ------
    RequestError
        Unusable labels, scores, patients or indices; or "bca" where leaving out one patient leaves no metric, or
        where all resamples lie on one side of the value.

    See Also
    --------
    auc_interval : Of the AUC, without resampling.
    score_predictions : All metrics of all models of a table.

    References
    ----------
    Efron 1987, J Am Stat Assoc 82:171-185 (BCa; its z0 counts ties half). Davison and Hinkley 1997, Bootstrap
    Methods and their Application, sections 5.2 (basic) and 5.3 (BCa, also of several strata).

    Examples
    --------
    >>> found = bootstrap_interval("accuracy", [0, 1, 0, 1, 1, 0], [0.2, 0.9, 0.6, 0.7, 0.4, 0.1], random_state=0)
    >>> round(found.value, 3), round(found.low, 3), found.high
    (0.667, 0.333, 1.0)
    """
    refuse_misaligned(label=label, score=score, patients=patients)
    label, score = (check_binary if metric in ("brier", "log_loss") else _check_one_of_each)(label, score)
    place = patient_places(patients, len(label))
    strata = _strata(label, place) if stratified else np.zeros(place.max() + 1, dtype=int)
    counts = _draw(strata, n_resamples, random_state) if indices is None else _counts_of(indices, len(strata))
    values = _values(metric, label, score, counts[place], threshold)
    value, draws = values[0], values[1:]
    existing = draws[~np.isnan(draws)]
    n_left_out = draws.size - existing.size
    if np.isnan(value) or existing.size == 0:
        return BootstrapInterval(float(value), np.nan, np.nan, n_left_out)
    if n_left_out:
        logger.warning("%d of %d resamples have no such metric and are left out.", n_left_out, draws.size)
    shares = np.array([1 - confidence, 1 + confidence]) / 2
    if kind == "bca":
        z0, acceleration = _bias(existing, value), _acceleration(metric, label, score, place, strata, threshold)
        z = z0 + ndtri(shares)
        shares = ndtr(z0 + z / (1 - acceleration * z))
    low, high = np.quantile(existing, shares)
    if kind == "basic":
        low, high = 2 * value - high, 2 * value - low
    return BootstrapInterval(float(value), float(low), float(high), n_left_out)


def _check_one_of_each(label: ArrayLike, score: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    return check_scores(label, score, fewest=1)


def _strata(label: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the kind of each patient: rows of label 0, of label 1, or of both."""
    n_patients = place.max() + 1
    has_negative, has_positive = (np.bincount(place[label == kind], minlength=n_patients) > 0 for kind in (0, 1))
    return has_positive + 2 * has_negative


def _draw(strata: np.ndarray, n_resamples: int, random_state: int | np.random.RandomState | None) -> np.ndarray:
    """Return how often each patient is drawn, (n_patients, 1 + n_resamples); column 0 is the cohort itself."""
    random = check_random_state(random_state)
    counts = np.empty((len(strata), 1 + n_resamples))
    for stratum in np.unique(strata):
        members = strata == stratum
        counts[members] = multiplicities(int(members.sum()), n_resamples, draw_seed(random))
    return counts


def _counts_of(indices: ArrayLike, n_patients: int) -> np.ndarray:
    """Return ``_draw`` of resamples that are given."""
    return np.column_stack([np.ones(n_patients), counts_of_indices(indices, n_patients)])


def counts_of_indices(indices: ArrayLike, n_patients: int) -> np.ndarray:
    """Return how often each patient is in each resample, (n_patients, n_resamples), or refuse the indices."""
    drawn = np.asarray(indices)
    whole = np.issubdtype(drawn.dtype, np.integer) and drawn.ndim == 2 and drawn.shape[0] == n_patients and drawn.size
    if not whole or drawn.min() < 0 or drawn.max() >= n_patients:
        raise RequestError(
            f"indices must be whole numbers from 0 to {n_patients - 1} of shape ({n_patients}, n_resamples), one "
            f"resample a column; they have type {drawn.dtype} and shape {drawn.shape}. Count patients from 0."
        )
    return times_drawn(drawn, n_patients)


def _values(
    metric: str | Metric, label: np.ndarray, scores: np.ndarray, weights: np.ndarray, threshold: float
) -> np.ndarray:
    if callable(metric):
        return np.asarray(metric(label, scores, weights), dtype=float)
    return score(metric, label, scores, weights, threshold=threshold)


def _bias(draws: np.ndarray, value: float) -> float:
    share = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    if share in (0.0, 1.0):
        raise RequestError(
            "All resamples lie on one side of the value, so its bias cannot be corrected; ask for kind='percentile'."
        )
    return float(ndtri(share))


def _acceleration(
    metric: str | Metric,
    label: np.ndarray,
    scores: np.ndarray,
    place: np.ndarray,
    strata: np.ndarray,
    threshold: float,
) -> float:
    """Return the skewness that leaving out one patient at a time shows, stratum by stratum."""
    left_out = _jackknife(metric, label, scores, place, threshold)
    if np.isnan(left_out).any():
        raise RequestError(
            f"Without one of {np.isnan(left_out).sum()} patients the metric does not exist, so 'bca' cannot be "
            "computed; ask for kind='percentile' or add patients of the rarer label."
        )
    cubes = squares = 0.0
    for stratum in np.unique(strata):
        values = left_out[strata == stratum]
        influence = (values.size - 1) / values.size * (values.mean() - values)
        cubes, squares = cubes + np.sum(influence**3), squares + np.sum(influence**2)
    return float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0


def _jackknife(
    metric: str | Metric, label: np.ndarray, scores: np.ndarray, place: np.ndarray, threshold: float
) -> np.ndarray:
    n_patients = place.max() + 1
    at_once = max(1, CELLS // len(label))
    values = []
    for start in range(0, n_patients, at_once):
        patients = np.arange(start, min(start + at_once, n_patients))
        kept = (place[:, None] != patients).astype(float)
        values.append(_values(metric, label, scores, kept, threshold))
    return np.concatenate(values)
