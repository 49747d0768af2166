"""A chain whose classifier's options are chosen, and whose smaller classes are drawn more often, inside its fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from radiofuse.classify.mixup import TIMES, mixed_rows
from radiofuse.classify.rows import refuse_unweighted, soft_labels, stack_rows, take_rows
from radiofuse.classify.smote import synthetic_rows
from radiofuse.errors import CohortError, RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.inner_folds import fewest_patients, inner_folds
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned, takes_groups

FOLDS = 5  # fewer where the smallest class has fewer patients


class TunedChain(TakesGroups, Pipeline):
    """A Pipeline that searches options of its last step in folds of whole patients, before it is fitted.

    Every inner fold fits all steps anew, a selection too, so that no row that an option is judged by has been seen.

    Parameters
    ----------
    steps : list of (str, estimator)
        As in a Pipeline; the last one is a classifier with ``predict_proba``.
    search : dict of str to list, optional
        Values to try of options of the classifier, all combinations; the first of the best is taken.
    search_score : {"log_loss", "auc"}, default="log_loss"
        What is best, as the mean over the inner folds; of several classes the AUC is the mean of each against the rest.
    oversample : {"random", "smote"} or None, default=None
        Whether the classifier learns from as many rows of each class: patients of the smaller classes are drawn
        again, whole, or rows are made up between neighbors of a class (`synthetic_rows`). Selection and scaling see
        every row once, and test rows are never drawn.
    mixup : float, optional
        The classifier learns from rows mixed of two, their labels mixed alike, with lambda from Beta(mixup, mixup)
        (`mixed_rows`): it must take ``sample_weight``. Selection and scaling see the rows as they are. Not beside
        ``oversample``.
    random_state : int, RandomState instance or None, default=None
        Deals the inner folds, draws patients, mixes rows.
    memory, verbose, transform_input
        As in a Pipeline.

    Attributes
    ----------
    chosen_options_ : dict of str to object
        What the search chose; empty without one.
    search_results_ : DataFrame
        A column per option and ``score``, the mean over the inner folds, higher is better; NaN where there was
        nothing to choose.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 2
    >>> X[:, 0] += y
    >>> chain = TunedChain([("classify", LogisticRegression())], search={"C": [1e-6, 1.0]}, random_state=0)
    >>> chain.fit(X, y).chosen_options_
    {'C': 1.0}
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        search: Mapping[str, Sequence[Any]] | None = None,
        search_score: Literal["log_loss", "auc"] = "log_loss",
        oversample: Literal["random", "smote"] | None = None,
        mixup: float | None = None,
        random_state: Seed = None,
        memory: Any = None,
        verbose: bool = False,
        transform_input: Any = None,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose, transform_input=transform_input)
        self.search = search
        self.search_score = search_score
        self.oversample = oversample
        self.mixup = mixup
        self.random_state = random_state

    def __getitem__(self, ind: Any) -> Any:
        """Return a step, or several as a Pipeline; without the classifier there is nothing to search."""
        if not isinstance(ind, slice):
            return super().__getitem__(ind)
        whole = range(len(self.steps))[ind] == range(len(self.steps))
        return super().__getitem__(ind) if whole else Pipeline(self.steps, memory=self.memory)[ind]

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Choose the options, then fit all steps to all rows.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            The patient of each row; without it each row is a patient.

        Raises
        ------
        CohortError
            If a class has fewer than two patients to choose options by.
        """
        refuse_misaligned(X, y=y, groups=groups)
        y, groups = np.asarray(y), None if groups is None else np.asarray(groups)
        grid = list(ParameterGrid(dict(self.search or {})))
        self.search_results_ = pd.DataFrame(grid).assign(score=np.nan)
        if len(grid) > 1:
            self.search_results_["score"] = self._searched(grid, X, y, groups)
        self.chosen_options_ = dict(grid[np.nan_to_num(self.search_results_["score"], nan=-np.inf).argmax()])
        before, Z = self._prepared(X, y, groups)
        classifier = self._classifier(self.chosen_options_, Z, y, groups)
        name = self.steps[-1][0]  # type: ignore[has-type]  # a Pipeline's, which has no types
        self.steps = [*(before.steps if before is not None else []), (name, classifier)]
        return self

    def _makes_folds(self) -> bool:
        return bool(self.search)

    def _searched(self, grid: list[dict[str, Any]], X: Any, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Return the mean score of each set of options over the inner folds."""
        scores = []
        for train, test in self._folds(y, groups):
            of_train = None if groups is None else groups[train]
            before, Z = self._prepared(take_rows(X, train), y[train], of_train)
            held_out = take_rows(X, test) if before is None else before.transform(take_rows(X, test))
            fitted = (self._classifier(options, Z, y[train], of_train) for options in grid)
            scores.append([self._score(one, held_out, y[test]) for one in fitted])
        return np.mean(scores, axis=0)

    def _folds(self, y: np.ndarray, groups: np.ndarray | None) -> Any:
        patients = np.arange(len(y)) if groups is None else groups
        classes, codes = np.unique(y, return_inverse=True)
        fewest = fewest_patients(codes, patients)
        if fewest < 2:
            sentence = f"A search of options needs two patients of each class, and the smallest class has {fewest}."
            raise CohortError("The training table", [f"{sentence} Leave out search, or add patients."])
        return inner_folds(min(FOLDS, fewest), codes, patients, self.random_state, classes=classes)

    def _prepared(self, X: Any, y: np.ndarray, groups: np.ndarray | None) -> tuple[Pipeline | None, Any]:
        """Return the steps before the classifier, fitted, and what they make of the rows."""
        if len(self.steps) == 1:
            return None, X
        before = clone(Pipeline(self.steps[:-1]))
        return before, fit_with_groups(before, X, y, groups, method="fit_transform")

    def _classifier(self, options: Mapping[str, Any], Z: Any, y: np.ndarray, groups: np.ndarray | None) -> Any:
        classifier = clone(self.steps[-1][1]).set_params(**options)
        if self.mixup is not None:
            return self._taught_mixed(classifier, Z, y, self.mixup)
        if self.oversample == "smote":
            refuse_smote(classifier)
            rows, labels = synthetic_rows(np.asarray(Z, dtype=float), y, random_state=self.random_state)
            return classifier.fit(stack_rows(Z, rows), np.concatenate([y, labels]))
        rows = np.arange(len(y))
        if self.oversample is not None:
            groups = rows if groups is None else groups  # a row drawn twice must not be in two of its folds
            rows = oversampled_rows(y, groups, random_state=self.random_state)
        return fit_with_groups(classifier, take_rows(Z, rows), y[rows], None if groups is None else groups[rows])

    def _taught_mixed(self, classifier: Any, Z: Any, y: np.ndarray, alpha: float) -> Any:
        if self.oversample is not None:
            raise RequestError("mixup mixes rows, and oversample draws some again; leave one of them out.")
        refuse_mixup(classifier)
        rows, share = mixed_rows(np.asarray(Z, dtype=float), y, alpha, random_state=self.random_state)
        which, codes, weight = soft_labels(share)
        mixed = pd.DataFrame(rows, columns=Z.columns) if isinstance(Z, pd.DataFrame) else rows
        return classifier.fit(take_rows(mixed, which), np.unique(y)[codes], sample_weight=weight)

    def _score(self, classifier: Any, Z: Any, y: np.ndarray) -> float:
        probability, classes = classifier.predict_proba(Z), classifier.classes_
        if self.search_score == "log_loss":
            return -float(log_loss(y, probability, labels=classes))
        if len(classes) == 2:
            return float(roc_auc_score(y, probability[:, 1]))
        return float(roc_auc_score(y, probability, multi_class="ovr", labels=classes))


def oversampled_rows(y: ArrayLike, groups: ArrayLike | None = None, *, random_state: Seed = None) -> np.ndarray:
    """Return rows by position, those of the smaller classes drawn again until each class has about as many.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    groups : array-like of shape (n_samples,), optional
        The patient of each row; a patient's rows of a class are drawn together, so that a class may end up a few
        rows above the largest one.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    ndarray of int
        Every row once, then those drawn.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> np.bincount(y[oversampled_rows(y, random_state=0)]).tolist()
    [4, 4]
    """
    y = np.asarray(y)
    patients = np.arange(len(y)) if groups is None else np.asarray(groups)
    random = check_random_state(random_state)
    classes, sizes = np.unique(y, return_counts=True)
    drawn = [np.arange(len(y))]
    for label, size in zip(classes, sizes, strict=True):
        own = np.flatnonzero(y == label)
        names = np.unique(patients[own])
        while size < sizes.max():
            drawn.append(own[patients[own] == names[random.randint(len(names))]])
            size += len(drawn[-1])
    return np.concatenate(drawn)


def refuse_mixup(classifier: Any) -> None:
    """Raise where a classifier takes no weights, or keeps patients whole in folds of its own."""
    refuse_unweighted(classifier, "mixup")
    if takes_groups(classifier):
        raise RequestError(
            f"mixup makes rows of two patients, and {type(classifier).__name__} has folds of whole patients. Choose "
            "another classifier, or leave it out."
        )
    if hasattr(classifier, "min_samples_leaf"):
        raise RequestError(
            f"mixup mixes each row {TIMES} times, and {type(classifier).__name__} counts rows where it should weigh "
            "them: its smallest leaves would hold copies of one patient. Choose logistic or xgboost, or leave it out."
        )


def refuse_smote(classifier: Any) -> None:
    """Raise where a classifier keeps patients whole in folds of its own: a row between two patients is of neither."""
    if takes_groups(classifier):
        raise RequestError(
            f'oversample = "smote" makes rows between two patients, and {type(classifier).__name__} has folds of whole '
            'patients. Take oversample = "random", class_weight, or another classifier.'
        )
