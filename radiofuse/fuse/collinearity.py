"""Members that say nearly the same: weights between them are a matter of chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.fuse.absent import fill_absent
from radiofuse.fuse.combiners import log_odds, log_probability
from radiofuse.wording import listed

HIGH_INFLATION, HIGH_INDEX = 10.0, 30.0  # Marquardt (1970); Belsley, Kuh and Welsch (1980), chapter 3


def collinearity(members: Sequence[str], P: np.ndarray) -> pd.DataFrame:
    """Return how far each member's log-odds are told by those of the others.

    Parameters
    ----------
    members : sequence of str
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
        Out-of-fold probabilities; of more than two classes the largest values over the classes count.

    Returns
    -------
    DataFrame
        Columns member, vif (variance inflation, 1 / (1 - R squared) of the member on the others; from 10 on
        high) and condition_index, the same for all: the largest singular value of the columns, each of length 1 and
        one of ones among them, divided by the smallest; from 30 on high. Infinite where a member is a sum of others.

    References
    ----------
    Marquardt (1970). Generalized inverses, ridge regression, biased linear estimation, and nonlinear estimation.
    Technometrics 12, 591-612.
    Belsley, Kuh, Welsch (1980). Regression Diagnostics, chapter 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, other = rng.uniform(0.1, 0.9, 100), rng.uniform(0.1, 0.9, 100)
    >>> P = np.column_stack([first, first + rng.uniform(-0.01, 0.01, 100), other])
    >>> collinearity(["t1", "t1ce", "flair"], P)["vif"].gt(10).tolist()
    [True, True, False]
    """
    each = [log_odds(P)] if P.ndim == 2 else [log_probability(P[:, :, label]) for label in range(P.shape[2])]
    filled = [fill_absent(values, np.ones(P.shape[1])) for values in each]
    inflation = np.max([_inflation(values) for values in filled], axis=0)
    index = max(_condition_index(values) for values in filled)
    return pd.DataFrame({"member": list(members), "vif": inflation, "condition_index": index})


def collinear_words(table: pd.DataFrame) -> str:
    """Return a sentence where members are collinear, else nothing.

    Parameters
    ----------
    table : DataFrame
        Of `collinearity`.

    Examples
    --------
    >>> table = pd.DataFrame({"member": ["t1", "t1ce", "flair"], "vif": [15.2, 14.9, 1.1], "condition_index": 12.0})
    >>> collinear_words(table)[:54]
    'Members t1 and t1ce say nearly the same out of fold (v'
    >>> collinear_words(table.assign(vif=1.0))
    ''
    """
    high = table[table["vif"] >= HIGH_INFLATION]
    index = table["condition_index"].iloc[0]
    if high.empty and not index >= HIGH_INDEX:
        return ""
    names, inflation = list(high["member"]) or list(table["member"]), table["vif"].max()
    if np.isinf(max(inflation, index)):
        alike = "say the same out of fold, or one says what others say together"
    else:
        alike = (
            f"say nearly the same out of fold (variance inflation up to {inflation:.0f}, condition index {index:.0f})"
        )
    return (
        f"Members {listed(names)} {alike}: their learned weights may change places from sample to sample. Read them "
        "together, or use a mean."
    )


def _inflation(values: np.ndarray) -> np.ndarray:
    """Return the diagonal of the inverse correlation matrix; 1 of a member that does not vary."""
    centered = values - values.mean(axis=0)
    inflation, vary = np.ones(values.shape[1]), np.flatnonzero(centered.any(axis=0) & (values.std(axis=0) > 1e-12))
    for place, member in enumerate(vary):
        others = np.delete(vary, place)
        left = centered[:, member]
        if len(others):
            left = left - centered[:, others] @ np.linalg.lstsq(centered[:, others], left)[0]
        share = (left @ left) / (centered[:, member] @ centered[:, member])
        inflation[member] = 1 / share if share > 1e-12 else np.inf
    return inflation


def _condition_index(values: np.ndarray) -> float:
    columns = np.column_stack([np.ones(len(values)), values])
    lengths = np.linalg.norm(columns, axis=0)
    singular = np.linalg.svd(columns[:, lengths > 0] / lengths[lengths > 0], compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 1e-12 * singular[0] else float("inf")
