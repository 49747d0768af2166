"""A table of features to select from: checked once, with every problem listed and everything left out reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables import columns
from radiofuse.tables.cells import Codes, is_empty
from radiofuse.tables.class_label import read_label
from radiofuse.tables.copies import copy_problems
from radiofuse.tables.feature_columns import feature_columns, left_out, row_counters
from radiofuse.tables.numbers import as_numbers, covariate_numbers
from radiofuse.tables.outcomes import MULTICLASS, Outcome
from radiofuse.tables.problems import repeated_ids, spelling_problems
from radiofuse.tables.roles import PATIENT, SAMPLE, SITE, Roles, belongs_to_image
from radiofuse.wording import counted, some

FUSION = "fusion"  # the model that joins the modalities
MADE_BY = "features of images become a table with: radiofuse extract COHORT, then radiofuse store export TABLE."
NEEDED = "One column of numbers at least is needed beside ids, label, covariates and what --ignore names."


@dataclass(frozen=True, eq=False)
class RawTable:
    """One row per sample, as the files have it.

    Attributes
    ----------
    rows : DataFrame
        Ids under ``sample_id`` and ``patient_id``, the label, features, whatever else.
    label : str
        The label's column.
    positive : str or None
        The value that ``--label COLUMN=VALUE`` names.
    source : str
        For sentences.
    inputs : dict
        SHA-256 of each file, by path; of a store, that of the features read.
    notes : tuple of str
    """

    rows: pd.DataFrame
    label: str
    positive: str | None
    source: str
    inputs: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureTable:
    """Features and labels of the samples whose label is known, by sample id.

    Attributes
    ----------
    features : DataFrame
        Index sample_id, columns ``<modality>__<feature>``, float64; NaN where a cell was empty.
    y : ndarray of int, shape (n_samples,)
        The place of the row's class; of two classes 1 is the positive one.
    patients : ndarray of str, shape (n_samples,)
    covariates : DataFrame
        Index sample_id, float64; no columns where none were asked for.
    sites : ndarray of str, shape (n_samples,), or None
    label : str
        The label's column.
    classes : tuple of str
        The label's values; of two the second is the positive one.
    notes : tuple of str
        What was left out, each a sentence.
    inputs : dict
        SHA-256 of each file it was read from, by path.
    ordered : bool
        Whether the order of several classes is a ranking.
    """

    features: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray
    covariates: pd.DataFrame
    sites: np.ndarray | None
    label: str
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = False

    @property
    def several(self) -> Outcome | None:
        """The label as an outcome of more than two classes; None where it has two."""
        return Outcome(self.label, self.classes, MULTICLASS, self.ordered) if len(self.classes) > 2 else None

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


def check_table(raw: RawTable, roles: Roles, *, n_folds: int) -> FeatureTable:
    """Return the usable part of a table, in the order of the sample ids.

    Parameters
    ----------
    raw : RawTable
    roles : Roles
    n_folds : int
        Each class must have at least this many patients in each modality.

    Raises
    ------
    CohortError
        If it cannot be used; lists every problem.
    """
    rows = raw.rows
    _require_rows(raw)
    _require_known(roles, rows)
    samples, patients, problems = _ids(rows)
    label, ordered = read_label(rows[raw.label], raw.positive, roles.missing)
    covariates, of_covariates = covariate_numbers(rows, roles.covariates, samples)
    chosen = feature_columns(rows, raw.label, roles)
    features, of_features = as_numbers(chosen.rows, samples)
    problems += [*_spelling_problems(rows, roles), *label.problems, *of_covariates, *chosen.problems, *of_features]
    counters = row_counters(pd.concat([features, covariates], axis=1))
    known = np.flatnonzero(~np.isnan(label.y))
    order = known[np.argsort(samples[known], kind="stable")]  # the file's order may move no number
    ids = pd.Index(samples, name=SAMPLE)
    features, without_values = _without_empty(features.set_axis(ids).iloc[order])
    problems = problems or _nothing_left(features, rows)
    problems += _name_clashes(features, covariates)
    problems += _gaps_in_the_way_of_harmonization(rows.iloc[order], covariates.iloc[order], roles.site)
    table = FeatureTable(
        features=features,
        y=label.y[order].astype(int),
        patients=patients[order],
        covariates=covariates.set_axis(ids).iloc[order],
        sites=_sites(rows)[order] if SITE in rows else None,
        label=raw.label,
        classes=label.classes,
        notes=(*raw.notes, *label.notes, *chosen.notes, *counters, *without_values),
        inputs=raw.inputs,
        ordered=ordered,
    )
    if PATIENT in rows and roles.label_per == "patient":
        problems += _patient_problems(table)
    problems = problems or _class_problems(table, n_folds) + copy_problems(table.features, table.patients)
    if problems:
        raise CohortError(raw.source, problems)
    return table


def _require_rows(raw: RawTable) -> None:
    if not len(raw.rows):
        raise CohortError(raw.source, ["It has a header and no rows; write one row per sample."])


def _sites(rows: pd.DataFrame) -> np.ndarray:
    return Codes.of(rows[SITE]).rows.astype(str).to_numpy(str)


def _require_known(roles: Roles, rows: pd.DataFrame) -> None:
    renamed = (roles.sample, roles.patient, roles.site)
    for name in roles.ignore:
        if name not in rows and name not in renamed:
            raise RequestError(f"There is no column {name!r} for --ignore.{did_you_mean(name, rows.columns)}")


def _nothing_left(features: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    if len(features.columns):
        return []
    images = any(map(belongs_to_image, rows))
    return [f"No feature column is left. {f'The table names images; {MADE_BY}' if images else NEEDED}"]


def _gaps_in_the_way_of_harmonization(rows: pd.DataFrame, covariates: pd.DataFrame, site: str | None) -> list[str]:
    if site is None:
        return []
    n_empty = {site: is_empty(rows[SITE]).sum(), **covariates.isna().sum()}
    return [
        f"{counted(n, 'sample')} without {name}, which evening out sites needs of every sample; fill the gaps, or "
        "leave these samples out."
        for name, n in n_empty.items()
        if n
    ]


def _ids(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return sample and patient ids as text, and problems; without ``sample_id`` the rows are numbered."""
    width = len(str(len(rows)))
    numbers = [f"row{number:0{width}d}" for number in range(1, len(rows) + 1)]
    samples = rows[SAMPLE].astype("str").fillna("").to_numpy(str) if SAMPLE in rows else np.array(numbers)
    patients = rows[PATIENT].astype("str").fillna("").to_numpy(str) if PATIENT in rows else samples
    problems = []
    for name, ids in ((SAMPLE, samples), (PATIENT, patients)):
        if name in rows and (ids == "").any():
            problems.append(f"{counted((ids == '').sum(), 'row')} without {name}; give every row one.")
    ids, counts = np.unique(samples[samples != ""], return_counts=True)
    if (counts > 1).any():
        problems.append(repeated_ids(ids[counts > 1]))
    return samples, patients, problems


def _spelling_problems(rows: pd.DataFrame, roles: Roles) -> list[str]:
    """Return what is written in two ways, under the names that the file gives its columns."""
    named = {PATIENT: roles.patient or PATIENT, SAMPLE: roles.sample or SAMPLE}
    named |= {SITE: roles.site} if roles.site is not None else {}
    role_of = {name: role for role, name in named.items() if role in rows}  # one column in two roles is told once
    columns_of = {name: rows[role] for name, role in role_of.items()}
    if roles.site in columns_of:  # an empty site is none, an id NA is one
        columns_of[roles.site] = columns_of[roles.site].mask(is_empty(columns_of[roles.site]))
    return [sentence for name, cells in columns_of.items() for sentence in spelling_problems(cells, name)]


def _without_empty(features: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the features that have a value in some sample, and a sentence on the others."""
    empty = features.columns[features.isna().to_numpy().all(axis=0)]
    notes = left_out(len(empty), "column", "without any value", some(empty))
    return features.drop(columns=empty) if len(empty) else features, notes


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
    classes = "both classes" if table.several is None else "several classes"
    what = f"{counted(len(mixed), 'patient')} with rows of {classes}: {some(mixed)}."
    return [f"{what} If each lesion or scan has a label of its own, say --label-per sample; folds stay by patient."]


def _class_problems(table: FeatureTable, n_folds: int) -> list[str]:
    problems = []
    for name in table.modalities:
        _, present = table.modality(name)
        for label, value in enumerate(table.classes):
            n_patients = len(np.unique(table.patients[present][table.y[present] == label]))
            if n_patients < n_folds:
                problems.append(
                    f"{name}: {counted(n_patients, 'patient')} of class {value} with features, fewer than the "
                    f"{n_folds} folds. Ask for fewer with --folds, or add patients."
                )
    return problems
