"""Bayesian regularization: weights by damped Gauss-Newton steps, penalties by MacKay's evidence.

The objective is F = beta E_D + alpha E_W with E_W = sum(theta**2), so the prior variance of a
weight is 1 / (2 alpha). What E_D is, the likelihood says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from radiofuse.classify.network import activations, jacobian, output, unpack

_PERFECT_FIT = 0.01  # E_D below which nothing is left to learn
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 0.005, 1e-20, 1e10
# Without limits alpha runs off to infinity on noise (all weights vanish), to zero on separable classes.
_PRECISION_LIMITS = (1e-6, 1e10)
_TINY = float(np.finfo(float).tiny)


class Gaussian:
    """Squared error on targets of -1 and +1, with E_D = sum((f - y)**2) and beta = 1 / (2 sigma**2)."""

    targets = (-1.0, 1.0)

    def error(self, f: np.ndarray, y: np.ndarray) -> float:
        """Return E_D."""
        return float(np.sum((f - y) ** 2))

    def slope(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the derivative of E_D by each output."""
        return 2 * (f - y)

    def curvature(self, f: np.ndarray) -> np.ndarray:
        """Return the second derivative of E_D by each output."""
        return np.full_like(f, 2.0)

    def beta(self, error: float, n_samples: int, gamma: float) -> float:
        """Return (n - gamma) / (2 E_D), or 1 when there are no more samples than parameters at work."""
        return _within_limits(n_samples - gamma, 2 * error) if n_samples > gamma else 1.0

    def score(self, f: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the output itself: the predictive mean of a Gaussian does not depend on its variance."""
        return f

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Return (score + 1) / 2, clipped: a regression of labels can leave [0, 1]."""
        return np.clip((score + 1) / 2, 0, 1)


class Bernoulli:
    """Cross-entropy on targets of 0 and 1, with f as the logit; there is no noise, so beta stays 1."""

    targets = (0.0, 1.0)

    def error(self, f: np.ndarray, y: np.ndarray) -> float:
        """Return E_D = sum(log(1 + exp(f)) - y f)."""
        return float((np.logaddexp(0, f) - y * f).sum())

    def slope(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return p - y."""
        return expit(f) - y

    def curvature(self, f: np.ndarray) -> np.ndarray:
        """Return p (1 - p)."""
        return expit(f) * expit(-f)

    def beta(self, error: float, n_samples: int, gamma: float) -> float:
        """Return 1."""
        return 1.0

    def score(self, f: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the moderated logit f / sqrt(1 + pi v / 8): the less sure of f, the closer to 0.

        References
        ----------
        MacKay (1992). The evidence framework applied to classification networks.
        Neural Computation 4(5), 720-736: the approximation of its moderated output.
        """
        return f / np.sqrt(1 + np.pi * variance / 8)

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Return 1 / (1 + exp(-score))."""
        return expit(score)


LIKELIHOODS: dict[str, type[Gaussian | Bernoulli]] = {"gaussian": Gaussian, "bernoulli": Bernoulli}


@dataclass(frozen=True)
class Posterior:
    """What training found: the weights, how sure it is of them, and the numbers it took to get there.

    Attributes
    ----------
    likelihood : Gaussian or Bernoulli
    theta : ndarray of shape (K,)
        The most probable weights.
    covariance : ndarray of shape (K, K)
        Of the weights, in the Laplace approximation around ``theta``.
    alpha, beta : float
        Precisions of prior and noise.
    gamma : float
        Effective number of parameters, between 0 and K.
    objective : ndarray of shape (n_iter, 2)
        F before and after each accepted step, under the alpha and beta of that step.
    converged : bool
        False when the steps ran out first.
    """

    likelihood: Gaussian | Bernoulli
    theta: np.ndarray
    covariance: np.ndarray
    alpha: float
    beta: float
    gamma: float
    objective: np.ndarray
    converged: bool

    def variance(self, X: np.ndarray) -> np.ndarray:
        """Return the variance of f for each row of ``X`` that the doubt about the weights causes."""
        J = jacobian(self.theta, X)
        return np.einsum("nk,nk->n", J @ self.covariance, J)

    def score(self, X: np.ndarray) -> np.ndarray:
        """Return the likelihood's score of each row of ``X``, shape (n,)."""
        return self.likelihood.score(output(self.theta, X), self.variance(X))

    def draws(self, X: np.ndarray, n_draws: int, random: np.random.RandomState) -> np.ndarray:
        """Return f for each row of ``X`` by draws of the weights, shape (n_draws, n).

        Linear in the weights around ``theta``, as ``variance`` takes it, so that the draws of f have that variance.

        References
        ----------
        Immer, Korzepa, Bauer (2021). Improving predictions of Bayesian neural nets via local linearization. AISTATS,
        PMLR 130, 703-711.
        """
        values, axes = np.linalg.eigh(self.covariance)
        root = axes * np.sqrt(np.clip(values, 0, None))  # covariance = root root'
        moved = random.standard_normal((n_draws, len(values))) @ root.T
        return output(self.theta, X) + moved @ jacobian(self.theta, X).T


def train(
    X: np.ndarray,
    y: np.ndarray,
    likelihood: Gaussian | Bernoulli,
    theta: np.ndarray,
    *,
    max_iter: int,
    tol: float,
) -> Posterior:
    """Find the most probable weights and precisions.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Inputs, scaled to about [-1, 1].
    y : ndarray of shape (n,)
        Targets as ``likelihood.targets`` has them.
    likelihood : Gaussian or Bernoulli
    theta : ndarray of shape (K,)
        Start.
    max_iter : int
        Most steps.
    tol : float
        Training ends once F fell by less than this in three steps running.

    Returns
    -------
    Posterior

    References
    ----------
    MacKay (1992). A practical Bayesian framework for backpropagation networks. Neural Computation
    4(3), 448-472: gamma and the updates of alpha and beta.
    Foresee, Hagan (1997). Gauss-Newton approximation to Bayesian learning. ICNN, 1930-1935: the
    Levenberg-Marquardt steps and one update after each.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> found = train(x, np.sign(x[:, 0]), Gaussian(), np.array([0.1, 0.0, 0.7]), max_iter=100, tol=1e-3)
    >>> found.converged, bool(0 < found.gamma < 3)
    (True, True)
    """
    search = _Search(X, y, likelihood, theta)
    steps: list[tuple[float, float]] = []
    converged = False
    while len(steps) < max_iter and not converged:
        before = search.objective(search.place)
        if not search.descend(before):
            converged = True
            break
        steps.append((before, search.objective(search.place)))
        search.update_precisions()
        # An update resets F (to n / 2 when Gaussian), so the fall within a step is what tells.
        settled = len(steps) >= 3 and max(start - end for start, end in steps[-3:]) < tol
        converged = settled or search.place.error < _PERFECT_FIT
    return search.posterior(np.array(steps).reshape(-1, 2), converged)


class _Place(NamedTuple):
    """Weights, and what the network makes of the rows with them: worked out once for all that asks for it."""

    theta: np.ndarray  # (K,)
    hidden: np.ndarray  # (n, s)
    f: np.ndarray  # (n,)
    error: float  # E_D


class _Search:
    """Where training stands: weights, precisions, and the curvature of E_D around the weights."""

    def __init__(self, X: np.ndarray, y: np.ndarray, likelihood: Gaussian | Bernoulli, theta: np.ndarray) -> None:
        self.X, self.y, self.likelihood = X, y, likelihood
        self.damping = _FIRST_DAMPING
        self._move_to(self._try(theta))
        self.gamma = float(theta.size)
        self.alpha = _within_limits(self.gamma, 2 * theta @ theta)
        self.beta = likelihood.beta(self.place.error, len(y), self.gamma)

    def _try(self, theta: np.ndarray) -> _Place:
        hidden = activations(theta, self.X)
        f = hidden @ unpack(theta, self.X.shape[1])[0]
        return _Place(theta, hidden, f, self.likelihood.error(f, self.y))

    def _move_to(self, place: _Place) -> None:
        """Expand E_D around a place.

        Its Hessian is J' C J = V diag(s**2) V' by one thin singular value decomposition, which
        serves every damping tried, gamma and the covariance, and cannot fail as a Cholesky factor of
        a nearly singular sum can (duplicate columns, more weights than samples).
        """
        self.place = place
        J = jacobian(place.theta, self.X, place.hidden)
        self.slope = J.T @ self.likelihood.slope(place.f, self.y)  # (K,)
        scaled = np.sqrt(self.likelihood.curvature(place.f))[:, None] * J
        _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
        self.curvatures, self.axes = singular**2, axes.T  # (r,), (K, r) with r = min(n, K)

    def objective(self, place: _Place) -> float:
        return self.beta * place.error + self.alpha * place.theta @ place.theta

    def _solve(self, ridge: float, target: np.ndarray) -> np.ndarray:
        """Return (beta J' C J + ridge I)**-1 ``target``."""
        within = self.axes.T @ target
        flat = 0.0
        if self.axes.shape[0] > self.axes.shape[1]:  # directions of which the data say nothing
            flat = (target - self.axes @ within) / ridge
        scale = self.beta * self.curvatures + ridge
        return self.axes @ (within / scale.reshape(-1, *[1] * (target.ndim - 1))) + flat

    def descend(self, before: float) -> bool:
        """Take the first step that lowers F, damping it tenfold until one does; False if none does."""
        gradient = self.beta * self.slope + 2 * self.alpha * self.place.theta
        while self.damping <= _MOST_DAMPING:
            place = self._try(self.place.theta - self._solve(2 * self.alpha + self.damping, gradient))
            if self.objective(place) < before:
                self.damping = max(self.damping / 10, _LEAST_DAMPING)
                self._move_to(place)
                return True
            self.damping *= 10
        return False

    def update_precisions(self) -> None:
        """Set gamma = K - 2 alpha tr(A**-1) (A: the Hessian of F), alpha = gamma / (2 E_W), then beta."""
        scaled = self.beta * self.curvatures
        self.gamma = float((scaled / (scaled + 2 * self.alpha)).sum())
        self.alpha = _within_limits(self.gamma, 2 * self.place.theta @ self.place.theta)
        self.beta = self.likelihood.beta(self.place.error, len(self.y), self.gamma)

    def posterior(self, objective: np.ndarray, converged: bool) -> Posterior:
        covariance = self._solve(2 * self.alpha, np.eye(self.place.theta.size))
        precisions = self.alpha, self.beta, self.gamma
        return Posterior(self.likelihood, self.place.theta, covariance, *precisions, objective, converged)


def _within_limits(numerator: float, denominator: float) -> float:
    low, high = _PRECISION_LIMITS
    return float(min(max(numerator / max(denominator, _TINY), low), high))
