"""The exact LASSO path of least squares, and its cross-validation, all folds in step."""

from __future__ import annotations

import numpy as np

from radiofuse.errors import CohortError
from radiofuse.names import kernel
from radiofuse.prepare.constant import ROUNDING
from radiofuse.prepare.standardize import center_and_scale
from radiofuse.select.penalized_fit import PenalizedFit, alpha_grid, error_over_folds, is_past_minimum, require_falling

_lasso_path = kernel("select._lasso_path")

WIDE = 1.4  # columns per row beyond which following only what the strong rule leaves pays for checking the others


def lasso_path_cv(
    X: np.ndarray,
    y: np.ndarray,
    folds: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    n_alphas: int = 100,
    alphas: np.ndarray | None = None,
    full_path: bool = False,
) -> PenalizedFit:
    """Follow the LASSO along a path of penalties, and cross-validate it, all folds in step.

    Minimizes Σwᵢ(yᵢ − b₀ − zᵢ·b)² / 2Σwᵢ + α‖b‖₁ on columns z standardized with the training rows of
    each fit. Each path is exact: between two knots the solution is linear in the penalty, and the knots
    are found one after the other; of a wide table only the columns that the strong rule leaves are
    followed, and at every penalty the others are checked. Of columns that are the same up to scale the
    first is used. The path ends 20 penalties after the curve has risen more than one standard error above
    its minimum: what follows is overfitted and, being badly conditioned, where other programs spend nine
    tenths of their time.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite features, not standardized; one that is constant never enters.
    y : ndarray of shape (n_samples,)
        Numbers, for a class label 0 and 1.
    folds : ndarray of shape (n_samples,)
        The fold in which each row is held out; at least two folds.
    sample_weight : ndarray of shape (n_samples,), optional
        Not negative. Weights the loss, the standardization and the held-out error; a row of weight 0 is absent.
    n_alphas : int, default=100
        Penalties in the grid, from the first that lets a feature enter down to a thousandth of it.
    alphas : ndarray of shape (n_alphas,), optional
        Penalties, falling, instead of that grid; on the scale of ``y`` (glmnet's lambda).
    full_path : bool, default=False
        Do not stop past the minimum.

    Returns
    -------
    PenalizedFit
        Its error is the squared error per row.

    Raises
    ------
    CohortError
        If there are fewer than two folds.
    RequestError
        If ``alphas`` do not fall.

    References
    ----------
    M. R. Osborne, B. Presnell and B. A. Turlach, "A new approach to variable selection in least squares
    problems", IMA Journal of Numerical Analysis 20 (2000) 389-403.
    B. Efron et al., "Least angle regression", Annals of Statistics 32 (2004) 407-499, section 3.1.
    R. Tibshirani et al., "Strong rules for discarding predictors in lasso-type problems", Journal of the Royal
    Statistical Society B 74 (2012) 245-266.
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", Journal of Statistical Software 33 (2010) 1-22; mean and standard error as in
    ``cv.glmnet``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 5)), np.arange(60.0) % 2
    >>> X[:, 2] += 2 * y
    >>> fit = lasso_path_cv(X, y, np.arange(60) // 2 % 5)
    >>> fit.coef_path[fit.index("1se")].nonzero()[0]
    array([2])
    """
    present = np.ones(len(y), dtype=bool) if sample_weight is None else np.asarray(sample_weight) > 0
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)[present]
    found, folds = np.unique(folds[present], return_inverse=True)
    if len(found) < 2:
        raise CohortError("The inner folds", [f"Expected at least 2, got {len(found)}. Deal the rows to more folds."])
    if alphas is not None:
        require_falling(alphas)
    paths = _Paths(X[present], np.array(y, dtype=float)[present], folds, weights / weights.sum())
    grid = alpha_grid(paths.first_alpha, n_alphas) if alphas is None else np.asarray(alphas, dtype=float)
    mean, se, coefs = np.empty(len(grid)), np.empty(len(grid)), np.zeros((len(grid), X.shape[1]))
    for k, alpha in enumerate(grid):
        mean[k], se[k] = paths.advance(alpha, coefs[k])
        if not full_path and is_past_minimum(mean[: k + 1], se[: k + 1]):
            break
    run = slice(k + 1)
    return paths.fit(grid[run], mean[run], se[run], coefs[run], stopped_early=k + 1 < len(grid))


class _Paths:
    """The path on all rows and one per fold, which all stand at the same penalty."""

    def __init__(self, X: np.ndarray, y: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> None:
        mean, scale = center_and_scale(X, weights)
        by_fold = np.argsort(folds, kind="stable")
        columns = np.take(X.T, by_fold, axis=1)
        columns -= mean[:, None]
        columns /= scale[:, None]
        self._gradient = np.empty(X.shape[1])
        rounding = ROUNDING * np.abs(mean) / scale  # what counts as constant, on the scale of the columns
        folds = folds.astype(np.int64)
        self._errors = np.empty(folds.max() + 1)
        self._fold_weights = np.bincount(folds, weights)
        rows = (values[by_fold] for values in (y, weights, folds))
        n_folds, screened = len(self._errors), X.shape[1] > WIDE * len(X)
        self._paths = _lasso_path.start(columns, *rows, n_folds, rounding, self._gradient, screened)
        self._y_mean = weights @ y
        self._y_variance = weights @ (y - self._y_mean) ** 2
        self.first_alpha = np.abs(self._gradient).max()

    def advance(self, alpha: float, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Go down to this penalty, fill ``coef`` and return the error's mean and standard error over the folds."""
        _lasso_path.advance(self._paths, alpha, self._errors, coef)
        return error_over_folds(self._errors, self._fold_weights)

    def fit(
        self, alphas: np.ndarray, cv_mean: np.ndarray, cv_se: np.ndarray, coef_path: np.ndarray, *, stopped_early: bool
    ) -> PenalizedFit:
        # at the solution the active columns' products with the residual are ±α, which gives the variance explained
        explained = coef_path @ self._gradient + alphas * np.abs(coef_path).sum(axis=1)
        return PenalizedFit(
            alphas=alphas,
            cv_mean=cv_mean,
            cv_se=cv_se,
            coef_path=coef_path,
            intercept_path=np.full(len(alphas), self._y_mean),
            n_nonzero=np.count_nonzero(coef_path, axis=1),
            dev_ratio=explained / self._y_variance if self._y_variance > 0 else np.zeros(len(alphas)),
            stopped_early=stopped_early,
            strength=np.abs(self._gradient),
        )
