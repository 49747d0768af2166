"""Several files to one table: one per modality, and one with the labels, joined by id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables import columns
from radiofuse.tables.cells import Codes
from radiofuse.tables.columns import column_and_class
from radiofuse.tables.families import feature_family
from radiofuse.tables.problems import repeated_ids
from radiofuse.tables.roles import PATIENT, SAMPLE, SITE, Roles
from radiofuse.tables.text import read_file
from radiofuse.wording import counted, some


def read_rows(path: Path, roles: Roles) -> pd.DataFrame:
    """Read a table of features or labels; ids, sites and labels stay text as it stands (007, NA)."""
    codes = {SAMPLE, PATIENT, SITE, roles.sample, roles.patient, roles.site, *(roles.labels or ())}
    table = read_file(path, codes.__contains__)
    if table.problems:
        raise CohortError(str(path), table.problems)
    return table.rows


def no_column(source: object, name: str, known: Iterable[str], role: str = "", rule: str = "") -> str:
    """Return a sentence on a column that a table lacks: what was probably meant, and what there is.

    >>> no_column("t.csv", "agee", ["id", "age"], " for --groups")
    "t.csv has no column 'agee' for --groups. Did you mean 'age'? It has id, age."
    """
    known = [str(one) for one in known]
    return f"{source} has no column {name!r}{role}.{did_you_mean(name, known)}{rule} It has {some(known)}."


def rename_ids(rows: pd.DataFrame, roles: Roles, path: Path, *, several: bool = False) -> pd.DataFrame:
    """Return the table with ids under ``sample_id`` and ``patient_id``, the site under ``site``.

    Parameters
    ----------
    rows : DataFrame
    roles : Roles
    path : Path
        Of the file, for sentences.
    several : bool, default=False
        Whether there are other files, which must hold the ids under the same name.
    """
    asked = {SAMPLE: roles.sample, PATIENT: roles.patient, SITE: roles.site}
    if not any(asked.values()):
        return rows
    named = {standard: rows[name] for standard, name in asked.items() if name in rows}  # one column may serve twice
    if roles.sample is not None and SAMPLE not in named:
        shared = " Every file must hold the ids under the same name." if several else ""
        raise RequestError(no_column(path, roles.sample, rows.columns, " for --id", shared))
    given = [name for name in asked.values() if name is not None]
    replaced = [standard for standard, name in asked.items() if name is not None]
    rest = rows.drop(columns=[*given, *replaced], errors="ignore")
    return pd.concat([*(values.rename(standard) for standard, values in named.items()), rest], axis=1)


def join_modalities(
    files: Mapping[str, Path], roles: Roles, *, intersect: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Return the files of several modalities side by side, and a sentence on the samples that were left out.

    Parameters
    ----------
    files : mapping of str to Path
        By modality; features become ``<modality>__<feature>``.
    roles : Roles
    intersect : bool, default=False
        Whether to keep the samples that all files have; else a file that lacks one is a problem.
    """
    parts, problems = {}, []
    for name, path in files.items():
        parts[name], repeated = _by_id(path, SAMPLE, roles)
        problems += repeated
    every = pd.Index(sorted(set().union(*(part.index for part in parts.values()))))
    common = every[[all(sample in part.index for part in parts.values()) for sample in every]]
    problems += [] if intersect else _lacking(files, parts, every)
    if problems:
        raise CohortError(" with ".join(map(str, files.values())), problems)
    notes = []
    if len(common) < len(every):
        notes.append(f"{counted(len(every) - len(common), 'sample')} not in every file, left out (--intersect).")
    parts = {name: part.loc[common] for name, part in parts.items()}
    shared = _shared_columns(parts, files, roles)
    features = [_features_of(name, part.drop(columns=shared, errors="ignore")) for name, part in parts.items()]
    ids = pd.DataFrame({SAMPLE: common, **shared}, index=common)
    return pd.concat([ids, *features], axis=1).reset_index(drop=True), notes


def _lacking(files: Mapping[str, Path], parts: Mapping[str, pd.DataFrame], every: pd.Index) -> list[str]:
    lacking = {name: every.difference(part.index) for name, part in parts.items()}
    return [
        f"{files[name]} lacks {counted(len(samples), 'sample')} that another modality has: {some(samples)}. Add them, "
        "or keep the samples of all files with --intersect."
        for name, samples in lacking.items()
        if len(samples)
    ]


def _by_id(path: Path, key: str, roles: Roles) -> tuple[pd.DataFrame, list[str]]:
    return _indexed(read_rows(path, roles), key, path, roles)


def _indexed(rows: pd.DataFrame, key: str, path: Path, roles: Roles) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a file by sample id, or by patient id, and a problem where ids occur more than once."""
    rows = rename_ids(rows, roles if key == SAMPLE else replace(roles, sample=None), path, several=True)
    if key not in rows:
        raise RequestError(
            f"{path} has no column {SAMPLE!r}, but {some(rows.columns)}. Name the column of ids with --id; it must be "
            "called the same in every file."
        )
    ids = rows[key].astype(str)
    repeated = ids[ids.duplicated()].unique()
    what = key.replace("_", " ")
    problems = [f"{path}: {repeated_ids(repeated, what)}"] if len(repeated) else []
    return rows.assign(**{key: ids}).drop_duplicates(key).set_index(key), problems


def _shared_columns(parts: Mapping[str, pd.DataFrame], files: Mapping[str, Path], roles: Roles) -> dict[str, pd.Series]:
    """Return the columns that are no features, each from the first file that has it; refuse files that differ."""
    shared: dict[str, pd.Series] = {}
    for name, part in parts.items():
        label = next((label for label in roles.labels or () if label in part), "")
        for column in (PATIENT, SITE, label, *roles.covariates, *roles.ignore):
            if column not in part:
                continue
            known = shared.setdefault(column, part[column])
            if not known.equals(part[column]) and not Codes.of(known).rows.equals(Codes.of(part[column]).rows):
                raise CohortError(str(files[name]), [f"Column {column} differs from that of another file."])
    return shared


def _features_of(modality: str, part: pd.DataFrame) -> pd.DataFrame:
    """Return one modality's features under their full names."""
    prefix = columns.join(modality, "")
    return part.rename(columns=partial(_with_prefix, prefix, re.compile(re.escape(prefix), re.IGNORECASE)))


def _with_prefix(prefix: str, own: re.Pattern[str], column: str) -> str:
    return prefix + (own.sub("", str(column), count=1) if own.match(str(column)) else str(column))


def join_labels(rows: pd.DataFrame, path: Path, roles: Roles) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that a file of labels knows, with its columns, and sentences on what is in one of both only.

    The file has one row per sample, or one per patient.
    """
    table = read_rows(path, roles)
    key = _key_of_labels(table, rows, roles)
    labels, problems = _indexed(table, key, path, roles)
    if key not in rows:
        raise RequestError(
            f"The features have no column {SAMPLE!r}, but {some(rows.columns)}. Name the column of ids with --id; it "
            f"must be called the same in {path}."
        )
    if not len(labels):
        problems.append("It has a header and no rows; write one row per sample.")
    label = label_column(roles, labels, str(path))[0]
    problems += _none_known(rows[key], labels, path)
    known = rows[key].astype(str).isin(labels.index).to_numpy()
    notes = _left_out(rows[key], labels, path, roles.patient or PATIENT)
    rows = rows[known].reset_index(drop=True)
    beside = labels.reindex(rows[key].astype(str)).reset_index(drop=True)
    asked = [name for name in (label, PATIENT, SITE, *roles.covariates) if name in labels]
    problems += [sentence for name in asked for sentence in _contradictions(rows, beside, name)]
    if problems:
        raise CohortError(str(path), problems)
    return pd.concat([rows.drop(columns=asked, errors="ignore"), beside[asked]], axis=1), notes


def _key_of_labels(labels: pd.DataFrame, rows: pd.DataFrame, roles: Roles) -> str:
    """Return by which ids labels are joined: of patients where the file names no samples and both name patients."""
    names_patients = PATIENT in rows and {roles.patient or PATIENT, PATIENT}.intersection(labels)
    names_samples = roles.sample in labels or SAMPLE in labels
    return PATIENT if names_patients and not names_samples else SAMPLE


def _none_known(ids: pd.Series, labels: pd.DataFrame, path: Path) -> list[str]:
    ids, what = ids.astype(str), labels.index.name.removesuffix("_id")
    if not len(labels) or not len(ids) or ids.isin(labels.index).any():
        return []
    return [
        f"None of the {counted(ids.nunique(), what)} is in {path} ({ids.iloc[0]} against {labels.index[0]}); write the "
        "ids alike in both."
    ]


def _left_out(ids: pd.Series, labels: pd.DataFrame, path: Path, called: str) -> list[str]:
    """Return sentences on ids that only the features, or only the labels, have, and on a join by patient."""
    ids, what = ids.astype(str), labels.index.name.removesuffix("_id")
    known = ids.isin(labels.index)
    absent, unused = ids[~known].unique(), labels.index.difference(ids)
    notes = []
    if known.any() and len(absent):
        notes.append(f"{counted(len(absent), what)} not in the labels file, left out: {some(absent)}.")
    if len(unused):
        notes.append(f"{counted(len(unused), what)} of {path} without features: {some(unused)}.")
    if labels.index.name == PATIENT and known.any():
        joined = f"{counted(ids[known].nunique(), 'patient')} joined to {counted(known.sum(), 'sample')}"
        notes.append(f"Labels of {joined} by {called}.")
    return notes


def _contradictions(rows: pd.DataFrame, beside: pd.DataFrame, name: str) -> list[str]:
    """Return a sentence if a column of the labels file says otherwise than that beside the features."""
    if name not in rows:
        return []
    both = Codes.of(pd.concat([rows[name].astype("str"), beside[name].astype("str")], ignore_index=True)).rows
    ours, theirs = both[: len(rows)].to_numpy(object), both[len(rows) :].to_numpy(object)
    differ = (ours != theirs) & pd.notna(ours) & pd.notna(theirs)
    if not differ.any():
        return []
    return [
        f"Column {name} differs from that beside the features in {counted(differ.sum(), 'sample')}: "
        f"{some(rows[SAMPLE][differ])}. Correct one of the two, or delete it beside the features."
    ]


def label_column(roles: Roles, rows: pd.DataFrame, source: str) -> tuple[str, str | None]:
    """Return the column of the one label, and the value after "=" if the column's own name has none."""
    (asked,) = roles.asked
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
    known: Iterable[str] = [name for name in rows.columns if columns.split(str(name)) is None] or rows.columns
    raise RequestError(f"{no_column(source, wanted, known)} Name one with --label.")


def _looks_transposed(rows: pd.DataFrame, label: str) -> bool:
    if rows.shape[1] < 2 or pd.api.types.is_numeric_dtype(rows.dtypes.iloc[0]):
        return False
    names = rows.iloc[:, 0].astype("str").fillna("")
    features = sum(feature_family(name) != "other" for name in names)
    return label in set(names) or features > len(names) / 2
