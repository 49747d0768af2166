"""The table of out-of-fold predictions: its rules, and its rows by outcome, model and repeat.

It is long over outcome and class. A binary outcome has one row per model, repeat and sample, and its ``class`` is
the positive one; an outcome of several classes has a row for each, in their order. Label and probability are those
of the row's class, so that the rows of one class are a binary table: that class against the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.tables.class_rows import check_class_rows
from radiofuse.wording import listed, some

# What must be there; without outcome and class the table is of one binary outcome.
PREDICTION_COLUMNS = ("sample_id", "patient_id", "repeat", "fold", "model", "label", "probability")
LONG_PREDICTION_COLUMNS = ("outcome", *PREDICTION_COLUMNS[:5], "class", *PREDICTION_COLUMNS[5:])


class Repeat(NamedTuple):
    """The rows of one model in one repeat, in the order of their sample ids."""

    label: np.ndarray  # 0 or 1
    probability: np.ndarray
    patient: np.ndarray  # place of the row's patient among the model's sorted patients


class OutcomeRows(NamedTuple):
    """The rows of one outcome."""

    name: str  # "" where the table has no column outcome
    classes: tuple[str, ...]  # in their order; of a binary outcome its positive one, "" without a column class
    rows: pd.DataFrame

    @property
    def kind(self) -> str:
        """What the outcome is: "binary" or "multiclass"."""
        return "binary" if len(self.classes) == 1 else "multiclass"

    @property
    def title(self) -> str:
        """The outcome in a sentence."""
        return f"outcome {self.name}" if self.name else "the outcome"


def outcomes_of(predictions: pd.DataFrame) -> list[OutcomeRows]:
    """Return the rows outcome by outcome, in the order of the table.

    Examples
    --------
    >>> table = pd.DataFrame({"outcome": ["idh", "grade", "grade", "grade"], "class": ["mutant", "2", "3", "4"]})
    >>> [(outcome.name, outcome.classes, outcome.kind) for outcome in outcomes_of(table)]
    [('idh', ('mutant',), 'binary'), ('grade', ('2', '3', '4'), 'multiclass')]
    """
    names, classes = _texts(predictions, "outcome"), _texts(predictions, "class")
    selected = {name: (names == name).to_numpy() for name in names.unique()}
    return [
        OutcomeRows(name, tuple(classes[chosen].unique()), predictions[chosen]) for name, chosen in selected.items()
    ]


def _texts(predictions: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as text, or empty text in every row where the table lacks it."""
    return predictions[column].astype(str) if column in predictions else pd.Series("", index=predictions.index)


def slice_of(predictions: pd.DataFrame, outcome: str | None = None, cls: str | None = None) -> pd.DataFrame:
    """Return the rows of one class of one outcome: a binary table of that class against the rest.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    outcome : str, optional
        Name in the column ``outcome``; may be left out where there is one.
    cls : str, optional
        Name in the column ``class``; may be left out where the outcome is binary.

    Returns
    -------
    DataFrame
        All columns of the table.

    Raises
    ------
    RequestError
        There is no such outcome or class, or several and none is named.

    Examples
    --------
    >>> table = pd.DataFrame({"outcome": "grade", "class": ["2", "3", "4"], "label": [0, 1, 0],
    ...     "probability": [0.2, 0.5, 0.3]})
    >>> slice_of(table, "grade", "3")
      outcome class  label  probability
    1   grade     3      1          0.5
    """
    chosen = choose_outcome(predictions, outcome)
    chosen_class = _choose(cls, list(chosen.classes), "class", f"The predictions of {chosen.title} hold")
    return chosen.rows[_texts(chosen.rows, "class") == chosen_class]


def choose_outcome(predictions: pd.DataFrame, outcome: str | None = None) -> OutcomeRows:
    """Return the rows of one outcome, which need not be named where there is one; or name the outcomes there are."""
    outcomes = {found.name: found for found in outcomes_of(predictions)}
    return outcomes[_choose(outcome, list(outcomes), "outcome", "The predictions hold")]


def _choose(name: str | None, known: list[str], what: str, holder: str) -> str:
    if name is None and len(known) == 1:
        return known[0]
    if name is None:
        raise RequestError(f"{holder} several, {some(known)}; name the {what}.")
    if str(name) not in known:
        there = f"they hold {some(known)}" if any(known) else f"they have no column {what}"
        raise RequestError(f"{holder} no {what} {name!r}; {there}.")
    return str(name)


def check_predictions(predictions: pd.DataFrame) -> None:
    """Raise unless the table can be scored: columns, labels, probabilities, a row per repeat, sample and class.

    Raises
    ------
    RequestError
        Also where an outcome of several classes lacks one for a sample, has them in another order, labels none or
        several with 1, or has probabilities that do not sum to 1.
    """
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
    _refuse_impossible_rows(predictions)
    for outcome in outcomes_of(predictions):
        _check_outcome(outcome)


def check_slice(predictions: pd.DataFrame, purpose: str) -> None:
    """Raise unless the table can be scored and holds one class of one outcome.

    Parameters
    ----------
    predictions : DataFrame
    purpose : str
        Who needs it, for example "A calibration line".
    """
    check_predictions(predictions)
    outcomes = outcomes_of(predictions)
    first = outcomes[0]
    if len(outcomes) == 1 and len(first.classes) == 1:
        return
    held = some(found.name for found in outcomes)
    held = f"the outcomes {held}" if len(outcomes) > 1 else f"the classes {some(first.classes)} of {first.title}"
    named = {"outcome": first.name if first.name else None, "cls": first.classes[0] if first.kind != "binary" else None}
    arguments = ", ".join(f"{name}={value!r}" for name, value in named.items() if value is not None)
    raise RequestError(
        f"{purpose} is of one class of one outcome, and the predictions hold {held}. Pass those of one of them, for "
        f"example slice_of(predictions, {arguments})."
    )


def _refuse_impossible_rows(predictions: pd.DataFrame) -> None:
    spelled = [column for column in ("outcome", "class") if column in predictions]
    keys = predictions[["model", "repeat", "sample_id"]].assign(**{name: _texts(predictions, name) for name in spelled})
    problems = {f"no {column}": predictions[column].isna() for column in spelled} | {
        "a label other than 0 and 1": ~predictions["label"].isin((0, 1)),
        "a probability outside 0 to 1": ~predictions["probability"].between(0.0, 1.0),
        "a second prediction of the same model, repeat and sample": keys.duplicated(),
    }
    for problem, rows in problems.items():
        if rows.any():
            row = predictions[rows].iloc[0]
            where = "".join(f", {column} {row[column]}" for column in spelled)
            raise RequestError(
                f"{rows.sum()} of {len(rows)} predictions have {problem}, for example sample {row.sample_id} of "
                f"model {row.model}, repeat {row['repeat']}{where}. Correct or drop these rows."
            )


def _check_outcome(outcome: OutcomeRows) -> None:
    if outcome.kind == "binary":
        _refuse_two_labels(outcome)
    elif len(outcome.classes) == 2:
        raise RequestError(
            f"The predictions of {outcome.title} name two classes, {listed(outcome.classes)}, which makes it binary. "
            "Keep one row per model, repeat and sample: that of its positive class."
        )
    else:
        check_class_rows(outcome.rows, outcome.classes, outcome.title)


def _refuse_two_labels(outcome: OutcomeRows) -> None:
    predictions = outcome.rows
    n_labels = predictions.groupby("sample_id")["label"].nunique()
    both = n_labels.index[n_labels > 1]
    if len(both):
        rows = predictions[predictions["sample_id"] == both[0]]
        models = ", ".join(f"{row['model']}: {row['label']}" for _, row in rows.drop_duplicates("label").iterrows())
        named = f" of outcome {outcome.name}" if outcome.name else ""
        raise RequestError(
            f"{len(both)} of {len(n_labels)} samples have both labels{named}, for example sample {both[0]} ({models}). "
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
