"""Self-training of each outcome: its rows without a label are all in which it is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from radiofuse.errors import CohortError
from radiofuse.estimators import Findings, Seed
from radiofuse.fuse.probabilities import of_second
from radiofuse.patients.hidden_labels import hidden_rows
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.tables.answers import answers_table, joint_answers, no_weights

TOLD = ["n_labeled", "n_unlabeled", "n_hidden", "n_kept", "coverage", "right_of_kept", "right_of_hidden", "learned"]


class SelfTrainedOutcomes(TakesGroups, BaseEstimator):
    """A self-trained classifier for each outcome, which answers by all of its stages.

    Parameters
    ----------
    model : SelfTrainedClassifier
        Cloned for each outcome.
    gates : mapping of str to mapping, optional
        Parameters of the model for single outcomes.
    hidden_labels : float or mapping of str to float, optional
        Share of the patients of each class whose known labels are hidden from the fit, at random: how right the
        pseudo-labels are can be told of them alone. By outcome, those of the others stay.
    class_names : mapping of str to sequence of str, optional
        By outcome what warnings call the classes.
    random_state : int, RandomState instance or None, default=None
        Draws whose labels are hidden.

    Attributes
    ----------
    outcomes_ : list of str
        Columns of ``y``.
    models_ : dict of str to SelfTrainedClassifier
        By outcome.
    told_ : dict of str to DataFrame
        By outcome, a row on its pseudo-labels: n_labeled, n_unlabeled (those hidden among them), n_hidden, n_kept,
        coverage (the share of unlabeled rows that were given a pseudo-label), right_of_kept and right_of_hidden (how
        often the largest class is the true one, of hidden rows that were given one and of all hidden ones; NaN where
        there are none) and learned (whether stage 2 learned from pseudo-labels).

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from radiofuse.classify import SelfTrainedClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"t1__a": rng.normal(size=80)})
    >>> y = pd.DataFrame({"idh": (X["t1__a"] > 0) * 1.0})
    >>> y[60:] = np.nan
    >>> model = SelfTrainedClassifier(LogisticRegression(C=100), n_draws=3, random_state=0)
    >>> outcomes = SelfTrainedOutcomes(model, hidden_labels=0.5, random_state=0).fit(X, y)
    >>> outcomes.told_["idh"][["n_labeled", "n_unlabeled", "n_hidden"]].iloc[0].to_list()
    [30, 50, 30]
    """

    multi_outcome = True
    semi_supervised = True

    def __init__(
        self,
        model: Any,
        *,
        gates: Mapping[str, Mapping[str, Any]] | None = None,
        hidden_labels: float | Mapping[str, float] | None = None,
        class_names: Mapping[str, Sequence[str]] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.model = model
        self.gates = gates
        self.hidden_labels = hidden_labels
        self.class_names = class_names
        self.random_state = random_state

    def _makes_folds(self) -> bool:
        return False

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None = None) -> Self:
        """Fit a model to each outcome.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)
        y : DataFrame of shape (n_samples, n_outcomes)
            Labels 0 to K - 1, NaN where one is unknown.
        groups : array-like of shape (n_samples,), optional
            The patient of each row.

        Raises
        ------
        CohortError
            If an outcome has one class only.
        RequestError
            If too few labels would be left where some are hidden.
        """
        refuse_misaligned(X, y=y, groups=groups)
        patients = None if groups is None else np.asarray(groups)
        random = check_random_state(self.random_state)
        self.outcomes_ = list(y)
        self.models_, self.told_ = {}, {}
        for name in y:
            true = y[name].to_numpy(float)
            _refuse_one_class(name, true)
            shown = self._with_hidden(name, true, patients, random.randint(2**31 - 1))
            model = clone(self.model).set_params(**(self.gates or {}).get(name, {}))
            if self.class_names is not None:
                model.set_params(class_names=[f"{name} = {one}" for one in self.class_names[name]])
            self.models_[name] = model.fit(X, shown, groups=patients)
            self.told_[name] = _told(model, true, shown)
        return self

    def _with_hidden(self, name: str, true: np.ndarray, patients: np.ndarray | None, seed: int) -> np.ndarray:
        share = self.hidden_labels.get(name) if isinstance(self.hidden_labels, Mapping) else self.hidden_labels
        if share is None:
            return true
        known = np.flatnonzero(~np.isnan(true))
        own = None if patients is None else patients[known]
        shown = true.copy()
        shown[known[hidden_rows(true[known].astype(int), share, own, random_state=seed)]] = np.nan
        return shown

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probabilities of every outcome by every stage.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_columns)

        Returns
        -------
        DataFrame
            Columns are triples of outcome, answer (``stage_2``, ``stage_1``, ``supervised``) and class; of two classes
            only the second has one.
        """
        parts, classes = {}, {}
        for name, model in self.models_.items():
            stages = {stage: of_second(told) for stage, told in model.predict_proba_of_stages(X).items()}
            classes[name] = model.classes_.astype(int)
            parts[name] = answers_table(stages, X.index, classes[name])
        return joint_answers(parts, classes)

    def findings_of(self, outcome: str) -> Findings:
        """Return what folds should record of an outcome: what stage 2 selected and weighs, and its pseudo-labels."""
        model, told = self.models_[outcome], self.told_[outcome]
        final = model.final_
        if hasattr(final, "findings"):
            return final.findings()._replace(explaining=None, weighing=None, pseudo_labels=told)
        selects = isinstance(final, Pipeline) and "select" in final.named_steps
        read = {"stage_2": list(model.feature_names_in_)} if selects else {}
        return Findings(read, {"stage_2": final} if selects else {}, no_weights(), pseudo_labels=told)


def _refuse_one_class(name: str, true: np.ndarray) -> None:
    classes = np.unique(true[~np.isnan(true)])
    if len(classes) < 2:
        raise CohortError(
            "The training table",
            [f"Self-training starts from labels of two classes or more; of {name} it holds {classes.tolist()}."],
        )


def _told(model: Any, true: np.ndarray, shown: np.ndarray) -> pd.DataFrame:
    """Return a row on the pseudo-labels of one outcome."""
    gate, unlabeled = model.pseudo_labels_, np.isnan(shown)
    code = np.searchsorted(model.classes_, true[unlabeled]).astype(float)
    right = gate.accuracy(np.where(np.isnan(true[unlabeled]), np.nan, code))
    counts = (~unlabeled).sum(), unlabeled.sum(), (unlabeled & ~np.isnan(true)).sum(), gate.kept.sum()
    shares = gate.coverage, right["kept"], right["all"]
    row = [*map(int, counts), *map(float, shares), model.final_ is not model.supervised_]
    return pd.DataFrame([row], columns=TOLD)
