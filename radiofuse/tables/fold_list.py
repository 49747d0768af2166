"""Folds that somebody fixed: a table that names a fold for each sample or patient, or lists of ids to test on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.tables.cells import is_empty
from radiofuse.tables.problems import Problem, problems_about
from radiofuse.tables.roles import PATIENT, SAMPLE
from radiofuse.tables.text import read_file
from radiofuse.wording import some

FOLD, REPEAT = "fold", "repeat"
TRAIN = "train"  # in the column fold, as an empty cell: only trained on


@dataclass(frozen=True, eq=False)
class FoldList:
    """Which sample or patient is tested in which fold.

    Attributes
    ----------
    source : str
        What errors call it.
    keys : tuple of str
        What its ids are of: ``sample_id``, ``patient_id``, or either.
    rows : DataFrame
        Columns id, repeat and fold, all text; the fold is "" for those that are only trained on.
    complete : bool
        Whether each sample with a label must stand in it; else those that do not are only trained on.
    """

    source: str
    keys: tuple[str, ...]
    rows: pd.DataFrame
    complete: bool

    def refuse_other_ids(self, samples: pd.DataFrame, known: pd.Series) -> None:
        """Raise if an id is none of the cohort, stands there twice, or is not there.

        Parameters
        ----------
        samples : DataFrame
            The cohort: its index is the sample ids, the column ``patient_id`` their patients.
        known : Series of bool
            Which samples have a label.

        Raises
        ------
        CohortError
        """
        problems = [
            problem for repeat, own in self._repeats() for problem in self._problems(own["id"], repeat, samples, known)
        ]
        if problems:
            raise CohortError(self.source, problems)

    def by_sample(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Return the fold that each sample is tested in, "" where it is only trained on; a column per repeat.

        Examples
        --------
        >>> samples = pd.DataFrame({"patient_id": ["P1", "P1", "P2"]}, ["a", "b", "c"])
        >>> lists_of_tests([["P1"], ["c"]]).by_sample(samples)[""].tolist()
        ['test 1', 'test 1', 'test 2']
        """
        ids, columns = _ids(samples), {}
        for repeat, own in self._repeats():
            fold = own.drop_duplicates("id").set_index("id")[FOLD]
            found = pd.concat([ids[key].map(fold) for key in self.keys], axis=1)
            columns[repeat] = found.bfill(axis=1).iloc[:, 0].fillna("")
        return pd.DataFrame(columns, samples.index)

    def _repeats(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for repeat, own in self.rows.groupby(REPEAT, sort=False):
            yield str(repeat), own

    def _problems(self, listed: pd.Series, repeat: str, samples: pd.DataFrame, known: pd.Series) -> list[Problem]:
        ids, where = _ids(samples), f" in repeat {repeat}" if repeat else ""
        found = pd.concat([ids[key].isin(listed) for key in self.keys], axis=1).any(axis=1)
        strangers = listed[~listed.isin(pd.concat([ids[key] for key in self.keys]))].unique()
        lacking = samples.index[known & ~found] if self.complete else ()
        return [
            *problems_about(f"Ids more than once{where}", listed[listed.duplicated()].unique(), "Keep one of each."),
            *problems_about(f"Ids that the cohort does not have{where}", strangers, "Correct or remove them."),
            *problems_about(
                f"Samples of the cohort that have a label and no row{where}",
                lacking,
                f"Add them; an empty fold, or {TRAIN}, says that they are only trained on.",
            ),
        ]


def _ids(samples: pd.DataFrame) -> dict[str, pd.Series]:
    return {SAMPLE: samples.index.to_series(), PATIENT: samples[PATIENT]}


def read_fold_list(path: Path) -> FoldList:
    """Read a table with the column ``sample_id`` or ``patient_id``, the column ``fold`` and perhaps ``repeat``.

    Raises
    ------
    CohortError
        If it has no such columns, or no row.
    """
    source = f"The table of folds {path}"
    rows = read_file(path, lambda name: True, source).rows
    keys = [name for name in (SAMPLE, PATIENT) if name in rows]
    absent = [f"{SAMPLE} or {PATIENT}"] * (not keys) + [FOLD] * (FOLD not in rows)
    if absent:
        raise CohortError(source, [f"It has no column {' and none '.join(absent)}, but {some(rows)}. Name them so."])
    if rows.empty:
        raise CohortError(source, ["It has a header and no row; write one row per sample or patient."])
    folds = rows[FOLD].str.strip()
    folds = folds.mask(is_empty(folds) | (folds.str.lower() == TRAIN), "")
    repeat = rows[REPEAT].str.strip() if REPEAT in rows else ""
    told = pd.DataFrame({"id": rows[keys[0]].str.strip(), REPEAT: repeat, FOLD: folds})
    return FoldList(source, (keys[0],), told, complete=True)


def lists_of_tests(lists: Sequence[Sequence[str]]) -> FoldList:
    """Return lists of patients or samples to test on as folds, one for each list; all others are trained on."""
    names = ["test"] if len(lists) == 1 else [f"test {place}" for place in range(1, len(lists) + 1)]
    rows = [(one, "", name) for name, ids in zip(names, lists, strict=True) for one in ids]
    source = "The list of those to test on (test under [evaluation])"
    return FoldList(source, (SAMPLE, PATIENT), pd.DataFrame(rows, columns=["id", REPEAT, FOLD]), complete=False)
