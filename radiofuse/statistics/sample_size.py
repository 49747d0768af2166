"""How many patients a prediction model needs, and what an AUC can be told from chance with."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from radiofuse import notebook
from radiofuse.errors import RequestError

Z_95 = 1.96  # as in the paper and in pmsampsize, not 1.959964


class SampleSize(NamedTuple):
    """Patients that each criterion asks for, and what their largest number means.

    Attributes
    ----------
    n : int
        The largest of the three.
    n_shrinkage, n_optimism, n_intercept : int
        For the expected shrinkage, for a small optimism in Nagelkerke's R², and for the overall risk.
    events : int
        Patients with the outcome among ``n``, rounded up.
    events_per_parameter : float
    r2_cs, r2_max : float
        Cox-Snell R² that was assumed, and the largest one at this prevalence.
    """

    n: int
    n_shrinkage: int
    n_optimism: int
    n_intercept: int
    events: int
    events_per_parameter: float
    r2_cs: float
    r2_max: float

    def _repr_html_(self) -> str:
        return notebook.result(self)


def events_per_variable(y: ArrayLike, n_features: int) -> float:
    """Return the rows of the rarest class per candidate feature.

    Below 10, coefficients and their intervals are unreliable. Candidates are all features that selection
    could have taken, not those that it took.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Two classes or more.
    n_features : int
        Candidate features, at least 1.

    Raises
    ------
    RequestError
        If there is one class only, or no feature.

    See Also
    --------
    riley_sample_size : What replaces the rule of thumb.

    References
    ----------
    P. Peduzzi et al., "A simulation study of the number of events per variable in logistic regression
    analysis", Journal of Clinical Epidemiology 49 (1996) 1373-1379.

    Examples
    --------
    >>> events_per_variable([0, 0, 0, 0, 1, 1], 4)
    0.5
    """
    counts = np.unique(np.asarray(y), return_counts=True)[1]
    if len(counts) < 2 or n_features < 1:
        raise RequestError(
            f"Events per variable need two classes and a feature; y holds {len(counts)} and there are {n_features}. "
            "Pass the labels of all rows, and the number of candidate features."
        )
    return float(counts.min() / n_features)


def riley_sample_size(
    n_parameters: int,
    prevalence: float,
    *,
    r2_cs: float | None = None,
    auc: float | None = None,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    margin: float = 0.05,
) -> SampleSize:
    """Return the patients needed to develop a model of a binary outcome.

    Parameters
    ----------
    n_parameters : int
        Candidate predictor parameters (not counting the intercept).
    prevalence : float
        Share of patients with the outcome, between 0 and 1.
    r2_cs : float, optional
        Cox-Snell R² to be expected, adjusted for optimism. Either this or ``auc``.
    auc : float, optional
        AUC to be expected, above .5; see `cox_snell_of_auc`.
    shrinkage : float, default=0.9
        Criterion 1: the least expected shrinkage of coefficients.
    optimism : float, default=0.05
        Criterion 2: the largest difference between apparent and adjusted Nagelkerke R².
    margin : float, default=0.05
        Criterion 3: half the width of the 95 % interval of the overall risk.

    Raises
    ------
    RequestError
        If an argument is out of its range, or R² above what the prevalence allows.

    See Also
    --------
    cox_snell_of_auc : Its R² from an AUC that was published.
    events_per_variable : The rule of thumb.
    auc_power : The power to find an AUC.

    References
    ----------
    R. D. Riley et al., "Minimum sample size for developing a multivariable prediction model: part II -
    binary and time-to-event outcomes", Statistics in Medicine 38 (2019) 1276-1296.
    R. D. Riley et al., "Calculating the sample size required for developing a clinical prediction model",
    BMJ 368 (2020) m441.

    Examples
    --------
    The example of the R package pmsampsize: 662 patients, 116 events, 4.8 of them per parameter.

    >>> need = riley_sample_size(24, 0.174, r2_cs=0.288)
    >>> need.n, need.events, round(need.events_per_parameter, 1)
    (662, 116, 4.8)
    """
    _require_shares(prevalence=prevalence, shrinkage=shrinkage, optimism=optimism, margin=margin)
    if n_parameters < 1 or (r2_cs is None) == (auc is None):
        raise RequestError(
            f"Riley's criteria need a parameter or more (got {n_parameters}) and either r2_cs or auc (got r2_cs="
            f"{r2_cs}, auc={auc}). Pass the one that earlier studies report."
        )
    r2 = cox_snell_of_auc(cast(float, auc), prevalence) if r2_cs is None else r2_cs
    r2_max = 1 - (prevalence**prevalence * (1 - prevalence) ** (1 - prevalence)) ** 2
    most = min(r2_max, shrinkage, 1 - optimism * r2_max)
    if not 0 < r2 < most:
        raise RequestError(
            f"A Cox-Snell R² of {r2:.4g} is not between 0 and {most:.4g}, the most that prevalence {prevalence:g}, "
            f"shrinkage {shrinkage:g} and optimism {optimism:g} allow. Convert a Nagelkerke R² by "
            f"multiplying it with {r2_max:.4g}."
        )
    n_shrinkage = _n_for_shrinkage(n_parameters, r2, shrinkage)
    n_optimism = _n_for_shrinkage(n_parameters, r2, r2 / (r2 + optimism * r2_max))
    n_intercept = math.ceil((Z_95 / margin) ** 2 * prevalence * (1 - prevalence))
    n = max(n_shrinkage, n_optimism, n_intercept)
    events = n * prevalence
    return SampleSize(
        n, n_shrinkage, n_optimism, n_intercept, math.ceil(events), events / n_parameters, float(r2), float(r2_max)
    )


def _n_for_shrinkage(n_parameters: int, r2: float, shrinkage: float) -> int:
    """Solve the expected heuristic shrinkage of van Houwelingen and le Cessie for n."""
    return math.ceil(n_parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))


def cox_snell_of_auc(auc: float, prevalence: float) -> float:
    """Return the Cox-Snell R² of a model with this AUC.

    The model's log-odds are taken as normal with the same variance in both classes, as Riley et al. do.
    They draw a million patients; here the expected likelihood is integrated.

    Parameters
    ----------
    auc : float
        Above .5, below 1.
    prevalence : float
        Share of patients with the outcome.

    Raises
    ------
    RequestError
        If an argument is out of its range.

    See Also
    --------
    riley_sample_size : What asks for it.

    References
    ----------
    R. D. Riley, B. Van Calster and G. S. Collins, "A note on estimating the Cox-Snell R² from a reported
    C statistic (AUROC) to inform sample size calculations for developing a prediction model with a binary
    outcome", Statistics in Medicine 40 (2021) 859-864.

    Examples
    --------
    >>> round(cox_snell_of_auc(0.8, 0.3), 3)
    0.228
    """
    _require_shares(prevalence=prevalence)
    if not 0.5 < auc < 1:
        raise RequestError(f"An AUC to plan with lies above .5 and below 1, got {auc}. Pass what studies report.")
    distance = math.sqrt(2) * ndtri(auc)
    # The trapezoidal rule converges exponentially on an analytic function that vanishes at both ends.
    z, step = np.linspace(-10, 10, 4001, retstep=True)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * step
    log_odds = math.log(prevalence / (1 - prevalence)) + distance * z
    positive = -prevalence * density @ np.logaddexp(0, -(log_odds + distance**2 / 2))
    negative = -(1 - prevalence) * density @ np.logaddexp(0, log_odds - distance**2 / 2)
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    return float(-math.expm1(-2 * (positive + negative - null)))


def auc_power(
    auc: float, n_positive: int, n_negative: int, alpha: float = 0.05, *, variance: str = "hanley_mcneil"
) -> float:
    """Return the probability that a two-sided test against .5 finds this AUC.

    Parameters
    ----------
    auc : float
        The true AUC, between 0 and 1. Only findings on its side of .5 count, so .5 itself has the power
        ``alpha`` / 2.
    n_positive, n_negative : int
        Patients of each class.
    alpha : float, default=0.05
        Two-sided level.
    variance : {"hanley_mcneil", "obuchowski"}, default="hanley_mcneil"
        Of the estimated AUC, for exponential or for normal scores. The latter is what ``power.roc.test``
        of R's pROC takes.

    Raises
    ------
    RequestError
        If an argument is out of its range.

    See Also
    --------
    riley_sample_size : Patients to learn from, rather than to test on.

    References
    ----------
    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143 (1982) 29-36.
    N. A. Obuchowski, M. L. Lieber and F. H. Wians, "ROC curves in clinical chemistry: uses, misuses, and
    possible solutions", Clinical Chemistry 50 (2004) 1118-1125.

    Examples
    --------
    >>> round(auc_power(0.7, 30, 60), 2)
    0.88
    """
    _require_shares(auc=auc, alpha=alpha)
    if variance not in AUC_VARIANCES or min(n_positive, n_negative) < 1:
        raise RequestError(
            f"variance is one of {sorted(AUC_VARIANCES)} (got {variance!r}) and each class has patients (got "
            f"{n_positive} and {n_negative})."
        )
    auc = max(auc, 1 - auc)
    by_chance, at_auc = (AUC_VARIANCES[variance](area, n_positive, n_negative) for area in (0.5, auc))
    return float(ndtr((auc - 0.5 + ndtri(alpha / 2) * math.sqrt(by_chance)) / math.sqrt(at_auc)))


def _hanley_mcneil(auc: float, n_positive: int, n_negative: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (q1 - auc**2) + (n_negative - 1) * (q2 - auc**2)
    return spread / (n_positive * n_negative)


def _obuchowski(auc: float, n_positive: int, n_negative: int) -> float:
    a, ratio = 1.414 * ndtri(auc), n_negative / n_positive
    return 0.0099 * math.exp(-(a**2) / 2) * (5 * a**2 + 8 + (a**2 + 8) / ratio) / n_positive


AUC_VARIANCES = {"hanley_mcneil": _hanley_mcneil, "obuchowski": _obuchowski}


def _require_shares(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise RequestError(f"{name} lies between 0 and 1 (got {value}). Pass a share, not a percentage.")
