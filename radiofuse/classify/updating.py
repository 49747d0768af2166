"""A finished model's probabilities brought to another site: intercept, or intercept and slope, or nothing at all."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from scipy.stats import chi2

from radiofuse.classify.log_odds import distance_from_ends, half_the_smallest
from radiofuse.patients.inner_folds import inner_folds

Method = Literal["none", "intercept", "slope", "unmended"]
NoSlope = Literal["", "few", "alike", "reversed", "apart"]

ALPHA = 0.05  # of each test, as Vergouwe et al. have it
STEEPEST = 100.0  # a slope beyond it is that of classes that the answers tell apart: the likelihood has no maximum
MOST_STEPS, NEAR = 100, 1e-10
FOLDS, REPEATS = 5, 5
TOO_FEW = "An update in {cv} folds needs {cv} patients of each class, and {smallest} has {fewest}. Add patients."


class Fit(NamedTuple):
    """A model of maximum likelihood."""

    slope: float
    intercepts: np.ndarray  # of each class; 0 of the first
    log_likelihood: float


class UpdatingMap:
    """Log-probabilities times a slope, plus an intercept of each class but the first: as few of these as tests ask for.

    Of two classes that is the logistic recalibration: log-odds = intercept + slope times the log-odds of the model. Of
    K classes there are K - 1 intercepts and one slope for all. A closed testing procedure chooses: nothing is changed
    unless a likelihood ratio test of intercept and slope together says so at 5 %; then the intercept alone is, unless
    the test of the slope beside it says so too. Both tests are made of the likelihood as it is, also where its slope
    may not be taken: then nothing is changed, and the answer is called miscalibrated beyond what an update can mend;
    only where patients are too few for a slope the intercept is changed if a test of its own says so. Of what was
    chosen, the step away from intercept 0 and slope 1 is
    multiplied by (chi2 - df) / chi2, the heuristic shrinkage factor, so that few patients with the event move the model
    less than many.

    Parameters
    ----------
    slope_allowed : bool, default=True
        Whether a slope may be learned, which takes more patients than an intercept. It is tested all the same.

    Attributes
    ----------
    method_ : {"none", "intercept", "slope", "unmended"}
        "slope" has intercepts too; "unmended" changes nothing though the tests call for a slope.
    no_slope_ : {"", "few", "alike", "reversed", "apart"}
        Why no slope may be taken: it was not allowed, all answers are alike (which leaves it untested too), it is 0 or
        below, or the answers tell the classes apart, so that no slope has the most likelihood. Empty where it may.
    slope_ : float
        After shrinkage. Never 0 or below: a slope that would turn the order of the patients around is not taken.
    intercepts_ : ndarray of shape (n_classes,)
        After shrinkage; 0 of the first class.
    shrinkage_ : float
        The factor; 1 where nothing is changed.
    p_values_ : dict of str to float
        Of the tests that were made: "any", whether anything is to be changed, "slope", and "intercept", alone, where
        a slope that is called for was not allowed.
    unshrunken_ : Fit
        Slope and intercepts of maximum likelihood under the method that was chosen.
    nearest_ : float
        Probabilities nearer to 0 count as this near; only where some are exactly 0 or 1.

    References
    ----------
    Y. Vergouwe et al., "A closed testing procedure to select an appropriate method for updating prediction models",
    Statistics in Medicine 36 (2017) 4529-4539: here without the refit of single coefficients.
    E. W. Steyerberg, G. J. J. M. Borsboom, H. C. van Houwelingen, M. J. C. Eijkemans and J. D. F. Habbema, "Validation
    and updating of predictive logistic regression models: a study on sample size and shrinkage", Statistics in Medicine
    23 (2004) 2567-2586.
    K. J. M. Janssen et al., "Updating methods improved the performance of a clinical prediction model in new patients",
    Journal of Clinical Epidemiology 61 (2008) 76-86.
    J. C. van Houwelingen and S. le Cessie, "Predictive value of statistical models", Statistics in Medicine 9 (1990)
    1303-1325: the shrinkage factor.
    K. Van Hoorde et al., "Simple dichotomous updating methods improved the validity of polytomous prediction models",
    Journal of Clinical Epidemiology 66 (2013) 1158-1165.

    Examples
    --------
    >>> p = np.repeat([0.2, 0.5, 0.8], 40)
    >>> y = np.concatenate([np.arange(40) < n for n in (16, 28, 36)]).astype(int)  # far more often than was said
    >>> update = UpdatingMap().fit(np.column_stack([1 - p, p]), y)
    >>> update.method_, update.intercepts_.round(2).tolist(), update.apply([[0.8, 0.2]]).round(2).tolist()
    ('intercept', [0.0, 0.85], [[0.63, 0.37]])
    """

    def __init__(self, *, slope_allowed: bool = True) -> None:
        self.slope_allowed = slope_allowed

    def fit(self, P: ArrayLike, y: np.ndarray, weights: np.ndarray | None = None) -> Self:
        """Learn from probabilities (n_samples, n_classes) of patients whom the model never saw.

        Parameters
        ----------
        P : array-like of shape (n_samples, n_classes)
        y : ndarray of shape (n_samples,)
            Classes 0 to K - 1, all of which occur.
        weights : ndarray of shape (n_samples,), optional
            How much each row counts: of a patient with several rows they should add up to 1.
        """
        P = np.asarray(P, dtype=float)
        weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
        self.nearest_ = half_the_smallest(distance_from_ends(P)) if distance_from_ends(P).min() == 0 else 0.0
        scores = self._log(P)
        fits: dict[Method, Fit] = {
            "none": Fit(1.0, np.zeros(P.shape[1]), log_likelihood(scores, y, weights)),
            "intercept": maximum_likelihood(scores, y, weights, slope=False),
        }
        if not alike(scores):
            fits["slope"] = maximum_likelihood(scores, y, weights, slope=True)
        self.no_slope_ = _no_slope(fits.get("slope"), self.slope_allowed)
        self.p_values_: dict[str, float] = {}
        self.method_ = self._chosen(fits)
        self.unshrunken_ = fits.get(self.method_, fits["none"])
        chi_squared, df = _against(fits, self.method_, "none") if self.method_ in ("intercept", "slope") else (0.0, 0)
        self.shrinkage_ = max(0.0, (chi_squared - df) / chi_squared) if df else 1.0
        self.slope_ = float(1 + self.shrinkage_ * (self.unshrunken_.slope - 1))
        self.intercepts_ = self.shrinkage_ * self.unshrunken_.intercepts
        return self

    def _chosen(self, fits: dict[Method, Fit]) -> Method:
        """Return the method that the tests call for, as far as it may be taken."""

        def called_for(name: str, larger: Method, smaller: Method) -> bool:
            self.p_values_[name] = float(chi2.sf(*_against(fits, larger, smaller)))
            return self.p_values_[name] < ALPHA

        if not called_for("any", "slope" if "slope" in fits else "intercept", "none"):
            return "none"
        if "slope" not in fits or not called_for("slope", "slope", "intercept"):
            return "intercept"
        if self.no_slope_ == "few":
            return "intercept" if called_for("intercept", "intercept", "none") else "unmended"
        return "unmended" if self.no_slope_ else "slope"

    def apply(self, P: ArrayLike) -> np.ndarray:
        """Return the updated probabilities, rows adding up to 1."""
        return softmax(self.slope_ * self._log(np.asarray(P, dtype=float)) + self.intercepts_, axis=1)

    def _log(self, P: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):  # of a probability of 0 that no updating patient had
            return np.maximum(np.log(np.clip(P, self.nearest_, 1)), -700.0)


def _against(fits: dict[Method, Fit], larger: Method, smaller: Method) -> tuple[float, int]:
    """Return the likelihood ratio of two models, and how many numbers the larger one has more."""
    n_intercepts = len(fits["none"].intercepts) - 1
    learned = {"none": 0, "intercept": n_intercepts, "slope": n_intercepts + 1}
    gained = 2 * (fits[larger].log_likelihood - fits[smaller].log_likelihood)
    return max(0.0, gained), learned[larger] - learned[smaller]


def _no_slope(fit: Fit | None, allowed: bool) -> NoSlope:
    """Return why no slope may be taken."""
    if fit is None:
        return "alike"
    if fit.slope <= 0:
        return "reversed"
    if np.isinf(fit.slope):
        return "apart"
    return "" if allowed else "few"


def alike(scores: np.ndarray) -> bool:
    """Return whether all patients have one answer, which has no slope."""
    return bool(np.ptp(scores, axis=0).max() <= NEAR)


def log_likelihood(scores: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted log-likelihood of classes under scores of shape (n_samples, n_classes)."""
    return float(weights @ log_softmax(scores, axis=1)[np.arange(len(y)), y])


def maximum_likelihood(scores: np.ndarray, y: np.ndarray, weights: np.ndarray, *, slope: bool) -> Fit:
    """Return intercepts, with or without a slope, of most likelihood (Newton).

    Where the scores tell the classes apart there is no maximum: the slope is infinite (below 0 where they tell them
    apart the wrong way round), the intercepts are 0, and the likelihood is what it came near.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Log-probabilities.
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,)
    slope : bool
        Without, it is 1.

    Examples
    --------
    >>> scores = np.log([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    >>> found = maximum_likelihood(scores, np.array([0, 1, 1, 1]), np.ones(4), slope=False)
    >>> found.intercepts.round(4).tolist()
    [0.0, 1.0986]
    """
    n_classes = scores.shape[1]
    hit, theta = np.eye(n_classes)[y], np.append(np.zeros(n_classes - 1), 1.0)
    free = np.append(np.ones(n_classes - 1, dtype=bool), slope)
    now = log_likelihood(scores, y, weights)
    for _ in range(MOST_STEPS):
        P = softmax(_scored(theta, scores), axis=1)
        gradient, hessian = _derivatives(P, hit, scores, weights)
        try:
            step = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        except np.linalg.LinAlgError:
            break
        theta, now, gained = _stepped(theta, free, step, now, (scores, y, weights))
        if not abs(theta[-1]) <= STEEPEST:
            break
        if np.abs(step).max() <= NEAR * (1 + np.abs(theta).max()) or gained == 0:
            return Fit(float(theta[-1]), np.append(0.0, theta[:-1]), now)
    return Fit(float(np.copysign(np.inf, theta[-1])), np.zeros(n_classes), now)


def _scored(theta: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return theta[-1] * scores + np.append(0.0, theta[:-1])


def _derivatives(
    P: np.ndarray, hit: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and negative Hessian in the intercepts of all classes but the first and, last, the slope."""
    n_rows, n_classes = P.shape
    of_intercepts = np.broadcast_to(np.eye(n_classes)[1:], (n_rows, n_classes - 1, n_classes))
    design = np.concatenate([of_intercepts, scores[:, None, :]], axis=1)  # rows, parameters, classes
    gradient = np.einsum("n,npk,nk->p", weights, design, hit - P)
    means = np.einsum("npk,nk->np", design, P)
    hessian = np.einsum("n,npk,nk,nqk->pq", weights, design, P, design)
    return gradient, hessian - np.einsum("n,np,nq->pq", weights, means, means)


def _stepped(
    theta: np.ndarray, free: np.ndarray, step: np.ndarray, now: float, known: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, float, float]:
    """Return parameters after a step, halved until the likelihood does not fall, with the likelihood and its gain."""
    scores, y, weights = known
    for halvings in range(30):
        new = theta.copy()
        new[free] += step / 2**halvings
        reached = log_likelihood(_scored(new, scores), y, weights)
        if reached >= now:
            return new, reached, reached - now
    return theta, now, 0.0


def patient_weights(patients: np.ndarray) -> np.ndarray:
    """Return what each row counts so that every patient counts once.

    >>> patient_weights(np.array(["a", "b", "b"])).tolist()
    [1.0, 0.5, 0.5]
    """
    _, place, n_rows = np.unique(patients, return_inverse=True, return_counts=True)
    return 1.0 / n_rows[place]


def updated_out_of_fold(
    P: np.ndarray, y: np.ndarray, patients: np.ndarray, *, slope_allowed: bool, seed: int, repeats: int = REPEATS
) -> np.ndarray:
    """Return what updates learned from other patients make of each row: five folds of whole patients, dealt anew.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_classes)
    y : ndarray of shape (n_samples,)
        Classes 0 to K - 1.
    patients : ndarray of shape (n_samples,)
    slope_allowed : bool
        As in `UpdatingMap`; the tests are made again in every fold.
    seed : int
    repeats : int, default=5

    Returns
    -------
    ndarray of shape (repeats, n_samples, n_classes)

    Raises
    ------
    CohortError
        If a class has fewer than five patients.
    """
    weights, updated = patient_weights(patients), np.empty((repeats, *P.shape))
    for repeat in range(repeats):
        for train, test in inner_folds(FOLDS, y, patients, seed + repeat, refusal=TOO_FEW):
            fitted = UpdatingMap(slope_allowed=slope_allowed).fit(P[train], y[train], weights[train])
            updated[repeat, test] = fitted.apply(P[test])
    return updated
