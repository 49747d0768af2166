"""A file of predictions: a run's own, or somebody's with a label and a probability and little else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.names import did_you_mean
from radiofuse.tables.cells import is_empty, numbers_of
from radiofuse.tables.class_label import read_label
from radiofuse.tables.columns import column_and_class
from radiofuse.tables.roles import PATIENT, SAMPLE
from radiofuse.tables.text import read_file
from radiofuse.wording import counted, listed, some

LABEL, PROBABILITY, MODEL = "label", "probability", "model"
SEVERAL_ROWS = ("outcome", MODEL, "repeat", "class")  # with one of these a sample may have many rows


def read_predictions(
    path: str | Path, *, label: str = LABEL, probabilities: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of predictions, and say what was filled in.

    Parameters
    ----------
    path : path
        CSV, TSV or Parquet. Needed are a label and a probability of its positive class; used where they are there
        ``sample_id``, ``patient_id``, ``repeat``, ``fold``, ``model``, ``outcome`` and ``class``.
    label : str, default="label"
        The column of the true class: 0 and 1, or two words; ``"idh=mutant"`` says which one is positive.
    probabilities : sequence of str
        Columns of probabilities, each a model by its name; default: ``probability``.

    Returns
    -------
    predictions : DataFrame
        As `check_predictions` takes them, which is still to say whether they can be scored.
    said : list of str
        A sentence for each thing that the table does not say, and for rows that were left out.

    Raises
    ------
    CohortError
        If a column is absent or holds no numbers, or which row is of which sample cannot be told.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     table = Path(folder, "mine.csv")
    ...     _ = table.write_text("id,truth,cnn\\n1,pos,0.9\\n2,neg,0.2\\n")
    ...     predictions, said = read_predictions(table, label="truth=pos", probabilities=["cnn"])
    >>> predictions[["sample_id", "model", "class", "label", "probability"]].to_numpy().tolist()
    [['1', 'cnn', 'pos', 1, 0.9], ['2', 'cnn', 'pos', 0, 0.2]]
    >>> said[0]
    'There is no column sample_id: rows are numbered, one for each sample.'
    """
    source = f"The table of predictions {path}"
    rows = read_file(Path(path), lambda name: True, source).rows
    column, positive = column_and_class(label, rows.columns)
    names = list(probabilities) or [PROBABILITY]
    _refuse_absent(source, rows, column, names)
    rows, said = _with_ids(source, rows)
    rows, classes = _with_label(source, rows, column, positive)
    rows, dropped = _long(source, rows, names, bool(probabilities))
    if classes and "class" not in rows:
        rows = rows.assign(outcome=rows.get("outcome", column), **{"class": classes[-1]})
    return rows, [*said, *dropped]


def _refuse_absent(source: str, rows: pd.DataFrame, label: str, names: Sequence[str]) -> None:
    absent = [name for name in (label, *names) if name not in rows]
    if rows.empty:
        raise CohortError(source, ["It has a header and no row; write one row per sample."])
    if absent:
        meant = did_you_mean(absent[0], list(rows))
        raise CohortError(
            source,
            [
                f"It has no column {' and none '.join(absent)}, but {some(rows)}. Say with --label which one holds the "
                f"true class, and with --probability which ones hold probabilities.{meant}"
            ],
        )


def _with_ids(source: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with samples, patients, repeats and folds, and what was filled in."""
    said, several = [], [name for name in SEVERAL_ROWS if name in rows]
    if SAMPLE not in rows and PATIENT not in rows and several:
        raise CohortError(
            source, [f"It has the column {several[0]}, so that a sample has many rows; add the column {SAMPLE}."]
        )
    if SAMPLE not in rows:
        own = rows[PATIENT] if PATIENT in rows else np.arange(1, len(rows) + 1).astype(str)
        what = "each patient is one" if PATIENT in rows else "rows are numbered, one for each sample"
        said.append(f"There is no column {SAMPLE}: {what}.")
        rows = rows.assign(**{SAMPLE: own})
    if PATIENT not in rows:
        said.append(f"There is no column {PATIENT}: every sample counts as a patient, and intervals may be too narrow.")
        rows = rows.assign(**{PATIENT: rows[SAMPLE]})
    numbered = {name: numbers_of(rows[name]) for name in ("repeat", "fold") if name in rows}
    whole = {name: cells.astype(int) for name, cells in numbered.items() if cells.notna().all()}
    return rows.assign(**{"repeat": 0, "fold": 0} | {name: rows[name] for name in numbered} | whole), said


def _with_label(
    source: str, rows: pd.DataFrame, column: str, positive: str | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with labels of 0 and 1, NaN where unknown, and the classes where they have names."""
    if "class" in rows:
        return rows.assign(**{LABEL: numbers_of(rows[column])}), ()
    label, _ = read_label(rows[column].rename(column), positive)
    if label.problems:
        raise CohortError(source, label.problems)
    if len(label.classes) > 2:
        raise CohortError(
            source,
            [
                f"Column {column} holds {some(label.classes)}: of several classes write a row for each class of a "
                "sample, with the columns class, label (1 where the sample is of it) and probability; or set one "
                f"against all others with --label {column}={label.classes[-1]}."
            ],
        )
    return rows.assign(**{LABEL: label.y}), () if label.classes == ("0", "1") else label.classes


def _long(source: str, rows: pd.DataFrame, names: Sequence[str], named: bool) -> tuple[pd.DataFrame, list[str]]:
    """Return a row for each model, sample and class that has a label and a probability."""
    texts = {name: rows[name] for name in names}
    words = {name: cells[~is_empty(cells) & numbers_of(cells).isna()] for name, cells in texts.items()}
    wrong = [f"column {name}: {some(cells)}" for name, cells in words.items() if len(cells)]
    if wrong:
        raise CohortError(source, [f"Probabilities are numbers from 0 to 1; got in {listed(wrong)}. Correct them."])
    parts = [rows.assign(**{PROBABILITY: numbers_of(texts[name])}, **_model(rows, name, named)) for name in names]
    table = pd.concat(parts, ignore_index=True)
    known = table[LABEL].notna() & table[PROBABILITY].notna()
    n_lost = int((~known).sum())
    said = [f"Left out: {counted(n_lost, 'row')} without a label or a probability."] if n_lost else []
    return table[known].astype({LABEL: int}).reset_index(drop=True), said


def _model(rows: pd.DataFrame, name: str, named: bool) -> dict[str, object]:
    """Return the column model: that of the table, behind it the column of the probability where several are named."""
    if MODEL not in rows:
        return {MODEL: name if named else MODEL}
    return {MODEL: rows[MODEL] + f" {name}"} if named else {}
