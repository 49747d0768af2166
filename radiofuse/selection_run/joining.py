"""Several files to one table: one per modality, and one with the labels, joined by id."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.selection_run.families import feature_family
from radiofuse.selection_run.files import read_file, rename_ids
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables import columns
from radiofuse.tables.cells import Codes
from radiofuse.tables.cohort import PATIENT, SAMPLE, SITE
from radiofuse.tables.labels import column_and_class
from radiofuse.wording import count, some


def join_modalities(request: SelectionRequest, notes: list[str]) -> pd.DataFrame:
    """Return the files of ``--features`` side by side, their features named ``<modality>__<feature>``."""
    problems: list[str] = []
    parts = {name: _by_id(path, request, problems) for name, path in request.modality_files.items()}
    every = pd.Index(sorted(set().union(*(part.index for part in parts.values()))))
    common = every[[all(one in part.index for part in parts.values()) for one in every]]
    for name, part in parts.items():
        lacking = every.difference(part.index)
        if len(lacking) and not request.intersect:
            problems.append(
                f"{request.modality_files[name]} lacks {count(len(lacking), 'sample')} that another modality has: "
                f"{some(lacking)}. Add them, or keep the samples of all files with --intersect."
            )
    if problems:
        raise CohortError(" with ".join(map(str, request.modality_files.values())), problems)
    if len(common) < len(every):
        notes.append(f"{count(len(every) - len(common), 'sample')} not in every file, left out (--intersect).")
    shared: dict[str, pd.Series] = {}
    features = [_take_features(name, part.loc[common], request, shared) for name, part in parts.items()]
    ids = pd.DataFrame({SAMPLE: common, **shared}, index=common)
    return pd.concat([ids, *features], axis=1).reset_index(drop=True)


def _by_id(path: Path, request: SelectionRequest, problems: list[str]) -> pd.DataFrame:
    return _indexed(read_file(path, request), SAMPLE, path, request, problems)


def _indexed(rows: pd.DataFrame, key: str, path: Path, request: SelectionRequest, problems: list[str]) -> pd.DataFrame:
    """Return the rows of a file by sample id, or by patient id."""
    rows = rename_ids(rows, request if key == SAMPLE else replace(request, sample_id=None), path)
    if key not in rows:
        raise RequestError(
            f"{path} has no column {SAMPLE!r}, but {some(rows.columns)}. Name the column of ids with --id; it must be "
            "called the same in every file."
        )
    ids = rows[key].astype(str)
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        what = key.replace("_", " ")
        problems.append(f"{path}: {count(len(repeated), what)} more than once: {some(repeated)}.")
    return rows.assign(**{key: ids}).drop_duplicates(key).set_index(key)


def _take_features(
    name: str, part: pd.DataFrame, request: SelectionRequest, shared: dict[str, pd.Series]
) -> pd.DataFrame:
    """Return one modality's features; what is none goes to ``shared``, from the first file that has it."""
    label = next((name for name in request.label_columns if name in part), "")
    for column in (PATIENT, SITE, label, *request.covariates, *request.ignore):
        if column in part:
            known = shared.setdefault(column, part[column])
            if not known.equals(part[column]) and not Codes.of(known).rows.equals(Codes.of(part[column]).rows):
                raise CohortError(
                    str(request.modality_files[name]), [f"Column {column} differs from that of another file."]
                )
            part = part.drop(columns=column)
    prefix = columns.join(name, "")
    own = re.compile(re.escape(prefix), re.IGNORECASE)
    return part.rename(
        columns=lambda column: (
            prefix + own.sub("", str(column), count=1) if own.match(str(column)) else f"{prefix}{column}"
        )
    )


def join_labels(rows: pd.DataFrame, request: SelectionRequest, notes: list[str]) -> pd.DataFrame:
    """Return the rows that ``--labels`` knows, with its columns: one row per sample, or one per patient."""
    problems: list[str] = []
    table = read_file(request.labels, request)
    key = _key_of_labels(table, rows, request)
    labels = _indexed(table, key, request.labels, request, problems)
    if key not in rows:
        raise RequestError(
            f"The features have no column {SAMPLE!r}, but {some(rows.columns)}. Name the column of ids with --id; it "
            f"must be called the same in {request.labels}."
        )
    if not len(labels):
        problems.append("It has a header and no rows; write one row per sample.")
    label = label_column(request.label, labels, str(request.labels))[0]
    rows = _labeled(rows, labels, request, problems, notes)
    found = labels.reindex(rows[key].astype(str)).reset_index(drop=True)
    asked = [name for name in (label, PATIENT, SITE, *request.covariates) if name in labels]
    problems += [sentence for name in asked for sentence in _contradictions(rows, found, name)]
    if problems:
        raise CohortError(str(request.labels), problems)
    return pd.concat([rows.drop(columns=asked, errors="ignore"), found[asked]], axis=1)


def _key_of_labels(labels: pd.DataFrame, rows: pd.DataFrame, request: SelectionRequest) -> str:
    """Return by which ids labels are joined: of patients where the file names no samples and both name patients."""
    names_patients = PATIENT in rows and {request.groups or PATIENT, PATIENT}.intersection(labels)
    names_samples = request.sample_id in labels or SAMPLE in labels
    return PATIENT if names_patients and not names_samples else SAMPLE


def _labeled(
    rows: pd.DataFrame, labels: pd.DataFrame, request: SelectionRequest, problems: list[str], notes: list[str]
) -> pd.DataFrame:
    """Return the rows whose sample is in the labels file; what is in one file only is told."""
    key, what = labels.index.name, labels.index.name.removesuffix("_id")
    ids = rows[key].astype(str)
    known = ids.isin(labels.index).to_numpy()
    if len(labels) and len(ids) and not known.any():
        problems.append(
            f"None of the {count(ids.nunique(), what)} is in {request.labels} "
            f"({ids.iloc[0]} against {labels.index[0]}); write the ids alike in both."
        )
    elif not known.all():
        absent = ids[~known].unique()
        notes.append(f"{count(len(absent), what)} not in the labels file, left out: {some(absent)}.")
    unused = labels.index.difference(ids)
    if len(unused):
        notes.append(f"{count(len(unused), what)} of {request.labels} without features: {some(unused)}.")
    if key == PATIENT and known.any():
        joined = f"{count(ids[known].nunique(), 'patient')} joined to {count(known.sum(), 'sample')}"
        notes.append(f"Labels of {joined} by {request.groups or PATIENT}.")
    return rows[known].reset_index(drop=True)


def _contradictions(rows: pd.DataFrame, found: pd.DataFrame, name: str) -> list[str]:
    """Return a sentence if a column of the labels file says otherwise than that beside the features."""
    if name not in rows:
        return []
    both = Codes.of(pd.concat([rows[name].astype("str"), found[name].astype("str")], ignore_index=True)).rows
    ours, theirs = both[: len(rows)].to_numpy(object), both[len(rows) :].to_numpy(object)
    differ = (ours != theirs) & pd.notna(ours) & pd.notna(theirs)
    if not differ.any():
        return []
    return [
        f"Column {name} differs from that beside the features in {count(differ.sum(), 'sample')}: "
        f"{some(rows[SAMPLE][differ])}. Correct one of the two, or delete it beside the features."
    ]


def label_column(asked: str, rows: pd.DataFrame, source: str) -> tuple[str, str | None]:
    """Return the column, and the value after "=" if the column's own name has none."""
    wanted, positive = column_and_class(asked, rows.columns)
    if wanted in rows:
        return wanted, positive
    if _looks_transposed(rows, wanted):
        raise CohortError(
            source,
            [
                f"The table looks transposed: its first column holds names of features ({some(rows.iloc[:, 0])}). "
                "Write one row per sample and one column per feature."
            ],
        )
    known = [column for column in rows.columns if columns.split(str(column)) is None] or rows.columns
    raise RequestError(f"{source} has no column {wanted!r}.{did_you_mean(wanted, known)}")


def _looks_transposed(rows: pd.DataFrame, label: str) -> bool:
    if rows.shape[1] < 2 or pd.api.types.is_numeric_dtype(rows.dtypes.iloc[0]):
        return False
    names = rows.iloc[:, 0].astype(str)
    features = sum(feature_family(name) != "other" for name in names)
    return label in set(names) or features > len(names) / 2
