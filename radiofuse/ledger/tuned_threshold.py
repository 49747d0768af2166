"""The threshold that suits the test rows best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.statistics import choose_threshold
from radiofuse.statistics.binary_outcome import BinaryOutcome
from radiofuse.statistics.multiclass_outcome import MulticlassOutcome
from radiofuse.statistics.outcome_kinds import KINDS
from radiofuse.tables.class_rows import ClassRepeat, class_repeats_of
from radiofuse.tables.outcomes import BINARY, MULTICLASS
from radiofuse.tables.predictions import repeats_of
from radiofuse.wording import number

METRIC = "balanced_accuracy"
ROUNDS = 5  # of several classes: how often the weight of each is chosen anew


def tuned_threshold(question: Question) -> Claim | None:
    """The threshold tuned on the test patients.

    Of two classes it is the best one of each repeat's pooled predictions. Of several, weights of the classes take its
    place: the class of the greatest weighted probability is called.

    Parameters
    ----------
    question : Question
    """
    if not all(_has_all(question, rows) for _, rows in question.honest.groupby("repeat")):
        return None  # a small held-out share may lack a class: nothing to tune on
    counts = question.counts(question.honest["patient_id"].nunique())
    tuned, note = TUNED[question.outcome.kind](question, counts)
    return Claim(question.answer, METRIC, question.draws(question.honest, METRIC), tuned, note)


def _has_all(question: Question, rows: pd.DataFrame) -> bool:
    return KINDS[question.outcome.kind].has_all(rows, question.outcome.told)


def _at_best_threshold(question: Question, counts: np.ndarray) -> tuple[np.ndarray, str]:
    repeats, cls = repeats_of(question.honest), question.outcome.positive
    thresholds = [choose_threshold(repeat.label, repeat.probability) for repeat in repeats]
    parts = [
        BinaryOutcome([repeat], cls, threshold).draws(counts, [METRIC])[cls, METRIC]
        for repeat, threshold in zip(repeats, thresholds, strict=True)
    ]
    return np.mean(parts, axis=0), f"threshold {number(np.mean(thresholds))} in place of {number(0.5)}"


def _with_best_weights(question: Question, counts: np.ndarray) -> tuple[np.ndarray, str]:
    classes = question.outcome.classes
    repeats = class_repeats_of(question.honest, classes)
    weights = [best_weights(repeat.code, repeat.probability) for repeat in repeats]
    weighted = [
        ClassRepeat(repeat.code, of_repeat * repeat.probability, repeat.patient)
        for repeat, of_repeat in zip(repeats, weights, strict=True)
    ]
    draws = MulticlassOutcome(weighted, classes).draws(counts, [METRIC])
    mean = np.mean(weights, axis=0)
    said = ", ".join(f"{name} {number(weight)}" for name, weight in zip(classes, mean, strict=True))
    return draws["", METRIC], f"weights {said}"


def best_weights(code: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return weights of the classes whose calls have a high balanced accuracy: each chosen in turn, others held.

    Parameters
    ----------
    code : ndarray of int, shape (n_samples,)
        The place of each row's class.
    probability : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    ndarray of shape (n_classes,)
        They sum to the number of classes.

    Examples
    --------
    >>> probability = np.array([[0.6, 0.2, 0.2], [0.5, 0.4, 0.1], [0.5, 0.1, 0.4]])
    >>> calls = (best_weights(np.array([0, 1, 2]), probability) * probability).argmax(axis=1)
    >>> calls.tolist()
    [0, 1, 2]
    """
    weights, n_classes = np.ones(probability.shape[1]), probability.shape[1]
    share = 1 / np.bincount(code, minlength=n_classes)[code]  # of each row in its class
    for _ in range(ROUNDS):
        for k in range(n_classes):
            weights[k] = _best_weight(k, code, probability, weights, share)
    return weights * n_classes / weights.sum()


def _best_weight(k: int, code: np.ndarray, probability: np.ndarray, weights: np.ndarray, share: np.ndarray) -> float:
    """Return the weight of class ``k`` with the most right calls, by class; as it is where no other has more."""
    others = np.where(np.arange(len(weights)) == k, -np.inf, weights * probability)
    rival, most = others.argmax(axis=1), others.max(axis=1)
    needed = most / np.maximum(probability[:, k], np.finfo(float).tiny)  # from this weight on the row is called k
    ends = np.unique(needed[np.isfinite(needed) & (needed > 0)])
    candidates = np.concatenate([[weights[k]], np.sqrt(ends[:-1] * ends[1:]), 2 * ends[-1:], ends[:1] / 2])
    gained = [(share * np.where(needed < weight, code == k, code == rival)).sum() for weight in candidates]
    return float(candidates[np.argmax(gained)])


TUNED: dict[str, Callable[[Question, np.ndarray], tuple[np.ndarray, str]]] = {
    BINARY: _at_best_threshold,
    MULTICLASS: _with_best_weights,
}
