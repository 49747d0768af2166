"""Fusion weights learned, and believed, in sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from radiofuse.fuse import LateFusion
from radiofuse.fuse.choices import build_combiners, fit_combiner
from radiofuse.fuse.named import Named
from radiofuse.ledger.claim import Claim
from radiofuse.ledger.encoder_of_all import is_network
from radiofuse.ledger.question import Question
from radiofuse.statistics.binary_outcome import BinaryOutcome
from radiofuse.statistics.multiclass_outcome import MulticlassOutcome
from radiofuse.tables.class_rows import ClassRepeat
from radiofuse.tables.predictions import Repeat, rows_of_model
from radiofuse.wording import number


def weights_in_sample(question: Question) -> Claim | None:
    """Fusion weights learned and scored in sample.

    In each fold the first combiner that learns is shown what members say of their own training patients. The claim is
    its score on these; the note says what the same weights are worth on the held-out ones, which is no shortcut, but
    the price of trusting the member that overfits most.

    Parameters
    ----------
    question : Question
    """
    fusion, learner = _fusion_of(question.model), _first_learner(question.model)
    if fusion is None or learner is None or any(is_network(member) for _, member in fusion.estimators):
        return None
    name, combiner = learner
    plain = clone(fusion).set_params(combine="mean", calibrate=False, subsets=False)  # no inner folds: nothing learns
    named = isinstance(question.model, Named)
    model = Named(plain, question.model.name, question.model.columns, records=False) if named else plain
    shown = _Shown(question, combiner)
    folds = question.in_folds("weights_in_sample", model, inspect=shown)
    found = [result.findings[next(iter(result.findings))] for result in folds]
    honest = rows_of_model(question.predictions, question.model.prefix + name if named else name)
    patients = np.unique(honest["patient_id"].to_numpy().astype(str))
    learned_from = np.concatenate([question.groups[seen["learned"][0]] for seen in found]).astype(str)
    if not np.isin(learned_from, patients).all():  # some only ever train: no resample of patients pairs the two
        return None
    counts, draws = question.counts(len(patients)), {}
    for part in ("learned", "held_out"):
        repeats = [_repeat(question, patients, *seen[part]) for seen in found]
        draws[part] = _auc(question, repeats, counts)
    note = f"{number(draws['held_out'][0])} on held-out patients, averaged over folds"
    return Claim(honest["model"].iloc[0], "auc", question.draws(honest), draws["learned"], note)


def _fusion_of(model: Any) -> LateFusion | None:
    inner = model.model if isinstance(model, Named) else model
    return inner if isinstance(inner, LateFusion) else None


def _first_learner(model: Any) -> tuple[str, Any] | None:
    """Return name and combiner of the first one that learns, None where none does."""
    fusion = _fusion_of(model)
    combiners = {} if fusion is None else build_combiners(fusion.combine, taken=())
    return next(((name, one) for name, one in combiners.items() if hasattr(one, "fit")), None)


class _Shown:
    """Fits a combiner to what members say of their training rows; a class, because workers are sent it."""

    def __init__(self, question: Question, combiner: Any) -> None:
        self.X, self.y, self.groups, self.splits = question.X, question.y, question.groups, question.splits
        self.combiner = combiner

    def __call__(self, fitted: Any, X_test: pd.DataFrame, y_test: np.ndarray) -> dict[str, tuple]:
        """Return rows and answers of the training patients, and of the held-out ones."""
        test = np.flatnonzero(self.X.index.isin(X_test.index))
        train = next(split.train for split in self.splits if np.array_equal(np.sort(split.test), test))
        fusion = fitted.model_ if isinstance(fitted, Named) else fitted
        train, test = (self._usable(fitted, places) for places in (train, test))
        P = fusion.in_sample_probabilities(self._own(fitted, train), self.y[train], self.groups[train])
        combiner = fit_combiner(clone(self.combiner, safe=False), P, self.y[train], self.groups[train])
        held_out = combiner.combine(fusion.member_probabilities(self._own(fitted, test)))
        return {"learned": (train, combiner.combine(P)), "held_out": (test, held_out)}

    def _own(self, fitted: Any, places: np.ndarray) -> pd.DataFrame:
        columns = fitted.columns if isinstance(fitted, Named) else None
        rows = self.X.iloc[places]
        return rows if columns is None else rows[list(columns)]

    def _usable(self, fitted: Any, places: np.ndarray) -> np.ndarray:
        return places[self._own(fitted, places).notna().any(axis=1).to_numpy()]


def _repeat(question: Question, patients: np.ndarray, places: np.ndarray, answer: np.ndarray) -> Repeat | ClassRepeat:
    """Return answers for some rows as statistics take them, patients counted among all."""
    kind = Repeat if question.outcome.is_binary else ClassRepeat
    return kind(question.y[places], answer, np.searchsorted(patients, question.groups[places].astype(str)))


def _auc(question: Question, repeats: list, counts: np.ndarray) -> np.ndarray:
    """Return the mean AUC of the folds in every resample."""
    if question.outcome.is_binary:
        of_model = BinaryOutcome(repeats, question.outcome.positive, 0.5)
    else:
        of_model = MulticlassOutcome(repeats, question.outcome.classes)
    return of_model.draws(counts, ["auc"])[of_model.whole, "auc"]
