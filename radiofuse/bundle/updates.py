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
from radiofuse.wording import counted, listed

UPDATED = "_updated"  # after the name of the answer of the run


def update_of(about: Mapping[str, Any], outcome: str) -> Mapping[str, Any] | None:
    """Return what a description says of the update of an outcome; None where there was none."""
    found: Mapping[str, Any] | None = about.get("updates", {}).get(outcome)
    return found


def versions_of(update: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the updates of an outcome in their order, the last one with them; each maps from the answer of the run."""
    return [*update["earlier"], update]


def name_of_next(about: Mapping[str, Any], outcome: str) -> str:
    """Return what the next updated answer to an outcome is called.

    Examples
    --------
    >>> about = {"protocol": {"primary": "mean"}}
    >>> name_of_next(about, "idh"), name_of_next(about | {"updates": {"idh": {"earlier": []}}}, "idh")
    ('mean_updated', 'mean_updated_2')
    """
    update, first = update_of(about, outcome), f"{about['protocol']['primary']}{UPDATED}"
    return first if update is None else f"{first}_{len(versions_of(update)) + 1}"


def after_the_update_before(update: Mapping[str, Any] | None, step: UpdatingMap) -> dict[str, Any]:
    """Return slope, intercepts and nearest from the answer of the run, through the update before and one step more.

    Both are lines on log-probabilities: one behind the other is a line again.

    Parameters
    ----------
    update : mapping or None
        The one before, where there is one.
    step : UpdatingMap
        From the answer that it gives.
    """
    slope, intercepts, nearest = (1.0, 0.0, 0.0) if update is None else _line(update)
    return {
        "slope": float(step.slope_ * slope),
        "intercepts": (step.slope_ * np.asarray(intercepts) + step.intercepts_).tolist(),
        "nearest": float(max(nearest, step.nearest_)),
    }


def _line(update: Mapping[str, Any]) -> tuple[float, Any, float]:
    return float(update["slope"]), update["intercepts"], float(update["nearest"])


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
    new = [_updated(answers[version["model"]], version, answers.columns) for version in versions_of(update)]
    first = list(answers.columns.get_level_values(0))
    at = len(first) - first[::-1].index(update["model"])
    return pd.concat([answers.iloc[:, :at], *new, answers.iloc[:, at:]], axis=1)


def _updated(original: Any, version: Mapping[str, Any], like: pd.Index) -> pd.DataFrame:
    """Return one updated answer as a table of answers has it."""
    several = like.nlevels > 1
    each = original.to_numpy(float) if several else np.column_stack([1 - original, original])
    known, told = ~np.isnan(each).any(axis=1), np.full(each.shape, np.nan)
    told[known] = map_of(version).apply(each[known])
    names = [(version["answer"], place) for place in original] if several else [version["answer"]]
    new = pd.DataFrame(told if several else told[:, 1], index=original.index, columns=pd.Index(names))
    return new.rename_axis(columns=like.names)


def updated_thresholds(
    about: Mapping[str, Any], chosen: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """Return where the thresholds of the run's answers lie once these are updated: the same patients are called.

    Examples
    --------
    >>> update = {"model": "mean", "answer": "mean_updated", "method": "intercept", "slope": 1.0, "nearest": 0.0}
    >>> about = {"updates": {"idh": update | {"intercepts": [0.0, 1.0], "earlier": []}}}
    >>> {key: round(value, 3) for key, value in updated_thresholds(about, {("idh", "mean"): 0.5}).items()}
    {('idh', 'mean_updated'): 0.731}
    """
    found = {}
    for outcome, update in about.get("updates", {}).items():
        threshold = chosen.get((outcome, update["model"]), float("nan"))
        if 0 <= threshold <= 1:
            found |= {(outcome, one["answer"]): moved(threshold, one) for one in versions_of(update)}
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
            f"({counted(told['n_patients'], 'patient')}){_versions_before(told)}; {told['model']} is the answer of the "
            "run, and its operating point moved with it."
        )


def _versions_before(update: Mapping[str, Any]) -> str:
    """Return the updates before, the last one first."""
    told = [f"{one['answer']} on {one['whose']}" for one in reversed(update["earlier"])]
    return f", after {listed(told)}" if told else ""


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
