"""What the functions on plain arrays accept: labels, probabilities and patients of equal length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.patients.splits import as_ids, check_labels


def check_binary(label: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels 0 or 1 as integers and probabilities as floats, one of each per row; refuse anything else."""
    refuse_misaligned(label=label, probability=probability)
    label, probability = check_labels(label), np.asarray(probability, dtype=float)
    _refuse_unequal(label, probability.shape, "probabilities")
    _refuse_outside(probability)
    return label, probability


def check_scores(label: ArrayLike, score: ArrayLike, *, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels 0 or 1, at least ``fewest`` of each, and as many finite scores; refuse anything else."""
    refuse_misaligned(label=label, score=score)
    label, score = check_labels(label), np.asarray(score, dtype=float)
    _refuse_unequal(label, score.shape, "scores")
    if not np.isfinite(score).all():
        raise RequestError(
            f"{(~np.isfinite(score)).sum()} of {score.size} scores are not finite; drop these rows or score them."
        )
    n_negative, n_positive = np.bincount(label, minlength=2)
    if min(n_negative, n_positive) < fewest:
        raise RequestError(
            f"There are {n_negative} rows of label 0 and {n_positive} of label 1, and each label needs at least "
            f"{fewest}; add rows."
        )
    return label, score


def check_both_labels(label: np.ndarray, purpose: str) -> None:
    """Raise unless both labels are there."""
    if label.min() == label.max():
        raise RequestError(f"All {len(label)} labels are {label[0]}, and {purpose} needs both 0 and 1; add rows.")


def check_calls(label: ArrayLike, call: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and calls, each 0 or 1, as integers; refuse anything else."""
    refuse_misaligned(label=label, call=call)
    label, call = check_labels(label), np.asarray(call)
    _refuse_unequal(label, call.shape, "calls")
    wrong = ~np.isin(call, (0, 1))
    if wrong.any():
        raise RequestError(
            f"Calls must be 0 and 1 or booleans; {wrong.sum()} of {wrong.size} are not, for example "
            f"{call[wrong].tolist()[0]!r}. Compare probabilities with a threshold first."
        )
    return label, call.astype(int)


def check_multiclass(
    label: ArrayLike, probabilities: ArrayLike, classes: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's class as a column number, the probabilities, and the classes in the order of the columns."""
    refuse_misaligned(label=label, probabilities=probabilities)
    label, probabilities = np.asarray(label), np.asarray(probabilities, dtype=float)
    classes = np.unique(label) if classes is None else np.asarray(classes)
    _refuse_unequal(label, probabilities.shape[:1], "rows of probabilities")
    if probabilities.shape[1:] != classes.shape or len(np.unique(classes)) != len(classes) or len(classes) < 2:
        raise RequestError(
            f"Probabilities need one column for each of 2 or more classes; they have shape {probabilities.shape} for "
            f"the classes {classes.tolist()}. Name each column's class in ``classes``."
        )
    _refuse_outside(probabilities)
    if not np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-6):
        raise RequestError("The probabilities of a row must add up to 1, and some do not; divide them by their sum.")
    is_class = label[:, None] == classes
    if not is_class.any(axis=1).all():
        stranger = label[~is_class.any(axis=1)].tolist()[0]
        raise RequestError(f"Label {stranger!r} is none of the classes {classes.tolist()}; name all in ``classes``.")
    return is_class.argmax(axis=1), probabilities, classes


def patient_places(patients: ArrayLike | None, n_rows: int) -> np.ndarray:
    """Return the place of each row's patient among the sorted patients; without patients each row is one."""
    if patients is None:
        return np.arange(n_rows)
    ids, places = np.unique(as_ids(patients, "patient"), return_inverse=True)
    if len(places) != n_rows:
        raise RequestError(f"There are {n_rows} labels but {len(places)} patients; give every row its patient.")
    return places


def _refuse_unequal(label: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if label.ndim != 1 or shape != label.shape or label.size == 0:
        raise RequestError(
            f"Labels and {what} must be of one length, at least 1; labels have shape {label.shape}, {what} have "
            f"shape {shape}. Give one of each per row."
        )


def _refuse_outside(probability: np.ndarray) -> None:
    inside = (probability >= 0) & (probability <= 1)
    if not inside.all():
        raise RequestError(
            f"Probabilities must lie between 0 and 1; {(~inside).sum()} of {inside.size} do not, for example "
            f"{float(probability[~inside][0])}. Map scores to probabilities, or drop the rows."
        )
