"""One model's predictions of an outcome with a row per sample and a column per class, and back."""

from __future__ import annotations

import pandas as pd

from radiofuse.tables.predictions import OutcomeRows, rows_of_model

KEYS = ["repeat", "sample_id"]
OF_SAMPLE = ["patient_id", "fold", "code"]


def wide_of_model(outcome: OutcomeRows, model: str) -> pd.DataFrame:
    """Return a row per repeat and sample, its index.

    Columns patient_id, fold, code (the place of the sample's class), and a column per class with its probability; of a
    binary outcome the other class is called "not" the positive one.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": ["a", "b"], "patient_id": ["p", "q"], "repeat": 0, "fold": [0, 1],
    ...     "model": "t1", "class": "mutant", "label": [0, 1], "probability": [0.25, 0.75]})
    >>> wide_of_model(OutcomeRows("idh", ("mutant",), table), "t1").iloc[:, 2:].values.tolist()
    [[0.0, 0.75, 0.25], [1.0, 0.25, 0.75]]
    """
    own = rows_of_model(outcome.rows, model)
    if outcome.kind == "binary":
        positive, rows = outcome.classes[0], own.set_index(KEYS)
        named = {f"not {positive}": 1 - rows["probability"], positive: rows["probability"]}
        return rows[["patient_id", "fold"]].assign(code=rows["label"].astype(int), **named)
    each = own.pivot(index=KEYS, columns="class", values="probability")[list(outcome.classes)]
    true = own[own["label"] == 1].set_index(KEYS)
    code = true["class"].map({name: place for place, name in enumerate(outcome.classes)})
    return true[["patient_id", "fold"]].assign(code=code).join(each)


def with_probabilities(outcome: OutcomeRows, model: str, wide: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a model with the probabilities of a wide table in place of its own."""
    own = rows_of_model(outcome.rows, model)
    told = wide[list(outcome.classes)].stack()
    names = own["class"].astype(str) if "class" in own else pd.Series("", index=own.index)
    keys = pd.MultiIndex.from_arrays([own["repeat"], own["sample_id"], names])
    return own.assign(probability=told.reindex(keys).to_numpy())
