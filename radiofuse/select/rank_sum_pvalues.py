"""The p-values of Mann-Whitney's U: by the normal approximation, and exact."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from radiofuse.errors import RequestError

METHODS = ("asymptotic", "exact", "auto")
SMALL_CLASS = 8  # scipy's own limit for the exact distribution under method="auto"


def asymptotic_pvalue(
    U: np.ndarray, tie_term: np.ndarray, n_pairs: np.ndarray, n: np.ndarray, continuity: bool
) -> np.ndarray:
    """Return the p-values of the normal approximation, ties allowed for; 1 for a constant column."""
    # The order of operations is scipy's, so that the last bit agrees.
    with np.errstate(divide="ignore", invalid="ignore"):  # constant columns, and those with fewer than two values
        spread = np.sqrt(n_pairs / 12 * ((n + 1) - tie_term / (n * (n - 1))))
        z = (np.maximum(U, n_pairs - U) - n_pairs / 2 - (0.5 if continuity else 0.0)) / spread
    return np.where(spread > 0, np.clip(special.ndtr(-z) * 2, 0.0, 1.0), 1.0)


def exact_columns(method: str, tie_term: np.ndarray, n_positive: np.ndarray, n_negative: np.ndarray) -> np.ndarray:
    """Say which columns are tested exactly; ``auto`` does so where a class is small, and ties rule it out.

    Raises
    ------
    RequestError
        If ``method`` is unknown.
    """
    if method not in METHODS:
        raise RequestError(f"Expected a method out of {', '.join(METHODS)}, got {method!r}; choose one of them.")
    smaller = np.minimum(n_positive, n_negative)
    untied = (smaller > 0) & (tie_term == 0)
    return untied & (smaller <= SMALL_CLASS) if method == "auto" else untied & (method == "exact")


def exact_pvalue(twice_U: np.ndarray, n_positive: np.ndarray, n_negative: np.ndarray) -> np.ndarray:
    """Return exact p-values, which depend on a column through U and the sizes of its classes alone."""
    cases, case_of = np.unique(np.column_stack([n_positive, n_negative, twice_U]), axis=0, return_inverse=True)
    pvalue = np.empty(len(cases))
    for sizes in np.unique(cases[:, :2], axis=0):
        alike = (cases[:, :2] == sizes).all(axis=1)
        samples = _samples_with(cases[alike, 2], *sizes)
        pvalue[alike] = stats.mannwhitneyu(*samples, axis=1, method="exact").pvalue
    return pvalue[case_of.ravel()]


def _samples_with(twice_U: np.ndarray, n_positive: int, n_negative: int) -> tuple[np.ndarray, np.ndarray]:
    """Return one pair of samples per U. Above the negatives 0, 1, 2, …, a positive (h − 1) / 2 adds h to twice U."""
    halves, rest = np.divmod(twice_U[:, None], n_positive)
    positives = (halves + (np.arange(n_positive) < rest) - 1) / 2
    return positives, np.arange(float(n_negative))[None]
