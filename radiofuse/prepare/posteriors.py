"""What empirical Bayes makes of the shifts and scales of one site over its features.

References
----------
W. E. Johnson, C. Li and A. Rabinovic, "Adjusting batch effects in microarray expression data using empirical Bayes
methods", Biostatistics 8 (2007) 118-127, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiofuse.errors import CohortError
from radiofuse.prepare.covariate_effects import mean_of_known

CONVERGED = 1e-4  # sva's own: largest relative change of an iteration
BLOCK = 256  # features whose likelihoods are held in memory at a time


@dataclass(frozen=True)
class SiteEstimator:
    """How shift and scale of a site are estimated; the parameters are those of `ComBat`."""

    parametric: bool
    empirical_bayes: bool
    mean_only: bool

    def effects(self, standardized: np.ndarray, adjusted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return shift and squared scale of one site; NaN where its rows cannot tell, 0 and 1 if not adjusted."""
        count = (~np.isnan(standardized)).sum(axis=0)
        mean = mean_of_known(standardized)
        squares = np.nansum((standardized - mean) ** 2, axis=0)
        variance = np.ones_like(mean) if self.mean_only else squares / np.maximum(count - 1, 1)
        known = adjusted & (count >= (1 if self.mean_only else 2)) & (variance > 0)
        gamma = np.where(adjusted, np.nan, 0.0)
        delta = np.where(adjusted, np.nan, 1.0)
        if known.any():
            gamma[known], delta[known] = self._posterior(mean[known], variance[known], squares[known], count[known])
        return gamma, delta

    def _posterior(
        self, mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.empirical_bayes:
            return mean, variance
        if len(mean) < 2:
            raise CohortError(
                "The table",
                [
                    "Empirical Bayes learns from several features what a site does to one, and only 1 feature varies "
                    "within every site. Pass empirical_bayes=False, or more features."
                ],
            )
        if not self.parametric:
            return nonparametric_posterior(mean, variance, squares, count)
        if self.mean_only:
            return shrunken_mean(mean, 1.0, 1.0), variance
        return parametric_posterior(mean, variance, squares, count)


def shrunken_mean(mean: np.ndarray, count: np.ndarray | float, variance: np.ndarray | float) -> np.ndarray:
    """Return the posterior mean of shifts under the normal prior that the shifts themselves show."""
    prior_mean, prior_variance = mean.mean(), mean.var(ddof=1)
    return (count * prior_variance * mean + variance * prior_mean) / (count * prior_variance + variance)


def parametric_posterior(
    mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Alternate the two conditional posterior means of Johnson et al., section 3.2, until they settle."""
    # The inverse gamma prior has a = 2 + m²/s and b = m + m³/s; multiplied by s, equal scales (s = 0) do no harm.
    center, spread = variance.mean(), variance.var(ddof=1)
    gamma, delta, change = mean, variance, np.inf
    while change > CONVERGED:
        new_gamma = shrunken_mean(mean, count, delta)
        around = squares + count * (mean - new_gamma) ** 2
        new_delta = (around / 2 * spread + center * spread + center**3) / ((count / 2 + 1) * spread + center**2)
        with np.errstate(divide="ignore", invalid="ignore"):  # a shift of exactly 0
            # sva divides by the signed shift; its iterations are counted by the same rule here.
            changes = np.abs(new_gamma - gamma) / gamma, np.abs(new_delta - delta) / delta
        change = np.fmax.reduce(changes, axis=None)
        gamma, delta = new_gamma, new_delta
    return gamma, delta


def nonparametric_posterior(
    mean: np.ndarray, variance: np.ndarray, squares: np.ndarray, count: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Average shifts and scales of the other features, weighted by how well they explain each feature's values."""
    gamma, delta = np.empty_like(mean), np.empty_like(variance)
    half_log, half_precision = np.log(variance) / 2, 0.5 / variance
    for start in range(0, len(mean), BLOCK):
        own = np.arange(start, min(start + BLOCK, len(mean)))
        n = count[own, None]
        log_weight = -n * half_log - (squares[own, None] + n * (mean[own, None] - mean) ** 2) * half_precision
        log_weight[np.arange(len(own)), own] = -np.inf
        log_weight -= log_weight.max(axis=1, keepdims=True)
        weight = np.exp(log_weight, out=log_weight)
        total = weight.sum(axis=1)
        gamma[own], delta[own] = weight @ mean / total, weight @ variance / total
    return gamma, delta
