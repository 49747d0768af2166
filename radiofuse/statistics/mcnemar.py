"""Do two classifiers make different calls? McNemar's test of paired calls."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc
from scipy.stats import binomtest
from sklearn.utils._param_validation import StrOptions, validate_params

from radiofuse import notebook
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_calls


class McNemar(NamedTuple):
    """Rows that one classifier alone calls rightly, and the test of their difference."""

    only_a: int  # rows that a calls rightly and b does not
    only_b: int
    statistic: float  # chi-squared with one degree of freedom; NaN of the exact test, which has none
    p_value: float

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "label": ["array-like"],
        "call_a": ["array-like"],
        "call_b": ["array-like"],
        "method": [StrOptions({"exact", "chi2", "chi2_corrected"})],
    },
    prefer_skip_nested_validation=True,
)
def mcnemar_test(
    label: ArrayLike,
    call_a: ArrayLike,
    call_b: ArrayLike,
    *,
    method: Literal["exact", "chi2", "chi2_corrected"] = "exact",
) -> McNemar:
    """Test whether two classifiers call equally many rows rightly.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1, of independent rows: one per patient.
    call_a, call_b : array-like of shape (n_samples,)
        What each classifier says: 0 or 1, or booleans.
    method : {"exact", "chi2", "chi2_corrected"}, default="exact"
        "exact": binomial, right for any count; "chi2": McNemar's, for 25 discordant rows or more;
        "chi2_corrected": with Edwards' continuity correction.

    Returns
    -------
    McNemar
        Only rows on which the two disagree count; without any the p-value is 1.

    Raises
    ------
    RequestError
        Labels or calls other than 0 and 1, or unequal lengths.

    See Also
    --------
    compare_models : Compares probabilities rather than calls.
    net_reclassification : Counts the calls that moved.

    References
    ----------
    McNemar 1947, Psychometrika 12:153-157. Edwards 1948, Psychometrika 13:185-187 (correction).
    Dietterich 1998, Neural Comput 10:1895-1923 (between classifiers).

    Examples
    --------
    >>> found = mcnemar_test([1, 1, 1, 0, 0], [1, 1, 1, 0, 1], [0, 0, 0, 0, 1])
    >>> found.only_a, found.only_b, found.p_value
    (3, 0, 0.25)
    """
    refuse_misaligned(label=label, call_a=call_a, call_b=call_b)
    label, call_a = check_calls(label, call_a)
    label, call_b = check_calls(label, call_b)
    right_a, right_b = call_a == label, call_b == label
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    n_discordant = only_a + only_b
    if method == "exact":
        p_value = binomtest(only_a, n_discordant).pvalue if n_discordant else 1.0
        return McNemar(only_a, only_b, np.nan, float(p_value))
    distance = max(abs(only_a - only_b) - (method == "chi2_corrected"), 0)
    statistic = distance**2 / n_discordant if n_discordant else 0.0
    return McNemar(only_a, only_b, statistic, float(chdtrc(1, statistic)))
