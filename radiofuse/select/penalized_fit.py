"""A cross-validated path of penalties: the grid, the curve, the rules that choose from it, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiofuse.errors import RequestError

SMALLEST_ALPHA = 1e-3  # end of the grid as a share of its first penalty, as in scikit-learn; glmnet: .01 where p > n
PATIENCE = 20  # penalties in a row more than one standard error above the minimum that end the path


class PathEdgeWarning(UserWarning):
    """The cross-validated error is least at the smallest penalty of the grid, so a smaller one may be better."""


@dataclass(frozen=True)
class PenalizedFit:
    """Penalized regressions on all rows along a path of penalties, and their cross-validated error.

    Coefficients belong to columns standardized over all rows, weighted where the rows are: mean 0,
    1/n standard deviation 1; a constant column has 0.

    Attributes
    ----------
    alphas : ndarray of shape (n_run,)
        Penalties, falling. Shorter than the grid where the path was stopped past its minimum.
    cv_mean, cv_se : ndarray of shape (n_run,)
        Error over the held-out rows, and its standard error over the folds.
    coef_path : ndarray of shape (n_run, n_features) or (n_run, n_classes, n_features)
        Coefficients; the second shape for the multinomial family.
    intercept_path : ndarray of shape (n_run,) or (n_run, n_classes)
        Intercepts.
    n_nonzero : ndarray of shape (n_run,)
        Columns with a non-zero coefficient, in any class.
    dev_ratio : ndarray of shape (n_run,)
        Share of the null deviance that the fit on all rows explains.
    stopped_early : bool
        Whether the path ended before the grid did.
    strength : ndarray of shape (n_features,)
        How much each column would move first: the absolute gradient at the model of the intercept alone.
    """

    alphas: np.ndarray
    cv_mean: np.ndarray
    cv_se: np.ndarray
    coef_path: np.ndarray
    intercept_path: np.ndarray
    n_nonzero: np.ndarray
    dev_ratio: np.ndarray
    stopped_early: bool
    strength: np.ndarray

    def index(self, rule: str) -> int:
        """Return where the error is least ("min"), or the first within one standard error of it ("1se")."""
        least = int(np.argmin(self.cv_mean))
        if rule == "min":
            return least
        return int(np.argmax(self.cv_mean <= self.cv_mean[least] + self.cv_se[least]))

    @property
    def least_at_edge(self) -> bool:
        """Whether the error is least at the smallest penalty of the grid."""
        return not self.stopped_early and len(self.alphas) > 1 and self.index("min") == len(self.alphas) - 1


def alpha_grid(first_alpha: float, n_alphas: int) -> np.ndarray:
    """Return ``n_alphas`` penalties from ``first_alpha`` down to a thousandth of it, evenly spaced in the logarithm.

    Examples
    --------
    >>> alpha_grid(2.0, 4).round(6).tolist()
    [2.0, 0.2, 0.02, 0.002]
    """
    return first_alpha * np.geomspace(1, SMALLEST_ALPHA, n_alphas)


def require_falling(alphas: np.ndarray) -> None:
    """Refuse penalties that are not positive or do not fall.

    Raises
    ------
    RequestError
        If so.

    Examples
    --------
    >>> require_falling(np.array([1.0, 0.1]))
    """
    if not (len(alphas) and np.all(np.diff(alphas) < 0) and alphas[-1] > 0):
        raise RequestError(f"alphas: expected positive numbers that fall, got {alphas}; sort them, the largest first.")


def error_over_folds(errors: np.ndarray, fold_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over folds as cv.glmnet does.

    Parameters
    ----------
    errors : ndarray of shape (..., n_folds)
        Error per fold, the weighted mean over its held-out rows.
    fold_weights : ndarray of shape (n_folds,)
        Sum of the weights of the held-out rows of each fold: their number where rows are not weighted.

    Returns
    -------
    mean, se : ndarray of shape (...)
        Σwe / Σw, and √(Σw(e − mean)² / Σw / (n_folds − 1)).

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", Journal of Statistical Software 33 (2010) 1-22; ``cvstats`` of the R package glmnet.

    Examples
    --------
    >>> mean, se = error_over_folds(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    >>> float(mean), round(float(se), 6)
    (2.0, 1.414214)
    """
    shares = fold_weights / fold_weights.sum()
    mean = errors @ shares
    return mean, np.sqrt((errors - mean[..., None]) ** 2 @ shares / (len(shares) - 1))


def is_past_minimum(mean: np.ndarray, se: np.ndarray) -> bool:
    """Return whether the last `PATIENCE` errors all lie more than one standard error above the least.

    Examples
    --------
    >>> is_past_minimum(np.r_[1.0, 0.5, np.full(20, 0.7)], np.full(22, 0.1))
    True
    """
    if len(mean) <= PATIENCE:
        return False
    least = mean.argmin()
    return bool(mean[-PATIENCE:].min() > mean[least] + se[least])
