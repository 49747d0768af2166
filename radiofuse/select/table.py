"""The table that ``python -m radiofuse.select`` reads: checked once, every problem listed together."""

from __future__ import annotations

import csv
import difflib
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse import columns
from radiofuse.cohort import NOT_FEATURES, PATIENT, SAMPLE, SITE
from radiofuse.errors import CohortError, RadiofuseError, RequestError

DIAGNOSTICS = "diagnostics_"  # pyradiomics' record of how it was run: no features
EMPTY = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None")
SHOWN = 5  # names told in a sentence


@dataclass(frozen=True)
class FeatureTable:
    """Features and labels of the samples whose label is known, by sample id.

    Attributes
    ----------
    features : DataFrame
        Index sample_id, columns ``<modality>__<feature>``, float64; NaN where a cell was empty.
    y : ndarray of int, shape (n_samples,)
        1 for the positive class.
    patients : ndarray of str, shape (n_samples,)
    classes : tuple of str
        The label's two values; the second is the positive one.
    notes : tuple of str
        What was left out, each a sentence.
    """

    features: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    classes: tuple[str, str]
    notes: tuple[str, ...]

    def modality(self, name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Return features, labels and patients of the samples in which a modality is present.

        The features are named without the modality; columns without any value are left out.
        """
        block = self.features[columns.by_modality(self.features.columns)[name]]
        present = block.notna().any(axis=1).to_numpy()
        block = block[present].dropna(axis=1, how="all")
        names = [columns.split(column)[1] for column in block.columns]
        return block.set_axis(names, axis=1), self.y[present], self.patients[present]


def read_feature_table(
    path: Path, label: str, *, modality: str = "features", ignore: Sequence[str] = (), n_folds: int = 2
) -> FeatureTable:
    """Read a CSV, TSV or Parquet table of features, one row per sample.

    Parameters
    ----------
    path : Path
        Columns ``<modality>__<feature>``; or, where no column is of that form, plain feature names.
        ``sample_id`` and ``patient_id`` are optional.
    label : str
        Column with two values; rows without a value are left out.
    modality : str
        Name for features whose columns name no modality.
    ignore : sequence of str
        Columns that are no features.
    n_folds : int
        Each class needs at least this many patients in every modality.

    Raises
    ------
    RequestError
        If there is no such table or column.
    CohortError
        If the table cannot be used; lists every problem.
    """
    raw = _read_file(path)
    if label not in raw:
        close = difflib.get_close_matches(label, map(str, raw.columns), n=1)
        raise RequestError(f"{path} has no column {label!r}.{f' Did you mean {close[0]!r}?' if close else ''}")
    return check_table(raw, label, str(path), modality=modality, ignore=ignore, n_folds=n_folds)


def read_store_table(store: Path, cohort: Path, label: str, *, block: str | None, n_folds: int) -> FeatureTable:
    """Read one block of a feature store, with the labels of a cohort table.

    Raises
    ------
    RequestError
        If the store has several blocks and ``block`` does not say which.
    CohortError
        If the cohort or the features cannot be used.
    """
    from radiofuse.cohort import read_cohort
    from radiofuse.store import FeatureStore

    opened = FeatureStore(store)
    names = [one.name for one in opened.blocks()]
    if block is None and len(names) != 1:
        raise RequestError(f"{store} has {len(names)} blocks; choose with --block: {', '.join(names) or 'none'}.")
    samples = read_cohort(cohort, missing_files="keep")
    if label not in samples:
        raise RequestError(f"{cohort} has no column {label!r} for --label; it has {', '.join(samples.columns)}.")
    samples = samples[[SAMPLE, PATIENT, label]]
    features = opened.read(block or names[0], samples[SAMPLE])
    raw = pd.concat([samples, features.reset_index(drop=True)], axis=1)
    return check_table(raw, label, f"{store} with {cohort}", n_folds=n_folds)


def check_table(
    raw: pd.DataFrame,
    label: str,
    source: str,
    *,
    modality: str = "features",
    ignore: Sequence[str] = (),
    n_folds: int = 2,
) -> FeatureTable:
    """Return the usable part of a table, or refuse it with every problem found; see `read_feature_table`."""
    problems: list[str] = []
    notes: list[str] = []
    samples, patients = _ids(raw, problems)
    y, classes = _binary_label(raw[label], problems, notes)
    n_patients = len(np.unique(patients))
    if n_patients < len(raw):
        notes.append(
            f"{len(raw)} samples of {n_patients} patients: p-values take samples as independent, read with care."
        )
    features = _numeric(_feature_columns(raw, label, modality, ignore, notes), samples, problems)
    if not len(features.columns):
        problems.append("No feature column is left.")
    known = np.flatnonzero(~np.isnan(y))
    order = known[np.argsort(samples[known], kind="stable")]
    features = features.set_axis(pd.Index(samples, name=SAMPLE)).iloc[order]
    table = FeatureTable(features, y[order].astype(int), patients[order], classes, tuple(notes))
    if PATIENT in raw:
        problems += _patient_problems(table)
    if not problems:
        problems += _class_problems(table, n_folds)
    if problems:
        raise CohortError(source, problems)
    return table


def _read_file(path: Path) -> pd.DataFrame:
    try:
        return _read_parquet(path) if path.suffix in (".parquet", ".pq") else _read_text(path)
    except RadiofuseError:
        raise
    except FileNotFoundError:
        raise RequestError(f"There is no table at {path}.") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise RadiofuseError(f"{path} cannot be read as a CSV, TSV or Parquet table: {reason}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    return table.reset_index() if table.index.name == SAMPLE else table


def _read_text(path: Path) -> pd.DataFrame:
    delimiter, header = _header(path)
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise CohortError(str(path), [f"Column names occur more than once: {_some(repeated)}."])
    ids = [name for name in (SAMPLE, PATIENT) if name in header]  # text as it stands: 007, NA
    empty = {name: EMPTY for name in header if name not in ids}
    return pd.read_csv(path, sep=delimiter, dtype=dict.fromkeys(ids, "str"), keep_default_na=False, na_values=empty)


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter that splits the first line most, and the names it gives."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:
        line = file.readline()
    delimiter = max(",;\t", key=line.count)
    return delimiter, next(csv.reader([line], delimiter=delimiter), [])


def _ids(raw: pd.DataFrame, problems: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return sample and patient ids as text; without ``sample_id`` the rows are numbered."""
    width = len(str(len(raw)))
    numbers = [f"row{number:0{width}d}" for number in range(1, len(raw) + 1)]
    samples = raw[SAMPLE].astype("str").fillna("").to_numpy(str) if SAMPLE in raw else np.array(numbers)
    patients = raw[PATIENT].astype("str").fillna("").to_numpy(str) if PATIENT in raw else samples
    for name, ids in ((SAMPLE, samples), (PATIENT, patients)):
        if name in raw and (ids == "").any():
            problems.append(f"{(ids == '').sum()} rows have no {name}.")
    ids, counts = np.unique(samples[samples != ""], return_counts=True)
    if (counts > 1).any():
        problems.append(f"{(counts > 1).sum()} sample ids occur more than once: {_some(ids[counts > 1])}.")
    return samples, patients


def _binary_label(values: pd.Series, problems: list[str], notes: list[str]) -> tuple[np.ndarray, tuple[str, str]]:
    """Return 0, 1 or NaN (unknown) per row, and the two values as text."""
    known = values.notna() & (values.astype(str).str.strip() != "")
    found = sorted(values[known].unique())
    if not known.all():
        notes.append(f"{(~known).sum()} of {len(values)} samples have no {values.name} and are left out.")
    if len(found) != 2:
        problems.append(f"Column {values.name} holds {len(found)} different values ({_some(found)}); two are needed.")
        return np.where(known, 0.0, np.nan), ("", "")
    names = tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in found)
    return np.where(known, (values == found[1]).astype(float), np.nan), names


def _feature_columns(
    raw: pd.DataFrame, label: str, modality: str, ignore: Sequence[str], notes: list[str]
) -> pd.DataFrame:
    """Return the columns that are features, under their full names."""
    candidates = [str(name) for name in raw.columns if name not in (SAMPLE, PATIENT, SITE, label, *ignore)]
    blocks = columns.by_modality(candidates)
    if not blocks:
        kept = [name for name in candidates if not name.startswith(DIAGNOSTICS)]
        _note(notes, len(candidates) - len(kept), "diagnostics_* columns are no features and are left out.")
        return raw[kept].rename(columns={name: columns.join(modality, name) for name in kept})
    clinical = blocks.pop(columns.CLINICAL, [])
    _note(notes, len(clinical), "clinical columns are left out: they are neither filtered nor pruned.")
    inside = [name for block in blocks.values() for name in block]
    things = {name: columns.split(name)[1] for name in inside}
    diagnostics = [name for name in inside if things[name].startswith(DIAGNOSTICS)]
    _note(notes, len(diagnostics), "diagnostics_* columns are no features and are left out.")
    outside = [name for name in candidates if columns.split(name) is None]
    _note(notes, len(outside), f"columns outside <modality>__<feature> are left out: {_some(outside)}.")
    return raw[[name for name in inside if name not in diagnostics and things[name] not in NOT_FEATURES]]


def _numeric(features: pd.DataFrame, samples: np.ndarray, problems: list[str]) -> pd.DataFrame:
    """Return the features as float64; what is no number or infinite becomes a problem and NaN."""
    numbers = features.copy()
    for name in features.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes]]:
        numbers[name] = pd.to_numeric(features[name], errors="coerce")
        wrong = (numbers[name].isna() & features[name].notna()).to_numpy()
        if wrong.any():
            example, sample = features[name][wrong].iloc[0], samples[wrong][0]
            problems.append(f"Column {name} is not numeric: sample {sample} has {example!r}.")
    numbers = numbers.astype(float)
    infinite = np.isinf(numbers).any(axis=0)
    if infinite.any():
        problems.append(f"{infinite.sum()} columns hold infinite values: {_some(numbers.columns[infinite])}.")
    return numbers


def _patient_problems(table: FeatureTable) -> list[str]:
    labels = pd.Series(table.y).groupby(table.patients).nunique()
    mixed = labels.index[labels > 1]
    return [f"{len(mixed)} patients have rows of both classes: {_some(mixed)}."] if len(mixed) else []


def _class_problems(table: FeatureTable, n_folds: int) -> list[str]:
    problems = []
    for name in columns.by_modality(table.features.columns):
        _, y, patients = table.modality(name)
        for label, value in enumerate(table.classes):
            n_patients = len(np.unique(patients[y == label]))
            if n_patients < n_folds:
                problems.append(
                    f"{name}: {n_patients} patients of class {value} have features, fewer than the {n_folds} outer "
                    "folds. Ask for fewer with --outer, or add patients."
                )
    return problems


def _note(notes: list[str], count: int, sentence: str) -> None:
    if count:
        notes.append(f"{count} {sentence}")


def _some(names: Sequence) -> str:
    shown = ", ".join(str(name) for name in list(names)[:SHOWN])
    return f"{shown}, …" if len(names) > SHOWN else shown
