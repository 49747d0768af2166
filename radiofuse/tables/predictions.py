"""The table of out-of-fold predictions: its rules, and its rows model by model and repeat by repeat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError

PREDICTION_COLUMNS = ("sample_id", "patient_id", "repeat", "fold", "model", "label", "probability")


class Repeat(NamedTuple):
    """The rows of one model in one repeat, in the order of their sample ids."""

    label: np.ndarray  # 0 or 1
    probability: np.ndarray
    patient: np.ndarray  # place of the row's patient among the model's sorted patients


def check_predictions(predictions: pd.DataFrame) -> None:
    """Raise unless the table can be scored: columns, labels, probabilities, one row per sample and repeat."""
    absent = [column for column in PREDICTION_COLUMNS if column not in predictions]
    if absent:
        raise RequestError(f"The predictions lack the columns {absent}; they need {list(PREDICTION_COLUMNS)}.")
    if predictions.empty:
        raise RequestError("The predictions have no row; run the cross-validation first.")
    if not pd.api.types.is_numeric_dtype(predictions["probability"]):
        first = predictions["probability"].iloc[0]
        raise RequestError(
            f"The predictions' column probability must hold numbers and holds {predictions['probability'].dtype}, for "
            f"example {first!r}. Read it as numbers: pd.to_numeric(predictions['probability'])."
        )
    problems = {
        "a label other than 0 and 1": ~predictions["label"].isin((0, 1)),
        "a probability outside 0 to 1": ~predictions["probability"].between(0.0, 1.0),
        "a second prediction of the same model, repeat and sample": predictions.duplicated(
            ["model", "repeat", "sample_id"]
        ),
    }
    for problem, rows in problems.items():
        if rows.any():
            row = predictions[rows].iloc[0]
            raise RequestError(
                f"{rows.sum()} of {len(rows)} predictions have {problem}, for example sample {row.sample_id} of "
                f"model {row.model}, repeat {row['repeat']}. Correct or drop these rows."
            )
    _refuse_two_labels(predictions)


def _refuse_two_labels(predictions: pd.DataFrame) -> None:
    n_labels = predictions.groupby("sample_id")["label"].nunique()
    both = n_labels.index[n_labels > 1]
    if len(both):
        rows = predictions[predictions["sample_id"] == both[0]]
        models = ", ".join(f"{row['model']}: {row['label']}" for _, row in rows.drop_duplicates("label").iterrows())
        raise RequestError(
            f"{len(both)} of {len(n_labels)} samples have both labels, for example sample {both[0]} ({models}). "
            "A sample has one label in all models and repeats; code the classes alike and predict again."
        )


def rows_of_model(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of one model, or name the models there are."""
    rows = predictions[predictions["model"] == model]
    if rows.empty:
        known = ", ".join(predictions["model"].unique())
        raise RequestError(f"The predictions hold no model {model!r}; they hold {known}.")
    return rows


def repeats_of(rows: pd.DataFrame) -> list[Repeat]:
    """Return the rows of one model by repeat, whatever their order in the table."""
    rows = rows.assign(sample_id=rows["sample_id"].astype(str)).sort_values(["repeat", "sample_id"])
    _, patient = np.unique(rows["patient_id"].to_numpy().astype(str), return_inverse=True)
    label, probability = rows["label"].to_numpy(dtype=int), rows["probability"].to_numpy(dtype=float)
    ends = np.flatnonzero(np.diff(rows["repeat"].to_numpy())) + 1
    parts = (np.split(values, ends) for values in (label, probability, patient))
    return [Repeat(*part) for part in zip(*parts, strict=True)]


def by_repeat(rows: pd.DataFrame) -> np.ndarray:
    """Return one model's probabilities, shape (n_samples, n_repeats), by sample id; NaN where there is none."""
    return rows.pivot(index="sample_id", columns="repeat", values="probability").to_numpy()
