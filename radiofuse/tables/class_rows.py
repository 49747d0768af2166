"""The rows of an outcome of several classes: one per class of every model, repeat and sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.wording import listed, some

SUM_TOLERANCE = 1e-6


class ClassRepeat(NamedTuple):
    """The samples of one model in one repeat, in the order of their ids."""

    code: np.ndarray  # (n_samples,), place of the sample's class among the classes
    probability: np.ndarray  # (n_samples, n_classes)
    patient: np.ndarray  # (n_samples,), place of the sample's patient among the model's sorted patients


def class_repeats_of(rows: pd.DataFrame, classes: Sequence[str]) -> list[ClassRepeat]:
    """Return the rows of one model by repeat, whatever the order of its samples.

    Parameters
    ----------
    rows : DataFrame
        Rows of one outcome and one model, as `check_predictions` lets them pass.
    classes : sequence of str
        All classes, in their order.
    """
    rows = rows.assign(sample_id=rows["sample_id"].astype(str), place=_places(rows, classes))
    rows = rows.sort_values(["repeat", "sample_id", "place"])
    samples = rows.iloc[:: len(classes)]
    _, patient = np.unique(samples["patient_id"].to_numpy().astype(str), return_inverse=True)
    code = rows["label"].to_numpy(dtype=int).reshape(-1, len(classes)).argmax(axis=1)
    probability = rows["probability"].to_numpy(dtype=float).reshape(-1, len(classes))
    ends = np.flatnonzero(np.diff(samples["repeat"].to_numpy())) + 1
    parts = (np.split(values, ends) for values in (code, probability, patient))
    return [ClassRepeat(*part) for part in zip(*parts, strict=True)]


def check_class_rows(rows: pd.DataFrame, classes: Sequence[str], outcome: str) -> None:
    """Raise unless every model, repeat and sample has each class once and in order, and one of them is its own.

    Parameters
    ----------
    rows : DataFrame
        Rows of one outcome; no class twice in the same model, repeat and sample.
    classes : sequence of str
        All classes, in the order in which the rows first name them.
    outcome : str
        The outcome in a sentence, for example "outcome who_grade".
    """
    if "" in classes:
        raise RequestError(f"A class of {outcome} has no name; its classes are {list(classes)}. Name every class.")
    rows = rows.assign(sample_id=rows["sample_id"].astype(str))  # as they are sorted: 7 and "7" are one sample
    sample = rows.groupby(["model", "repeat", "sample_id"], sort=False, dropna=False).ngroup().to_numpy()
    of_sample = np.argsort(sample, kind="stable")  # keeps the order of the classes within a sample
    n_classes = np.bincount(sample)
    ends = np.cumsum(n_classes)
    if (n_classes != len(classes)).any():
        short = int(np.argmax(n_classes != len(classes)))
        there = rows["class"].iloc[of_sample[ends[short] - n_classes[short] : ends[short]]].astype(str)
        raise RequestError(
            f"{(n_classes != len(classes)).sum()} of {len(n_classes)} predictions of {outcome} have not each class "
            f"once, for example {_named(rows.iloc[of_sample[ends[short] - 1]])} has {listed(list(there))} of "
            f"{some(classes)}. Give every class one row, of probability 0 where the model excludes it."
        )
    by_sample = of_sample.reshape(-1, len(classes))
    label = rows["label"].to_numpy(dtype=float)[by_sample]
    for (problem, remedy), wrong in _problems(rows, by_sample, classes, label).items():
        if wrong.any():
            raise RequestError(
                f"{wrong.sum()} of {len(wrong)} predictions of {outcome} have {problem}, for example "
                f"{_named(rows.iloc[by_sample[wrong][0, 0]])}. {remedy}"
            )
    _refuse_two_classes(rows.iloc[by_sample[:, 0]], np.asarray(classes)[label.argmax(axis=1)], outcome)


def _problems(
    rows: pd.DataFrame, by_sample: np.ndarray, classes: Sequence[str], label: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """Return which predictions have which problem, with what to do about it."""
    place = _places(rows, classes)[by_sample]
    total = rows["probability"].to_numpy(dtype=float)[by_sample].sum(axis=1)
    owner = [rows[column].to_numpy()[by_sample] for column in ("patient_id", "fold")]
    return {
        (
            f"their classes in another order than {some(classes)}, in which the table begins",
            "The order of the rows is that of the classes; sort them alike in every sample.",
        ): (place != np.arange(len(classes))).any(axis=1),
        (
            "the label 1 in none or in several of their classes",
            "A sample is of one class; label the row of that class 1 and its others 0.",
        ): label.sum(axis=1) != 1,
        (
            "probabilities that do not sum to 1",
            "Divide the probabilities of a sample by their sum.",
        ): np.abs(total - 1) > SUM_TOLERANCE,
        (
            "several patients or folds",
            "The rows of a sample are of one patient and one fold; correct the others.",
        ): np.any([values != values[:, :1] for values in owner], axis=(0, 2)),
    }


def _refuse_two_classes(samples: pd.DataFrame, own: np.ndarray, outcome: str) -> None:
    samples = samples.assign(own=own)
    n_own = samples.groupby("sample_id")["own"].nunique()
    several = n_own.index[n_own > 1]
    if len(several):
        one = samples[samples["sample_id"] == several[0]].drop_duplicates("own")
        models = ", ".join(f"{row.model}: {row.own}" for row in one.itertuples())
        raise RequestError(
            f"{len(several)} of {len(n_own)} samples have several classes of {outcome}, for example sample "
            f"{several[0]} ({models}). A sample has one class in all models and repeats; code them alike and predict "
            "again."
        )


def _places(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    return rows["class"].astype(str).map({name: place for place, name in enumerate(classes)}).to_numpy()


def _named(row: pd.Series) -> str:
    return f"sample {row['sample_id']} of model {row['model']}, repeat {row['repeat']}"
