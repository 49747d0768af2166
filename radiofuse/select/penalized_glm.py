"""The penalized generalized linear model with cross-validated penalty: binomial, multinomial, elastic-net gaussian.

One table of standardized columns serves the fit on all rows and the fits of every fold: a fold gives the
rows it holds out the weight 0 and states the standard deviations of its own training rows, which scale
the penalty. That is the same as standardizing inside the fold, since the intercept is not penalized.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import kernel
from radiofuse.prepare.standardize import center_and_scale
from radiofuse.select.penalized_fit import PenalizedFit, alpha_grid, error_over_folds, is_past_minimum, require_falling

minimize_penalized = kernel("select._coordinate_descent").minimize_penalized

Family = Literal["gaussian", "binomial", "multinomial"]
FAMILIES = ("gaussian", "binomial", "multinomial")  # in the order in which the kernel counts them
LANES = 8  # the kernel takes rows by eight
TOLERANCE = 1e-12  # excess of a gradient over what its penalty allows, as a share of the largest first gradient
FOLD_TOLERANCE = 1e-9  # the same for the folds, which give the curve and no coefficients
UNSOLVED = 1e4  # times that tolerance, from which on a fit is reported as not converged
ATTAINABLE = 1e-15  # tolerances are no smaller share of the spread of y
ROUNDING = 1e-13  # share of the spread of y below which a gradient is rounding
SATURATED = 0.999  # share of deviance explained that ends a path, as in glmnet
CLIPPED = 1e-5  # held-out probabilities are kept this far from 0 and 1, as in cv.glmnet


def penalized_path_cv(
    X: np.ndarray,
    y: np.ndarray,
    folds: np.ndarray,
    *,
    family: str,
    l1_ratio: float = 1.0,
    sample_weight: np.ndarray | None = None,
    n_alphas: int = 100,
    alphas: np.ndarray | None = None,
    full_path: bool = False,
) -> PenalizedFit:
    """Fit a penalized generalized linear model along a path of penalties, and cross-validate it, all folds in step.

    Minimizes Σwᵢℓ(yᵢ, ηᵢ) / Σwᵢ + α(ρ‖b‖₁ + (1 − ρ)‖b‖₂² / 2), ρ the ``l1_ratio`` and ℓ the negative
    log-likelihood, on columns standardized with the training rows of each fit; the intercept is not
    penalized. Every class of the multinomial has its own coefficients; what the penalty leaves free is
    settled by a median of 0 over the classes and intercepts that sum to 0. Of identical columns the
    first is used. The path ends 20 penalties after the curve has risen more than one standard error
    above its minimum, and, as in glmnet, where the fit on all rows explains 0.999 of the deviance; a
    fold that reaches this sooner keeps its last fit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite features, not standardized.
    y : ndarray of shape (n_samples,)
        Numbers for the gaussian, else classes 0 to n_classes − 1, each present (binomial: two).
    folds : ndarray of shape (n_samples,)
        The fold in which each row is held out; at least two folds.
    family : {"gaussian", "binomial", "multinomial"}
        Distribution of ``y``; the link is the canonical one.
    l1_ratio : float, default=1.0
        Above 0 and at most 1; 1 is the LASSO.
    sample_weight : ndarray of shape (n_samples,), optional
        Not negative. Weights the loss, the standardization and the held-out error; a row of weight 0 is absent.
    n_alphas : int, default=100
        Penalties in the grid, from the first that lets a feature enter down to a thousandth of it.
    alphas : ndarray of shape (n_alphas,), optional
        Penalties, falling, instead of that grid.
    full_path : bool, default=False
        Do not stop past the minimum.

    Returns
    -------
    PenalizedFit
        Its error is the deviance −2 log p for classes, the squared error for numbers, per row.

    Raises
    ------
    RequestError
        For an unknown family, an ``l1_ratio`` or ``alphas`` out of range.
    CohortError
        If there are fewer than two folds, or a fold's training rows lack a class.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", Journal of Statistical Software 33 (2010) 1-22.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 5)), np.arange(60) % 2
    >>> X[:, 2] += 2 * y
    >>> fit = penalized_path_cv(X, y, np.arange(60) // 2 % 5, family="binomial")
    >>> fit.coef_path[fit.index("1se")].nonzero()[0]
    array([2])
    """
    _check_request(family, l1_ratio, alphas)
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    present = weights > 0
    X, y, folds, weights = X[present], y[present], folds[present], weights[present]
    paths = _Paths(X, _targets(y, family), folds, weights, family, l1_ratio)
    if alphas is None:
        alphas = alpha_grid(paths.first_alpha, n_alphas)
    for alpha in alphas:
        paths.follow(float(alpha))
        if paths.is_saturated or (not full_path and is_past_minimum(np.array(paths.mean), np.array(paths.se))):
            break
    return paths.fit(stopped_early=len(paths.run) < len(alphas))


def _check_request(family: str, l1_ratio: float, alphas: np.ndarray | None) -> None:
    if family not in FAMILIES:
        raise RequestError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}; name one of them.")
    if not 0 < l1_ratio <= 1:
        raise RequestError(f"l1_ratio: expected above 0 and at most 1, got {l1_ratio}; 1 is the LASSO.")
    if alphas is not None:
        require_falling(alphas)


def _targets(y: np.ndarray, family: str) -> np.ndarray:
    """Return one row per linear predictor."""
    if family == "multinomial":
        return (y == np.arange(int(y.max()) + 1)[:, None]).astype(float)
    return np.array(y, dtype=float)[None]


class _Paths:
    """The fit on all rows, which comes first, and one per fold, each followed from the last penalty."""

    def __init__(
        self, X: np.ndarray, targets: np.ndarray, folds: np.ndarray, weights: np.ndarray, family: str, l1_ratio: float
    ) -> None:
        self._family, self._l1_ratio = family, l1_ratio
        held_out = folds == np.unique(folds)[:, None]
        self._test_weights = held_out * weights
        if len(held_out) < 2:
            raise CohortError("The training table", ["Expected at least 2 inner folds, got 1. Deal the rows to more."])
        shares = np.vstack([weights, weights * ~held_out])
        shares /= shares.sum(axis=1, keepdims=True)
        means = shares @ targets.T
        _require_all_classes(means, family)
        self._offset = means[0] if family == "gaussian" else np.zeros(len(targets))
        columns, self._scales = _standardized_columns(X, shares)
        self._columns, self._shares = _by_lanes(columns), _by_lanes(shares)
        self._targets = _by_lanes(targets - self._offset[:, None])
        self._start(means)
        self.run, self.mean, self.se, self._coefs, self._explained = [], [], [], [], []

    def _start(self, means: np.ndarray) -> None:
        """Set the fits of the intercepts alone; the gradient there says which penalty lets a feature enter first."""
        intercepts = _link(means, self._family) - self._offset
        residuals = (means - self._offset)[:, :, None] - self._targets
        self._gradient = (residuals * self._shares[:, None]) @ self._columns.T
        self._gradient[np.broadcast_to(np.isinf(self._scales)[:, None], self._gradient.shape)] = 0.0
        self._coef = np.zeros_like(self._gradient)
        self._coef[:, :, 0] = intercepts
        self._linear = np.repeat(intercepts[:, :, None], self._columns.shape[1], axis=2)
        self._left = np.zeros(len(intercepts))
        self._null_deviance = self._training_deviance(self._row_deviances())
        self._active = (self._null_deviance > 0).astype(np.uint8)
        self._find_first_alpha(np.sqrt(self._targets**2 @ self._shares[0]).max())

    def _find_first_alpha(self, spread: float) -> None:
        noise = max(ROUNDING * spread, np.finfo(float).tiny)
        self._strength = np.abs(self._gradient[0, :, 1:]).max(axis=0)
        self._strength[self._strength <= noise] = 0.0
        largest = max(noise, self._strength.max(initial=0.0))
        self._tolerances = np.full(len(self._shares), max(FOLD_TOLERANCE * largest, ATTAINABLE * spread))
        self._tolerances[0] = max(TOLERANCE * largest, ATTAINABLE * spread)
        self.first_alpha = self._previous = largest / self._l1_ratio

    def follow(self, alpha: float) -> None:
        """Fit all at this penalty and note the outcome."""
        self._minimize(alpha)
        deviances = self._row_deviances()
        explained = 1 - self._training_deviance(deviances) / np.where(self._null_deviance > 0, self._null_deviance, 1)
        self._active[explained > SATURATED] = 0
        mean, se = self._held_out_error(deviances)
        self.run.append(alpha)
        self.mean.append(float(mean))
        self.se.append(float(se))
        self._coefs.append(self._coef[0].copy())
        self._explained.append(explained[0] if self._null_deviance[0] > 0 else 0.0)

    @property
    def is_saturated(self) -> bool:
        """Whether the last fit on all rows explains so much that smaller penalties have nothing to add."""
        return self._explained[-1] > SATURATED

    def _minimize(self, alpha: float) -> None:
        minimize_penalized(
            self._columns,
            self._targets,
            self._shares,
            self._scales,
            self._tolerances,
            self._active,
            self._coef,
            self._gradient,
            self._linear,
            self._left,
            FAMILIES.index(self._family),
            alpha,
            self._previous,
            self._l1_ratio,
        )
        self._previous = alpha
        if self._left.max() > UNSOLVED * self._tolerances[0]:
            message = f"The penalized regression did not converge at penalty {alpha:.4g}; use larger ones."
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _row_deviances(self) -> np.ndarray:
        """Return the deviance of every row under every fit."""
        if self._family == "gaussian":
            return np.square(self._linear[:, 0] - self._targets[0])
        if self._family == "binomial":
            away = (1 - 2 * self._targets[0]) * self._linear[:, 0]  # the linear predictor of the other class
            return 2 * (np.maximum(away, 0) + np.log1p(np.exp(-np.abs(away))))
        largest = self._linear.max(axis=1, keepdims=True)
        total = np.exp(self._linear - largest).sum(axis=1)
        return 2 * (largest[:, 0] + np.log(total) - (self._linear * self._targets).sum(axis=1))

    def _training_deviance(self, deviances: np.ndarray) -> np.ndarray:
        return np.einsum("fi,fi->f", deviances, self._shares)

    def _held_out_error(self, deviances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        errors = deviances[1:, : self._test_weights.shape[1]]
        if self._family != "gaussian":
            errors = np.clip(errors, -2 * np.log1p(-CLIPPED), -2 * np.log(CLIPPED))
        fold_weights = self._test_weights.sum(axis=1)
        return error_over_folds(np.einsum("fi,fi->f", errors, self._test_weights) / fold_weights, fold_weights)

    def fit(self, stopped_early: bool) -> PenalizedFit:
        """Return the fits on all rows and the curve."""
        coefs = np.array(self._coefs)
        intercepts, coefs = coefs[:, :, 0] + self._offset, coefs[:, :, 1:]
        if self._family == "multinomial":
            intercepts = intercepts - intercepts.mean(axis=1, keepdims=True)
            if self._l1_ratio == 1:
                coefs = coefs - np.median(coefs, axis=1, keepdims=True)
        else:
            intercepts, coefs = intercepts[:, 0], coefs[:, 0]
        used = coefs != 0 if coefs.ndim == 2 else (coefs != 0).any(axis=1)
        return PenalizedFit(
            alphas=np.array(self.run),
            cv_mean=np.array(self.mean),
            cv_se=np.array(self.se),
            coef_path=coefs,
            intercept_path=intercepts,
            n_nonzero=used.sum(axis=1),
            dev_ratio=np.array(self._explained),
            stopped_early=stopped_early,
            strength=self._strength,
        )


def _require_all_classes(means: np.ndarray, family: str) -> None:
    if family != "gaussian" and not (np.all(means > 0) and np.all(means < 1)):
        problem = "The training rows of an inner fold lack a class. Deal every class to two folds or more."
        raise CohortError("The training table", [problem])


def _link(means: np.ndarray, family: str) -> np.ndarray:
    """Return the linear predictors of these means; the first class of the multinomial has 0."""
    if family == "gaussian":
        return means
    return np.log(means / (1 - means if family == "binomial" else means[:, :1]))


def _standardized_columns(X: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return one row of ones and one per column of X, standardized over all rows, and the scale of each in each fit."""
    columns, scales = np.ones((X.shape[1] + 1, X.shape[0])), np.zeros((len(shares), X.shape[1] + 1))
    mean, scale = center_and_scale(X, shares[0])
    columns[1:] = ((X - mean) / scale).T
    scales[0, 1:] = np.where(np.isinf(scale), np.inf, 1.0)
    for own, share in zip(scales[1:], shares[1:], strict=True):
        own[1:] = center_and_scale(X, share)[1] / np.where(np.isinf(scale), 1.0, scale)
    return columns, scales


def _by_lanes(rows: np.ndarray) -> np.ndarray:
    """Return contiguous rows with zeros appended up to a multiple of `LANES`."""
    padded = np.zeros((len(rows), -(-rows.shape[1] // LANES) * LANES))
    padded[:, : rows.shape[1]] = rows
    return padded
