"""The Bayesian regularized neural network as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from radiofuse.classify.classes import check_classes
from radiofuse.classify.evidence import LIKELIHOODS, Posterior, train
from radiofuse.classify.network import nguyen_widrow
from radiofuse.estimators import Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.validation import read_columns, read_rows


class BayesianRegularizedNetwork(ClassifierMixin, BaseEstimator):
    """A small neural network that learns from the training data how strongly to be regularized.

    One hidden layer, f(x) = sum_k w_k tanh(b_k + B_k . x), no output bias, K = s (p + 2) weights for
    s neurons and p inputs. The penalty on the weights follows from the evidence, so no validation
    data are spent on it, and ``gamma_`` says how many of the K weights the data really determine.

    Of more than two classes each has a network of its own against the rest, and their probabilities are divided
    by their sum.

    Parameters
    ----------
    n_neurons : int, default=2
        Neurons in the hidden layer, s.
    likelihood : {"bernoulli", "gaussian"}, default="bernoulli"
        "bernoulli": cross-entropy, with probabilities moderated by the doubt about the weights.
        "gaussian": squared error on labels of -1 and +1 as in the regression networks of MATLAB's
        ``trainbr`` and R's ``brnn`` that studies use as classifiers; (f + 1) / 2 is clipped to [0, 1].
    max_iter : int, default=1000
        Most training steps.
    tol : float, default=1e-3
        Training ends once the objective fell by less than this in three steps running.
    random_state : int, RandomState instance or None, default=None
        Seeds the start.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    theta_ : ndarray of shape (n_networks, K)
        Weights ``w``, ``b``, ``B``; one network for two classes, else one per class (one versus rest).
    gamma_ : ndarray of shape (n_networks,)
        Effective number of parameters, between 0 and K.
    alpha_, beta_ : ndarray of shape (n_networks,)
        Precision of the prior over weights and of the noise (1 throughout for "bernoulli").
    networks_ : list of Posterior
        What training found, network by network, with the covariance of the weights.
    objective_ : list of ndarray of shape (n_steps, 2)
        Objective before and after each step, per network.
    n_iter_ : int
        Steps of the network that took longest.
    center_, half_range_ : ndarray of shape (n_features_in_,)
        Inputs are scaled to [-1, 1] by them; a constant column becomes 0.

    See Also
    --------
    modality_classifier : Puts preparation and selection in front.
    RecalibratedClassifier : Mends its probabilities.

    References
    ----------
    MacKay (1992). A practical Bayesian framework for backpropagation networks. Neural Computation
    4(3), 448-472.
    Foresee, Hagan (1997). Gauss-Newton approximation to Bayesian learning. ICNN, 1930-1935.
    Burden, Winkler (1999). Robust QSAR models using Bayesian regularized neural networks.
    Journal of Medicinal Chemistry 42(16), 3183-3187.
    Nguyen, Widrow (1990). Improving the learning speed of 2-layer neural networks by choosing
    initial values of the adaptive weights. IJCNN, vol. 3, 21-26.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> network = BayesianRegularizedNetwork(random_state=0).fit(X[:, :7], y)
    >>> network.theta_.shape, bool(0 < network.gamma_[0] < 18)
    ((1, 18), True)
    """

    _parameter_constraints: dict = {
        "n_neurons": [Interval(Integral, 1, None, closed="left")],
        "likelihood": [StrOptions(set(LIKELIHOODS))],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_neurons: int = 2,
        *,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        max_iter: int = 1000,
        tol: float = 1e-3,
        random_state: Seed = None,
    ) -> None:
        self.n_neurons = n_neurons
        self.likelihood = likelihood
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train one network per class, or a single one for two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers.
        y : array-like of shape (n_samples,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``y`` holds one class only.
        """
        refuse_misaligned(X, y=y)
        X, y = read_rows(self, X, y)
        self.classes_ = check_classes(y)
        self._learn_scale(X)
        positives = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        rng = check_random_state(self.random_state)
        self._keep([self._train_one(self._scaled(X), y == label, rng) for label in positives])
        return self

    def _learn_scale(self, X: np.ndarray) -> None:
        low, high = X.min(axis=0), X.max(axis=0)
        self.center_ = low / 2 + high / 2  # halved first: the sum of two huge numbers overflows
        half_range = high / 2 - low / 2
        self.half_range_ = np.where(half_range > 0, half_range, 1.0)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - self.center_) / self.half_range_

    def _train_one(self, X: np.ndarray, positive: np.ndarray, rng: np.random.RandomState) -> Posterior:
        likelihood = LIKELIHOODS[self.likelihood]()
        start = nguyen_widrow(self.n_neurons, X.shape[1], rng)
        target = np.where(positive, likelihood.targets[1], likelihood.targets[0])
        found = train(X, target, likelihood, start, max_iter=self.max_iter, tol=self.tol)
        if not found.converged:
            warnings.warn(
                f"The network did not settle in max_iter={self.max_iter} steps; raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return found

    def _keep(self, networks: list[Posterior]) -> None:
        self.networks_ = networks
        for name in ("theta", "alpha", "beta", "gamma"):
            setattr(self, f"{name}_", np.array([getattr(network, name) for network in networks]))
        self.objective_ = [network.objective for network in networks]
        self.n_iter_ = max(1, *(len(steps) for steps in self.objective_))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of the second class, or of each class when there are more than two.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Moderated logits for "bernoulli", raw outputs for "gaussian"; above 0 speaks for the class.
        """
        check_is_fitted(self)
        X = self._scaled(read_columns(self, X, reset=False))
        scores = np.column_stack([network.score(X) for network in self.networks_])
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.
        """
        scores = self.decision_function(X)
        return self._probability(scores[:, None] if scores.ndim == 1 else scores)

    def predict_proba_samples(self, X: ArrayLike, n_samples: int = 100, *, random_state: Seed = None) -> np.ndarray:
        """Return the probability of each class by draws of the weights from their Laplace approximation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_samples : int, default=100
            Draws.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_draws, n_samples, n_classes)
            Each draw is one of all rows, so that rows can be compared within it.

        Examples
        --------
        >>> X, y = np.arange(24.0)[:, None], np.repeat([0, 1], 12)
        >>> network = BayesianRegularizedNetwork(random_state=0).fit(X, y)
        >>> network.predict_proba_samples(X, 5, random_state=0).shape
        (5, 24, 2)
        """
        check_is_fitted(self)
        X, random = self._scaled(read_columns(self, X, reset=False)), check_random_state(random_state)
        draws = np.stack([network.draws(X, n_samples, random) for network in self.networks_], axis=2)
        return self._probability(draws)

    def _probability(self, scores: np.ndarray) -> np.ndarray:
        """Return the probability of each class from the score of each network, both along the last axis."""
        probability = self.networks_[0].likelihood.probability(scores)
        if len(self.classes_) == 2:
            return np.concatenate([1 - probability, probability], axis=-1)
        total = probability.sum(axis=-1, keepdims=True)
        # Every network may say "not mine" with a clipped 0: then nothing is known of the class.
        return np.divide(probability, total, where=total > 0, out=np.full_like(probability, 1 / len(self.classes_)))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class with the highest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        chosen = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[chosen.astype(int)]
