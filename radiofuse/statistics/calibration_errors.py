"""One number for the distance of probabilities and frequencies: calibration errors over bins, and Brier's parts."""

from __future__ import annotations

from numbers import Integral
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.statistics.calibration import Strategy, probability_bins
from radiofuse.statistics.inputs import check_binary, check_multiclass

BINNING_RULES = {
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "strategy": [StrOptions({"uniform", "quantile"})],
}
ERROR_RULES = BINNING_RULES | {"norm": [StrOptions({"l1", "l2", "max"})]}


@validate_params(ERROR_RULES, prefer_skip_nested_validation=True)
def calibration_error(
    label: ArrayLike,
    probability: ArrayLike,
    *,
    norm: Literal["l1", "l2", "max"] = "l1",
    n_bins: int = 10,
    strategy: Strategy = "uniform",
) -> float:
    """Return the expected, root-mean-square or maximum calibration error.

    The distance of mean probability and share of positives in each bin, averaged over the rows, as a root of
    the mean square, or the greatest. It depends on the bins, and chance alone keeps it above 0 where rows are
    few: compare models on the same rows and bins only.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    probability : array-like of shape (n_samples,)
        Probability of label 1.
    norm : {"l1", "l2", "max"}, default="l1"
        "l1" is the expected (ECE), "max" the maximum calibration error (MCE).
    n_bins : int, default=10
        Bins asked for; empty ones do not count.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of about equal count, called adaptive. Bins hold their upper edge, as in
        `calibration_points`.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, probabilities outside 0 to 1, or unequal lengths.

    See Also
    --------
    multiclass_calibration_error : Of more than two classes.
    calibration_points : The bins themselves.
    brier_decomposition : In squares, with resolution beside it.

    References
    ----------
    Naeini, Cooper and Hauskrecht 2015, AAAI 29:2901-2907 (ECE, MCE). Kumar, Liang and Ma 2019, NeurIPS 32 (l2).
    Nixon et al. 2019, CVPR Workshops 38-41 (adaptive bins).

    Examples
    --------
    >>> calibration_error([0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75], n_bins=2)
    0.25
    >>> calibration_error([0, 1, 1, 1], [0.25, 0.25, 0.75, 1.0], n_bins=2, norm="max")
    0.25
    """
    label, probability = check_binary(label, probability)
    return _error(label, probability, norm, n_bins, strategy)


@validate_params(
    ERROR_RULES | {"kind": [StrOptions({"top_label", "classwise"})], "classes": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def multiclass_calibration_error(
    label: ArrayLike,
    probabilities: ArrayLike,
    *,
    kind: Literal["top_label", "classwise"] = "top_label",
    classes: ArrayLike | None = None,
    norm: Literal["l1", "l2", "max"] = "l1",
    n_bins: int = 15,
    strategy: Strategy = "uniform",
) -> float:
    """Return the calibration error of the most probable class, or the mean of the classes' own.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        Class of each row.
    probabilities : array-like of shape (n_samples, n_classes)
        Probability of each class; rows add up to 1.
    kind : {"top_label", "classwise"}, default="top_label"
        Whether the greatest probability is compared with how often its class is right (of equally probable
        classes the first), or each class is held against the rest and the errors are averaged.
    classes : array-like of shape (n_classes,), optional
        Class of each column; the sorted labels by default.
    norm, n_bins, strategy
        As in `calibration_error`.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    RequestError
        Probabilities that do not fit the classes, lie outside 0 to 1, or do not add up to 1.

    See Also
    --------
    calibration_error : Of two classes.

    References
    ----------
    Guo et al. 2017, ICML 34:1321-1330 (top label). Kull et al. 2019, NeurIPS 32 (classwise).

    Examples
    --------
    >>> multiclass_calibration_error(["a", "b", "c", "a"], [[0.5, 0.25, 0.25]] * 4)
    0.0
    >>> multiclass_calibration_error(["a", "b", "a", "a"], [[0.5, 0.5]] * 4, kind="classwise")
    0.25
    """
    column, probabilities, classes = check_multiclass(label, probabilities, classes)
    if kind == "top_label":
        right = probabilities.argmax(axis=1) == column
        return _error(right, probabilities.max(axis=1), norm, n_bins, strategy)
    errors = [_error(column == k, probabilities[:, k], norm, n_bins, strategy) for k in range(len(classes))]
    return float(np.mean(errors))


def _error(label: np.ndarray, probability: np.ndarray, norm: str, n_bins: int, strategy: str) -> float:
    _, bin_of_row = probability_bins(probability, n_bins, strategy)
    n = np.bincount(bin_of_row)
    gap = np.abs(np.bincount(bin_of_row, probability - label)[n > 0] / n[n > 0])
    if norm == "max":
        return float(gap.max())
    share = n[n > 0] / len(label)
    return float(share @ gap) if norm == "l1" else float(np.sqrt(share @ gap**2))


def resampled_errors(
    label: np.ndarray, probability: np.ndarray, counts: np.ndarray, *, n_bins: int = 10, strategy: Strategy = "uniform"
) -> np.ndarray:
    """Return the expected calibration error under each column of weights, in the bins of the rows themselves.

    Parameters
    ----------
    label, probability : ndarray of shape (n_samples,)
    counts : ndarray of shape (n_samples, n_resamples)
        How often each row is in a resample.
    n_bins, strategy
        As in `calibration_error`.

    Examples
    --------
    >>> label, probability = np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.75, 0.75])
    >>> resampled_errors(label, probability, np.array([[1, 0], [1, 2], [1, 0], [1, 0]]), n_bins=2).tolist()
    [0.25, 0.75]
    """
    edges, bin_of_row = probability_bins(probability, n_bins, strategy)
    in_bin = (bin_of_row == np.arange(len(edges) - 1)[:, None]) * (probability - label)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without any row has no error
        return np.abs(in_bin @ counts).sum(axis=0) / counts.sum(axis=0)


class BrierParts(NamedTuple):
    """Parts of the Brier score; reliability - resolution + uncertainty + within_variance - within_covariance."""

    brier: float
    reliability: float  # mean squared distance of mean probability and share of positives in a bin; 0 is best
    resolution: float  # variance of the shares of positives between bins; great is good
    uncertainty: float  # variance of the labels, which no model changes
    within_variance: float  # of the probabilities inside bins
    within_covariance: float  # twice that of probabilities and labels inside bins

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(BINNING_RULES, prefer_skip_nested_validation=True)
def brier_decomposition(
    label: ArrayLike, probability: ArrayLike, *, n_bins: int = 10, strategy: Strategy = "uniform"
) -> BrierParts:
    """Split the Brier score into reliability, resolution and uncertainty, and what the binning hides.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    probability : array-like of shape (n_samples,)
        Probability of label 1.
    n_bins, strategy
        As in `calibration_error`.

    Returns
    -------
    BrierParts
        The sum is exact; the terms within bins vanish where each bin holds one probability.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, probabilities outside 0 to 1, or unequal lengths.

    See Also
    --------
    brier : The score itself.
    calibration_error : In probabilities rather than squares.

    References
    ----------
    Murphy 1973, J Appl Meteorol 12:595-600. Stephenson, Coelho and Jolliffe 2008, Weather Forecast 23:752-757,
    eq. 5 (terms within bins).

    Examples
    --------
    >>> parts = brier_decomposition([0, 0, 0, 1, 0, 1, 1, 1], [0.25] * 4 + [0.5] * 4)
    >>> parts.brier, parts.reliability, parts.resolution, parts.uncertainty
    (0.21875, 0.03125, 0.0625, 0.25)
    """
    label, probability = check_binary(label, probability)
    _, bin_of_row = probability_bins(probability, n_bins, strategy)
    n = np.maximum(np.bincount(bin_of_row), 1)
    share, mean = (np.bincount(bin_of_row, values)[bin_of_row] / n[bin_of_row] for values in (label, probability))
    parts = {
        "brier": (probability - label) ** 2,
        "reliability": (mean - share) ** 2,
        "resolution": (share - label.mean()) ** 2,
        "uncertainty": (label - label.mean()) ** 2,
        "within_variance": (probability - mean) ** 2,
        "within_covariance": 2 * (label - share) * (probability - mean),
    }
    return BrierParts(**{name: float(np.mean(values)) for name, values in parts.items()})
