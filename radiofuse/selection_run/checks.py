"""What of a raw table can be used: checked once, every problem listed together, whatever is left out told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.selection_run.feature_columns import feature_columns, note, row_counters
from radiofuse.selection_run.reading import RawTable
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables import columns
from radiofuse.tables.cells import Codes
from radiofuse.tables.cohort import PATIENT, SAMPLE, SITE, spelling_problems
from radiofuse.tables.copies import copy_problems
from radiofuse.tables.labels import BinaryLabel
from radiofuse.wording import SHOWN, count, some

FUSION = "fusion"  # the model that joins the modalities
LARGEST = 1e150  # beyond it, squares overflow
TIMES = ("datetime", "datetimetz", "timedelta")


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
    covariates : DataFrame
        Index sample_id, float64; no columns where none were asked for.
    sites : ndarray of str, shape (n_samples,), or None
    label : str
        The label's column.
    classes : tuple of str
        The label's two values; the second is the positive one.
    notes : tuple of str
        What was left out, each a sentence.
    inputs : dict
        SHA-256 of each file it was read from, by path.
    """

    features: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    covariates: pd.DataFrame
    sites: np.ndarray | None
    label: str
    classes: tuple[str, str]
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def modalities(self) -> list[str]:
        """The names before ``__``, in order of first appearance."""
        return list(columns.by_modality(self.features.columns))

    def modality(self, name: str) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the features of the samples in which a modality is present, and the positions of these samples.

        The features are named without the modality.
        """
        block = self.features[columns.by_modality(self.features.columns)[name]]
        present = np.flatnonzero(block.notna().any(axis=1).to_numpy())
        names = [columns.split(column)[1] for column in block.columns]
        return block.iloc[present].set_axis(names, axis=1), present


def check_table(raw: RawTable, request: SelectionRequest) -> FeatureTable:
    """Return the usable part of a table, in the order of the sample ids.

    Raises
    ------
    CohortError
        If it cannot be used; lists every problem.
    """
    problems: list[str] = []
    notes = list(raw.notes)
    rows = raw.rows
    if not len(rows):
        raise CohortError(raw.source, ["It has a header and no rows; write one row per sample."])
    _require_known(request, rows)
    samples, patients = _ids(rows, problems)
    problems += _spelling_problems(rows, request)
    label = BinaryLabel.of(rows[raw.label], raw.positive, request.missing)
    problems += [*label.problems, *spelling_problems(label.values, raw.label)]
    notes += label.notes
    covariates = _covariates(rows, request.covariates, samples, problems)
    features = _numeric(feature_columns(rows, raw.label, request, notes, problems), samples, problems)
    notes += row_counters(pd.concat([features, covariates], axis=1))
    known = np.flatnonzero(~np.isnan(label.y))
    order = known[np.argsort(samples[known], kind="stable")]
    index = pd.Index(samples, name=SAMPLE)
    features = _without_empty(features.set_axis(index).iloc[order], notes)
    if not len(features.columns) and not problems:
        problems.append("No feature column is left.")
    problems += _name_clashes(features, covariates)
    sites = Codes.of(rows[SITE]).rows.astype(str).to_numpy(str)[order] if SITE in rows else None
    if request.site is not None:
        problems += _gaps_in_the_way_of_harmonization(rows[SITE].iloc[order], covariates.iloc[order], request.site)
    covariates = covariates.set_axis(index).iloc[order]
    table = FeatureTable(
        features,
        label.y[order].astype(int),
        patients[order],
        covariates,
        sites,
        raw.label,
        label.classes,
        tuple(notes),
        raw.inputs,
    )
    if PATIENT in rows and request.label_per == "patient":
        problems += _patient_problems(table)
    if not problems:
        problems += _class_problems(table, request.folds) + copy_problems(table.features, table.patients)
    if problems:
        raise CohortError(raw.source, problems)
    return table


def _require_known(request: SelectionRequest, rows: pd.DataFrame) -> None:
    renamed = (request.sample_id, request.groups, request.site)
    for name in request.ignore:
        if name not in rows and name not in renamed:
            raise RequestError(f"There is no column {name!r} for --ignore.{did_you_mean(name, rows.columns)}")


def _gaps_in_the_way_of_harmonization(sites: pd.Series, covariates: pd.DataFrame, site: str) -> list[str]:
    n_empty = {site: sites.isna().sum(), **covariates.isna().sum()}
    return [
        f"{count(n, 'sample')} without {name}, which evening out sites needs of every sample; fill the gaps, or "
        "leave these samples out."
        for name, n in n_empty.items()
        if n
    ]


def _ids(rows: pd.DataFrame, problems: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return sample and patient ids as text; without ``sample_id`` the rows are numbered."""
    width = len(str(len(rows)))
    numbers = [f"row{number:0{width}d}" for number in range(1, len(rows) + 1)]
    samples = rows[SAMPLE].astype("str").fillna("").to_numpy(str) if SAMPLE in rows else np.array(numbers)
    patients = rows[PATIENT].astype("str").fillna("").to_numpy(str) if PATIENT in rows else samples
    for name, ids in ((SAMPLE, samples), (PATIENT, patients)):
        if name in rows and (ids == "").any():
            problems.append(f"{count((ids == '').sum(), 'row')} without {name}; give every row one.")
    ids, counts = np.unique(samples[samples != ""], return_counts=True)
    if (counts > 1).any():
        problems.append(f"{count((counts > 1).sum(), 'sample id')} more than once: {some(ids[counts > 1])}.")
    return samples, patients


def _spelling_problems(rows: pd.DataFrame, request: SelectionRequest) -> list[str]:
    """Return what is written in two ways, under the names that the file gives its columns."""
    named = {PATIENT: request.groups or PATIENT, SAMPLE: request.sample_id or SAMPLE}
    named |= {SITE: request.site} if request.site is not None else {}
    role_of = {name: role for role, name in named.items() if role in rows}  # one column in two roles is told once
    return [sentence for name, role in role_of.items() for sentence in spelling_problems(rows[role], name)]


def _covariates(rows: pd.DataFrame, names: Sequence[str], samples: np.ndarray, problems: list[str]) -> pd.DataFrame:
    """Return the covariates as numbers; text of two values becomes 0 and 1 in alphabetical order."""
    found = pd.DataFrame(index=rows.index)
    for name in names:
        if name not in rows:
            problems.append(f"There is no column {name!r} for --covariates.{did_you_mean(name, rows.columns)}")
            continue
        values = rows[name]
        kinds = sorted(values.dropna().astype(str).unique())
        if not pd.api.types.is_numeric_dtype(values) and values.dtype.kind not in "mM":
            if len(kinds) == 2:
                values = values.astype("str").map({kinds[0]: 0.0, kinds[1]: 1.0})
            elif kinds and pd.to_numeric(values.astype("str"), errors="coerce").isna().all():
                problems.append(
                    f"Covariate {name} holds {count(len(kinds), 'different text')} ({some(kinds)}); two or numbers are "
                    "needed. Write one column of 0 and 1 per value."
                )
                continue
        found[name] = values
    return _numeric(found, samples, problems)


def _numeric(features: pd.DataFrame, samples: np.ndarray, problems: list[str]) -> pd.DataFrame:
    """Return the columns as float64; what is no number or infinite becomes a problem and NaN."""
    problems += _dates(features)
    features = features.select_dtypes(exclude=TIMES)
    numbers, wordy = features.copy(), []
    for name in features.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes]]:
        numbers[name] = pd.to_numeric(features[name], errors="coerce")
        wrong = (numbers[name].isna() & features[name].notna()).to_numpy()
        if wrong.any():
            example, sample = features[name][wrong].iloc[0], samples[wrong][0]
            wordy.append(f"Column {name} is not numeric: sample {sample} has {example!r}; {_advice(features[name])}.")
    problems += wordy[:SHOWN]
    if len(wordy) > SHOWN:
        problems.append(f"{count(len(wordy) - SHOWN, 'further column')} not numeric.")
    numbers = numbers.astype(float)
    return numbers.drop(columns=_too_large(numbers, problems))


def _too_large(numbers: pd.DataFrame, problems: list[str]) -> pd.Index:
    """Return the columns of values whose squares cannot be summed."""
    sizes = np.abs(numbers.to_numpy())
    infinite = np.isinf(sizes).any(axis=0)
    huge = (sizes > LARGEST).any(axis=0) & ~infinite
    if infinite.any():
        named = some(numbers.columns[infinite])
        problems.append(f"{count(infinite.sum(), 'column')} with infinite values: {named}. Leave such cells empty.")
    if huge.any():
        problems.append(
            f"{count(huge.sum(), 'column')} with values beyond {LARGEST:g}, whose squares overflow: "
            f"{some(numbers.columns[huge])}. Rescale, for example by the logarithm, or leave out with --ignore."
        )
    return numbers.columns[infinite | huge]


def _dates(features: pd.DataFrame) -> list[str]:
    dates = features.select_dtypes(include=TIMES).columns
    if not len(dates):
        return []
    told = f"{count(len(dates), 'column')} of dates or times instead of numbers: {some(dates)}."
    return [f"{told} Leave out with --ignore, or write a number such as an age in years."]


def _advice(values: pd.Series) -> str:
    """Return what to do about a column that is not numeric."""
    text = values.dropna().astype(str).str.strip()
    if text.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?|[-+]?\d+(\.\d*)?").all():
        return "write thousands without a comma (1000, not 1,000)"
    if text.str.fullmatch(r"[-+]?\d*,\d+|[-+]?\d+").all():
        return "write decimals with a point"
    if text.is_unique and len(text) == len(values) and pd.to_numeric(text, errors="coerce").isna().all():
        return "if it names the samples, say so with --id, else leave it out with --ignore"
    return "correct it, or leave the column out with --ignore"


def _without_empty(features: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the features that have a value in some sample."""
    empty = features.columns[features.isna().to_numpy().all(axis=0)]
    note(notes, len(empty), "column", "without any value", f" {some(empty)}.")
    return features.drop(columns=empty) if len(empty) else features


def _name_clashes(features: pd.DataFrame, covariates: pd.DataFrame) -> list[str]:
    blocks = columns.by_modality(features.columns)
    taken = {columns.split(name)[1] for name in features.columns} & set(covariates.columns)
    problems = [f"{some(sorted(taken))} is a feature and a covariate; rename one of them."] if taken else []
    return [*problems, f"A modality is called {FUSION!r}; rename it."] if FUSION in blocks else problems


def _patient_problems(table: FeatureTable) -> list[str]:
    labels = pd.Series(table.y).groupby(table.patients).nunique()
    mixed = labels.index[labels > 1]
    if not len(mixed):
        return []
    told = f"{count(len(mixed), 'patient')} with rows of both classes: {some(mixed)}."
    return [f"{told} If each lesion or scan has a label of its own, say --label-per sample; folds stay by patient."]


def _class_problems(table: FeatureTable, n_folds: int) -> list[str]:
    problems = []
    for name in table.modalities:
        _, present = table.modality(name)
        for label, value in enumerate(table.classes):
            n_patients = len(np.unique(table.patients[present][table.y[present] == label]))
            if n_patients < n_folds:
                problems.append(
                    f"{name}: {count(n_patients, 'patient')} of class {value} with features, fewer than the {n_folds} "
                    "folds. Ask for fewer with --folds, or add patients."
                )
    return problems
