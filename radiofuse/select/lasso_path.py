"""The exact LASSO path by homotopy, and its cross-validation.

Between two knots the solution is linear in the penalty: the active coefficients are u − αw, every
correlation with the residual is e + αa. The next knot is where an idle correlation reaches ±α or an
active coefficient reaches 0. One small linear system per knot, no iteration, no tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from radiofuse.select.standardize import center_and_scale, standardize

PATIENCE = 20  # penalties in a row more than one standard error above the minimum that end the path
PARALLEL = 1e-9  # slope up to which a line counts as parallel to ±α, or to zero, and never meets it
ROUNDING = 1e-13  # share of the spread of y below which a correlation or coefficient is rounding
DRIFT = 1e-10  # error of the lines beyond which the updated inverse is computed afresh
DEPENDENT = 1e-12  # share of a column's variance outside the active ones below which it is not added


class LassoPath:
    """The LASSO of one training set for falling penalties, each followed from the last.

    Minimizes ‖y − Zb‖² / 2n + α‖b‖₁ for standardized columns Z and a centered y.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Standardized here (mean 0, 1/n standard deviation 1); a constant column never enters.
    y : ndarray of shape (n_samples,)
        Centered here.

    References
    ----------
    M. R. Osborne, B. Presnell and B. A. Turlach, "A new approach to variable selection in least squares
    problems", IMA Journal of Numerical Analysis 20 (2000) 389-403.
    B. Efron et al., "Least angle regression", Annals of Statistics 32 (2004) 407-499, section 3.1.

    Examples
    --------
    >>> path = LassoPath(np.array([[0.0], [0.0], [2.0], [2.0]]), np.array([0.0, 0.0, 1.0, 1.0]))
    >>> float(path.first_alpha), path.coef(0.5), path.coef(0.1)
    (0.5, array([0.]), array([0.4]))
    """

    def __init__(self, X: np.ndarray, y: np.ndarray):
        self._Z = standardize(X)
        self.correlation = self._Z.T @ (y - y.mean()) / len(y)  # with y itself, before any column entered
        self._noise = ROUNDING * y.std()
        self.correlation[np.abs(self.correlation) <= self._noise] = 0.0
        self._active = np.empty(0, dtype=int)
        self._signs = np.empty(0)
        self._rows = np.empty((min(X.shape), X.shape[1]))  # of Z'Z / n; the first ones are the active columns'
        self._inverse = np.empty((0, 0))  # of Z'Z / n over the active columns
        self._dependent: list[int] = []  # linear combinations of the active columns
        self._next_alpha = np.inf
        self._follow()
        self.first_alpha = self._next_alpha  # at and above it all coefficients are 0

    def coef(self, alpha: float) -> np.ndarray:
        """Return the coefficients of the standardized columns; ``alpha`` may only fall from call to call."""
        while self._next_alpha > alpha:
            position = (self._active == self._next).nonzero()[0]
            if len(position):
                self._leave(position[0])
            else:
                self._enter(self._next)
            self._follow()
        u, w = self._lines
        values = u - alpha * w
        values[np.abs(values) <= self._noise] = 0.0
        coef = np.zeros(self._Z.shape[1])
        coef[self._active] = values
        return coef

    def _enter(self, column: int) -> None:
        row = self._Z[:, column] @ self._Z / len(self._Z)
        with_active = row[self._active]
        link = self._inverse @ with_active
        outside = row[column] - link @ with_active  # variance that the active columns leave unexplained
        if outside < DEPENDENT:
            self._dependent.append(column)
            return
        m = len(self._active)
        inverse = np.empty((m + 1, m + 1))
        np.add(self._inverse, np.outer(link, link / outside), out=inverse[:m, :m])
        inverse[m, :m] = inverse[:m, m] = -link / outside
        inverse[m, m] = 1 / outside
        self._inverse, self._rows[m] = inverse, row
        self._active = np.append(self._active, column)
        self._signs = np.append(self._signs, self._next_sign)

    def _leave(self, position: int) -> None:
        others = self._active != self._active[position]
        border = self._inverse[position, others]
        pivot = self._inverse[position, position]
        self._inverse = self._inverse[others][:, others] - np.outer(border, border / pivot)
        self._rows[position : len(others) - 1] = self._rows[position + 1 : len(others)]
        self._active, self._signs = self._active[others], self._signs[others]
        self._dependent.clear()

    def _follow(self) -> None:
        """Find the lines of this segment and the knot at its end."""
        rows = self._rows[: len(self._active)]
        target = np.array([self.correlation[self._active], self._signs])
        self._lines = target @ self._inverse
        fitted = self._lines @ rows
        if np.abs(fitted[:, self._active] - target).max(initial=0) > DRIFT:
            self._inverse = np.linalg.inv(rows[:, self._active])
            self._lines = target @ self._inverse
            fitted = self._lines @ rows
        self._find_knot(fitted)

    def _find_knot(self, fitted: np.ndarray) -> None:
        u, w = self._lines
        e, a = self.correlation - fitted[0], fitted[1]
        rises = _divide(e, 1 - a)  # here a correlation reaches +α,
        falls = _divide(-e, 1 + a)  # here −α,
        zeros = _divide(-u * self._signs, -w * self._signs)  # here a coefficient reaches 0
        knots = np.maximum(rises, falls)
        knots[self._active] = zeros
        knots[self._dependent] = 0.0
        self._next = int(np.argmax(knots))
        self._next_sign = 1.0 if rises[self._next] > falls[self._next] else -1.0
        self._next_alpha = min(knots[self._next], self._next_alpha)  # rounding must not lead back up


def _divide(numerator: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return where a line falls to zero; 0, which is nowhere on the path, for one that does not fall."""
    return np.divide(numerator, slope, out=np.zeros(len(slope)), where=slope > PARALLEL)


@dataclass(frozen=True)
class LassoCurve:
    """Cross-validated squared error along the path; each attribute has shape (n_alphas_run,).

    Attributes
    ----------
    alphas : ndarray
        Penalties, falling. Shorter than the grid where the path was stopped past the minimum.
    mean, se : ndarray
        Mean over folds, weighted by fold size, and its standard error.
    """

    alphas: np.ndarray
    mean: np.ndarray
    se: np.ndarray

    def index(self, rule: str) -> int:
        """Return where the error is least ("min"), or the first within one standard error of it ("1se")."""
        least = int(np.argmin(self.mean))
        if rule == "min":
            return least
        return int(np.argmax(self.mean <= self.mean[least] + self.se[least]))


def lasso_path_cv(X: np.ndarray, y: np.ndarray, folds: np.ndarray, alphas: np.ndarray) -> LassoCurve:
    """Cross-validate the LASSO along a path of penalties, all folds in step.

    Each fold standardizes with its own training rows. The path ends early once the error has been more
    than one standard error above its minimum for 20 penalties in a row: what follows is overfitted and,
    being badly conditioned, where other programs spend nine tenths of their time.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features, not standardized.
    y : ndarray of shape (n_samples,)
        Numbers, for a class label 0 and 1.
    folds : ndarray of shape (n_samples,)
        The fold in which each row is held out; at least two folds.
    alphas : ndarray of shape (n_alphas,)
        Penalties, falling, on the scale of ``y`` (glmnet's lambda).

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", Journal of Statistical Software 33 (2010) 1-22; mean and standard error as in
    ``cv.glmnet``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 5)), np.arange(60.0) % 2
    >>> X[:, 2] += y
    >>> curve = lasso_path_cv(X, y, np.arange(60) // 2 % 5, np.geomspace(0.2, 0.002, 20))
    >>> len(curve.alphas), curve.index("1se") < curve.index("min")
    (20, True)
    """
    held_out = [folds == fold for fold in np.unique(folds)]
    weights = np.array([rows.sum() for rows in held_out]) / len(folds)
    errors = [_held_out_error(X, y, rows) for rows in held_out]
    mean, se = [], []
    for alpha in alphas:
        error = np.array([error_at(alpha) for error_at in errors])
        mean.append(weights @ error)
        se.append(np.sqrt(weights @ (error - mean[-1]) ** 2 / (len(weights) - 1)))
        if _is_past_minimum(mean, se):
            break
    return LassoCurve(np.asarray(alphas[: len(mean)]), np.array(mean), np.array(se))


def _held_out_error(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Callable[[float], float]:
    """Return the mean squared error on ``rows`` as a function of the penalty, fitted on the other rows."""
    X_train, y_train = X[~rows], y[~rows]
    path = LassoPath(X_train, y_train)
    mean, scale = center_and_scale(X_train)
    Z_test, y_test = (X[rows] - mean) / scale, y[rows] - y_train.mean()
    return lambda alpha: np.mean(np.square(y_test - Z_test @ path.coef(alpha)))


def _is_past_minimum(mean: list[float], se: list[float]) -> bool:
    least = int(np.argmin(mean))
    return len(mean) > PATIENCE and min(mean[-PATIENCE:]) > mean[least] + se[least]
