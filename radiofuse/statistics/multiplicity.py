"""Many tests at once: p-values adjusted for their number."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from radiofuse.errors import RequestError

Correction = Literal["bonferroni", "holm", "hochberg", "fdr_bh", "fdr_by"]
CORRECTIONS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "hochberg": "Hochberg",
    "fdr_bh": "Benjamini and Hochberg",
    "fdr_by": "Benjamini and Yekutieli",
}


def adjust_pvalues(pvalues: ArrayLike, method: str) -> np.ndarray:
    """Adjust the p-values of one family of tests, so that comparing them with a level bounds an error of the family.

    Parameters
    ----------
    pvalues : array-like
        Between 0 and 1; NaN is a test that was not made: it stays NaN and does not count.
    method : {"bonferroni", "holm", "hochberg", "fdr_bh", "fdr_by"}
        The first three bound the probability of any false discovery: Bonferroni and Holm always, Hochberg
        for independent or positively dependent tests. The last two bound the expected share of false among
        all discoveries: Benjamini-Hochberg under positive dependence, Benjamini-Yekutieli always.

    Returns
    -------
    ndarray
        Adjusted p-values in the shape of ``pvalues``.

    Raises
    ------
    RequestError
        If ``method`` is none of these, or a p-value lies outside 0 to 1.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    6 (1979) 65-70.
    Y. Hochberg, "A sharper Bonferroni procedure for multiple tests of significance", Biometrika 75 (1988)
    800-802.
    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical
    Society B 57 (1995) 289-300.
    Y. Benjamini and D. Yekutieli, "The control of the false discovery rate in multiple testing under
    dependency", Annals of Statistics 29 (2001) 1165-1188.

    Examples
    --------
    >>> adjust_pvalues([0.01, 0.04, 0.03, np.nan], "holm")
    array([0.03, 0.06, 0.06,  nan])
    >>> adjust_pvalues([0.01, 0.04, 0.03], "fdr_bh")
    array([0.03, 0.04, 0.04])
    """
    if method not in CORRECTIONS:
        raise RequestError(
            f"Expected a correction out of {', '.join(CORRECTIONS)}, got {method!r}; choose one of them."
        )
    pvalues = np.asarray(pvalues, dtype=np.float64)
    if ((pvalues < 0) | (pvalues > 1)).any():
        raise RequestError("Expected p-values between 0 and 1, got others; pass the p-values themselves.")
    tested = np.flatnonzero(~np.isnan(pvalues))
    ascending = tested[np.argsort(pvalues.flat[tested])]
    adjusted = np.full(pvalues.shape, np.nan)
    adjusted.flat[ascending] = np.minimum(_adjust_sorted(pvalues.flat[ascending], method), 1)
    return adjusted


def _adjust_sorted(pvalues: np.ndarray, method: str) -> np.ndarray:
    n_tests = len(pvalues)
    rank = np.arange(1, n_tests + 1)
    if method == "bonferroni":
        return pvalues * n_tests
    if method == "holm":
        return np.maximum.accumulate(pvalues * (n_tests + 1 - rank))
    if method == "hochberg":
        return _step_up(pvalues * (n_tests + 1 - rank))
    false_discoveries = pvalues * (n_tests / rank)
    return _step_up(false_discoveries * np.sum(1 / rank) if method == "fdr_by" else false_discoveries)


def _step_up(scaled: np.ndarray) -> np.ndarray:
    """Return the smallest of each value and its successors."""
    return np.minimum.accumulate(scaled[::-1])[::-1]
