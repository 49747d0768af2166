"""Any classifier, taught a second time by what it says of rows without a label and is sure of."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, assert_all_finite, check_random_state, column_or_1d, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from radiofuse.classify.classes import ProbableClass, check_classes
from radiofuse.classify.probability_draws import Draws, posterior_draws, refits_on_patients
from radiofuse.classify.rows import has_label, refuse_unweighted, soft_labels, stack_rows, take_rows
from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier, Seed
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned
from radiofuse.statistics.pseudo_labeling import NONE, PseudoLabels, pseudo_labels

Labeled = tuple[Any, np.ndarray, np.ndarray | None]  # rows, their labels, their patients
AS_IT_COMES = {"dtype": None, "ensure_all_finite": False}  # the classifier judges the values


class OneSidedWarning(UserWarning):
    """The confident pseudo-labels are all of one class, or there are none: nothing is learned from them."""


class SelfTrainedClassifier(TakesGroups, ProbableClass, BaseEstimator):
    """A classifier fitted twice: to labeled rows, then also to rows that its first fits are sure of.

    Stage 1 fits the classifier to bootstraps of the labeled patients. A row without a label is given the class that
    these fits agree on, where their mean probability of it is ``confidence`` or more and its standard deviation
    ``spread`` or less. Stage 2 fits the classifier anew, to labeled and pseudo-labeled rows. Where these pseudo-labels
    are all of one class, stage 2 is the fit to the labeled rows, with a warning.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``; a chain is fitted whole in every stage. Steps are handed the patients where they take
        ``groups``.
    confidence, spread : float, default=0.9 and 0.05
        Least mean probability and largest standard deviation of a pseudo-label. A ``spread`` of 1 lets all pass.
    negative : float, optional
        Also learn which classes a row is surely not of: those whose mean is this or less, .05 in Rizve et al. What is
        left of two classes is a pseudo-label; of more, the row counts as of each class that is left, with its share of
        the mean as weight: the classifier must take ``sample_weight``.
    negative_spread : float, default=0.005
        Largest standard deviation of such a class.
    balance : bool, default=False
        Whether as many rows of each class are given pseudo-labels as of the rarest one, the most confident ones.
    draws : {"bootstrap", "posterior"}, default="bootstrap"
        "posterior" draws the weights of the classifier fitted to the labeled rows, which must be able to (`brnn`): what
        was selected before it is then taken as certain.
    n_draws : int, default=10
        Fits, or draws of weights. With 1 the pseudo-labels are those of the fit to the labeled rows, without a spread.
    class_names : sequence of str, optional
        What warnings call the classes, in the order of ``classes_``; default: the labels.
    random_state : int, RandomState instance or None, default=None
        Draws patients, or weights. The classifier brings its own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Of the labeled rows.
    supervised_ : estimator
        Fitted to the labeled rows alone.
    draws_ : list of estimator
        The fits of stage 1; ``supervised_`` where weights are drawn, or with a single draw.
    final_ : estimator
        Of stage 2; answers.
    pseudo_labels_ : PseudoLabels
        Of the rows without a label, in their order.
    unlabeled_ : ndarray of int
        Positions of these rows.

    See Also
    --------
    radiofuse.statistics.pseudo_labels : The gate.

    Notes
    -----
    With ``n_draws=1`` and ``spread=1`` it is scikit-learn's ``SelfTrainingClassifier`` with ``max_iter=1``, but that a
    probability equal to the threshold passes.

    References
    ----------
    Rizve, Duarte, Rawat, Shah (2021). In defense of pseudo-labeling: an uncertainty-aware pseudo-label selection
    framework for semi-supervised learning. ICLR.
    Lakshminarayanan, Pritzel, Blundell (2017). Simple and scalable predictive uncertainty estimation using deep
    ensembles. NeurIPS 30: the spread of models in place of that of passes with dropout.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 2)), np.arange(80) % 2
    >>> X[:, 0] += 3 * y
    >>> y[20:] = -1
    >>> model = SelfTrainedClassifier(LogisticRegression(), random_state=0).fit(X, y)
    >>> int(model.pseudo_labels_.kept.sum()), len(model.unlabeled_)
    (31, 60)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "confidence": [Interval(Real, 0, 1, closed="both")],
        "spread": [Interval(Real, 0, None, closed="left")],
        "negative": [Interval(Real, 0, 0.5, closed="left"), None],
        "negative_spread": [Interval(Real, 0, None, closed="left")],
        "balance": ["boolean"],
        "draws": [StrOptions({"bootstrap", "posterior"})],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "class_names": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Classifier,
        *,
        confidence: float = 0.9,
        spread: float = 0.05,
        negative: float | None = None,
        negative_spread: float = 0.005,
        balance: bool = False,
        draws: Draws = "bootstrap",
        n_draws: int = 10,
        class_names: Sequence[str] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.confidence = confidence
        self.spread = spread
        self.negative = negative
        self.negative_spread = negative_spread
        self.balance = balance
        self.draws = draws
        self.n_draws = n_draws
        self.class_names = class_names
        self.random_state = random_state

    def _makes_folds(self) -> bool:
        return False

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit both stages.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Whatever the classifier takes; columns keep their names on the way to it.
        y : array-like of shape (n_samples,)
            Labels; -1, NaN or None in rows without one.
        groups : array-like of shape (n_samples,), optional
            The patient of each row: patients are drawn, not rows.

        Warns
        -----
        OneSidedWarning
            If the pseudo-labels are all of one class, or there are none, and stage 2 is the fit to the labeled rows.

        Raises
        ------
        RequestError
            If negative labels need weights and the classifier takes none, weights are drawn and it cannot, or
            ``negative`` goes with ``balance`` or leaves no class.
        ValueError
            If labeled rows are of one class only, or no row has a label.
        """
        refuse_misaligned(X, y=y, groups=groups)
        values, y = validate_data(self, X, **AS_IT_COMES), column_or_1d(y, warn=True)
        check_consistent_length(values, y, groups)
        rows = X if isinstance(X, pd.DataFrame) else values
        groups = None if groups is None else np.asarray(groups)
        known = has_label(y)
        if not known.any():
            raise ValueError("y has no label: every row is -1, NaN or None. Self-training starts from labeled rows.")
        labels = y[known]
        assert_all_finite(labels, input_name="y")
        self.classes_ = check_classes(labels)
        self.unlabeled_ = np.flatnonzero(~known)
        labeled: Labeled = take_rows(rows, known), labels, None if groups is None else groups[known]
        self.supervised_ = fit_with_groups(clone(self.estimator), *labeled)
        self.pseudo_labels_ = self._gated(labeled, take_rows(rows, self.unlabeled_))
        self.final_ = self._taught(rows, y, groups)
        return self

    def _gated(self, labeled: Labeled, unlabeled: Any) -> PseudoLabels:
        random = check_random_state(self.random_state)
        one, drawn = self.n_draws == 1, self.draws == "posterior"
        self.draws_ = [self.supervised_]
        if not (one or drawn):
            self.draws_ = refits_on_patients(self.estimator, *labeled, n_draws=self.n_draws, random_state=random)
        if not len(self.unlabeled_):
            told = np.empty((1, 0, len(self.classes_)))
        elif drawn and not one:
            told = posterior_draws(self.supervised_, unlabeled, self.n_draws, random)
        else:
            told = np.stack([model.predict_proba(unlabeled) for model in self.draws_])
        options = {"negative": self.negative, "negative_spread": self.negative_spread, "balance": self.balance}
        return pseudo_labels(told, confidence=self.confidence, spread=self.spread, **options)

    def _taught(self, X: Any, y: np.ndarray, groups: np.ndarray | None) -> Any:
        """Return the classifier fitted to labeled and pseudo-labeled rows, in their order."""
        code = self.pseudo_labels_.code
        kept, soft = self.unlabeled_[code != NONE], self.pseudo_labels_.ruled_out.any(axis=1)
        if len(np.unique(code[code != NONE])) < 2 and not soft.any():
            if len(self.unlabeled_):
                warnings.warn(self._one_sided(code[code != NONE]), OneSidedWarning, stacklevel=3)
            return self.supervised_
        labels = y.copy()
        labels[kept] = self.classes_[code[code != NONE]]
        rows = np.setdiff1d(np.arange(len(y)), self.unlabeled_[code == NONE])
        own = None if groups is None else groups[rows]
        told = take_rows(X, rows), labels[rows].astype(self.classes_.dtype), own
        if not soft.any():
            return fit_with_groups(clone(self.estimator), *told)
        share = self.pseudo_labels_.mean[soft] * ~self.pseudo_labels_.ruled_out[soft]
        return self._fitted_softly(*told, take_rows(X, self.unlabeled_[soft]), share / share.sum(axis=1, keepdims=True))

    def _fitted_softly(
        self, X: Any, y: np.ndarray, groups: np.ndarray | None, X_soft: Any, share: np.ndarray
    ) -> Pipeline:
        """Return the chain whose last step also learns from rows of several classes; what is before it does not."""
        chain = clone(self.estimator if isinstance(self.estimator, Pipeline) else Pipeline([("all", self.estimator)]))
        before, (name, classifier) = chain.steps[:-1], chain.steps[-1]
        refuse_unweighted(classifier, "negative")
        if type(chain) is not Pipeline:
            raise RequestError("negative of more than two classes goes with no search, oversample or mixup; drop one.")
        prepared = Pipeline(before or [("all", "passthrough")])
        Z = fit_with_groups(prepared, X, y, groups, method="fit_transform")
        rows, codes, weight = soft_labels(share)
        more = np.asarray(take_rows(prepared.transform(X_soft), rows))
        labels = np.concatenate([y, self.classes_[codes]])
        classifier.fit(stack_rows(Z, more), labels, sample_weight=np.concatenate([np.ones(len(y)), weight]))
        return Pipeline([*before, (name, classifier)])

    def _one_sided(self, code: np.ndarray) -> str:
        names = [f"{one}".removesuffix(".0") for one in self.classes_] if self.class_names is None else self.class_names
        found = f"{len(code)} (all of class {names[code[0]]})" if len(code) else "none"
        return (
            f"Stage 2 learned from no pseudo-label: of {len(self.unlabeled_)} rows without a label, {found} had "
            f"a mean of {self.confidence:g} or more and a spread of {self.spread:g} or less, and it takes two classes. "
            "Its answer is that of the labeled rows; loosen confidence or spread, or add labels."
        )

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class by the classifier of stage 2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, **AS_IT_COMES)
        return self.final_.predict_proba(X)

    def predict_proba_of_stages(self, X: ArrayLike) -> dict[str, np.ndarray]:
        """Return the probability of each class by the fit to labeled rows, the mean of stage 1, and stage 2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_classes)
            ``stage_2``, ``stage_1`` and ``supervised``.
        """
        final = self.predict_proba(X)
        supervised = self.supervised_.predict_proba(X)
        drawn = [supervised] if self.draws_ == [self.supervised_] else [one.predict_proba(X) for one in self.draws_]
        return {"stage_2": final, "stage_1": np.mean(drawn, axis=0), "supervised": supervised}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = replace(get_tags(self.estimator).input_tags, sparse=False)
        return tags
