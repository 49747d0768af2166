"""The answer of a bundle that was updated on patients of another site, beside the answer that the run gave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin

from radiofuse.classify.updating import UpdatingMap
from radiofuse.estimators import Answering
from radiofuse.wording import counted

UPDATED = "_updated"  # after the name of the answer of the run


def update_of(about: Mapping[str, Any], outcome: str) -> Mapping[str, Any] | None:
    """Return what a description says of the update of an outcome; None where there was none."""
    found: Mapping[str, Any] | None = about.get("updates", {}).get(outcome)
    return found


def answering(about: Mapping[str, Any], outcome: str) -> str:
    """Return the name of the answer that new patients get: that of the run, or the updated one.

    Examples
    --------
    >>> about = {"protocol": {"primary": "mean"}, "updates": {"idh": {"answer": "mean_updated"}}}
    >>> answering(about, "idh"), answering(about, "grade")
    ('mean_updated', 'mean')
    """
    update = update_of(about, outcome)
    return str(about["protocol"]["primary"] if update is None else update["answer"])


def map_of(update: Mapping[str, Any]) -> UpdatingMap:
    """Return the map from the run's probabilities to the updated ones that a description tells of."""
    made = UpdatingMap()
    made.method_, made.slope_, made.nearest_ = update["method"], float(update["slope"]), float(update["nearest"])
    made.intercepts_ = np.asarray(update["intercepts"], dtype=float)
    return made


def with_updated(answers: pd.DataFrame, about: Mapping[str, Any], outcome: str) -> pd.DataFrame:
    """Return the answers of an outcome's models, the updated one among them, behind the one that it is made of.

    Parameters
    ----------
    answers : DataFrame
        As ``predict_proba_each`` returns them.
    about : mapping
        As in ``bundle.json``.
    outcome : str
    """
    update = update_of(about, outcome)
    if update is None or answers.empty:
        return answers
    original, several = answers[update["model"]], answers.columns.nlevels > 1
    each = original.to_numpy(float) if several else np.column_stack([1 - original, original])
    known, told = ~np.isnan(each).any(axis=1), np.full(each.shape, np.nan)
    told[known] = map_of(update).apply(each[known])
    names = [(update["answer"], place) for place in original] if several else [update["answer"]]
    new = pd.DataFrame(told if several else told[:, 1], index=answers.index, columns=pd.Index(names))
    first = list(answers.columns.get_level_values(0))
    at = len(first) - first[::-1].index(update["model"])
    parts = [answers.iloc[:, :at], new.rename_axis(columns=answers.columns.names), answers.iloc[:, at:]]
    return pd.concat(parts, axis=1)


def updated_thresholds(
    about: Mapping[str, Any], chosen: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """Return where the thresholds of the run's answers lie once these are updated: the same patients are called.

    Examples
    --------
    >>> update = {"model": "mean", "answer": "mean_updated", "method": "intercept", "slope": 1.0, "nearest": 0.0}
    >>> about = {"updates": {"idh": update | {"intercepts": [0.0, 1.0]}}}
    >>> {key: round(value, 3) for key, value in updated_thresholds(about, {("idh", "mean"): 0.5}).items()}
    {('idh', 'mean_updated'): 0.731}
    """
    found = {}
    for outcome, update in about.get("updates", {}).items():
        threshold = chosen.get((outcome, update["model"]), float("nan"))
        if 0 <= threshold <= 1:
            found[outcome, update["answer"]] = moved(threshold, update)
    return found


def moved(threshold: float, update: Mapping[str, Any] | None) -> float:
    """Return where a threshold of the run's answer of two classes lies on the updated scale."""
    return threshold if update is None else float(map_of(update).apply([[1 - threshold, threshold]])[0, 1])


def updated_contributions(
    parts: np.ndarray, base: np.ndarray, update: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return members' contributions to the updated answer: times its slope, so that they add up to its log-odds.

    Parameters
    ----------
    parts, base : ndarray
        As ``radiofuse.fuse.contributions.contributions`` returns them, to the answer before.
    update : mapping or None
        As `update_of` returns it.
    """
    if update is None:
        return parts, base
    slope, intercepts = float(update["slope"]), np.asarray(update["intercepts"], dtype=float)
    if parts.ndim == 2:
        return slope * parts, slope * base + intercepts[1]
    parts, base = slope * parts, slope * base + intercepts
    return parts, base - logsumexp(base + parts.sum(axis=1), axis=1, keepdims=True)


def update_sentences(about: Mapping[str, Any]) -> Iterator[str]:
    """Yield on whom each answer was recalibrated."""
    for outcome, told in about.get("updates", {}).items():
        yield (
            f"The answer to {outcome} is {told['answer']}, updated on {told['whose']} "
            f"({counted(told['n_patients'], 'patient')}); {told['model']} is the answer before, and its operating "
            "point moved with it."
        )


class UpdatedModel(ClassifierMixin, BaseEstimator):
    """A fitted model of one outcome whose main answer was updated on patients of another site.

    Parameters
    ----------
    model : estimator
        With ``predict_proba_each`` and ``classes_``.
    about : mapping
        As in ``bundle.json``, with the update.
    outcome : str
    """

    def __init__(self, model: Any, about: Mapping[str, Any], outcome: str) -> None:
        self.model = model
        self.about = about
        self.outcome = outcome

    @property
    def classes_(self) -> np.ndarray:
        """The places of the outcome's classes."""
        return np.asarray(self.model.classes_)

    def fit(self, X: Any, y: Any, groups: Any = None) -> UpdatedModel:
        """Leave the model as it is: it was fitted and updated before it was put into the bundle."""
        return self

    def predict_proba_each(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what the model answers, and its updated answer."""
        return with_updated(self.model.predict_proba_each(X), self.about, self.outcome)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the updated probability of each class, columns in the order of ``classes_``."""
        told = self.predict_proba_each(X)[answering(self.about, self.outcome)].to_numpy(float)
        return np.column_stack([1 - told, told]) if told.ndim == 1 else told


def updated_models(
    models: Mapping[str, Mapping[str, Answering]], about: Mapping[str, Any]
) -> dict[str, dict[str, Answering]]:
    """Return the models of a bundle, those that were updated with their updated answer."""
    made = {outcome: dict(own) for outcome, own in models.items()}
    for outcome, own in made.items():
        if update_of(about, outcome) is not None:
            first = next(iter(own))
            own[first] = UpdatedModel(own[first], about, outcome)
    return made
