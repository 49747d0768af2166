"""What is wrong with the rows of a cohort table: ids, numbers, labels, copies."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from itertools import zip_longest

import numpy as np
import pandas as pd

from radiofuse.tables.cells import is_empty
from radiofuse.tables.columns import CLINICAL, by_modality
from radiofuse.tables.copies import copy_problems
from radiofuse.tables.labels import Label
from radiofuse.tables.problems import Problem, problems_about, shown, spelling_problems
from radiofuse.tables.roles import PATIENT, SAMPLE, SITE, Roles, belongs_to_image, is_file_column
from radiofuse.wording import counted

logger = logging.getLogger(__name__)

LONGEST_ID = 128
OWN_LABELS = (
    'A patient has one label; if each lesion or scan has its own, say label_per = "sample", and folds stay by patient.'
)
_SAFE_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_RESERVED_ID = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names on Windows
_THOUSANDS = re.compile(r"'[-+]?\d{1,3}(,\d{3})+(\.\d*)?'")


def problems_of_rows(
    text: pd.DataFrame, cohort: pd.DataFrame, roles: Roles, labels: Mapping[str, Label], n_folds: int | None
) -> list[Problem]:
    """List what is wrong with ids, numbers and labels.

    Parameters
    ----------
    text : DataFrame
        The cells as they are written, for sentences.
    cohort : DataFrame
        Their values, row by row.
    roles : Roles
    labels : mapping of str to Label
    n_folds : int, optional
        Each class of each label must have at least this many patients.
    """
    return [
        *_id_problems(cohort),
        *_number_problems(text, cohort, roles),
        *(Problem.of(sentence) for label in labels.values() for sentence in label.problems),
        *(_mixed_patients(cohort, labels) if roles.label_per == "patient" else []),
        *_label_problems(cohort, labels, n_folds),
    ]


def _id_problems(cohort: pd.DataFrame) -> list[Problem]:
    problems = _unsafe_ids(cohort, SAMPLE) + spelling_problems(cohort[SAMPLE], SAMPLE)
    if not cohort[PATIENT].equals(cohort[SAMPLE]):
        problems += _unsafe_ids(cohort, PATIENT) + spelling_problems(cohort[PATIENT], PATIENT)
    if SITE in cohort:
        problems += spelling_problems(cohort[SITE].mask(is_empty(cohort[SITE])), SITE)
    counts = cohort[SAMPLE].value_counts(sort=False)
    repeated = [f"{shown(sample)} ({rows} rows)" for sample, rows in counts[counts > 1].items()]
    advice = f"Number the samples and put the patient into {PATIENT}."
    return problems + problems_about(f"Values of {SAMPLE} that occur more than once", repeated, advice)


def _unsafe_ids(cohort: pd.DataFrame, column: str) -> list[Problem]:
    unsafe = {text for text in cohort[column].unique() if not is_safe_id(text)}
    rows = np.flatnonzero(cohort[column].isin(unsafe))
    named = [f"{shown(cohort[column].iat[row])} in row {row + 1}" for row in rows]
    advice = f"Use up to {LONGEST_ID} of A-Z a-z 0-9 . _ - with no dot first, and no device name such as CON."
    return problems_about(f"Values of {column} that cannot be file names", named, advice)


def is_safe_id(text: str) -> bool:
    """Say whether an id can be the name of a file on every system.

    >>> is_safe_id("P-1"), is_safe_id("P 1"), is_safe_id("CON")
    (True, False, False)
    """
    return bool(_SAFE_ID.fullmatch(text)) and len(text) <= LONGEST_ID and not _RESERVED_ID.fullmatch(text)


def copied_samples(cohort: pd.DataFrame, labels: list[str]) -> list[Problem]:
    """Find copies among the rows that can be learned from; two equal questions to a model do no harm."""
    known = cohort[cohort[labels].notna().any(axis=1)].set_index(SAMPLE)
    features = [name for names in by_modality(known).values() for name in names if not belongs_to_image(name)]
    numbers = known[[name for name in features if pd.api.types.is_float_dtype(known[name])]]
    return [Problem.of(sentence) for sentence in copy_problems(numbers, known[PATIENT])]


def _number_problems(text: pd.DataFrame, cohort: pd.DataFrame, roles: Roles) -> list[Problem]:
    groups = roles.groups(text)
    numbers = [name for names in groups.values() for name in names if name in cohort and not is_file_column(name)]
    mask_labels = [name for name in numbers if belongs_to_image(name)]
    wrong = _cells(text, cohort, [name for name in numbers if name not in mask_labels], np.isfinite)
    advice = "Write numbers with a decimal point; leave unknown ones empty."
    if any(_THOUSANDS.search(cell) for cell in wrong):
        advice = "Write thousands without a comma (1000, not 1,000), decimals with a point; leave unknown ones empty."
    return [
        *problems_about("Cells that are not finite numbers", wrong, advice),
        *problems_about(
            "Mask labels that are not whole numbers above 0",
            _cells(text, cohort, mask_labels, _is_mask_label),
        ),
    ]


def _is_mask_label(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (values >= 1) & (values == np.floor(values))


def _cells(
    text: pd.DataFrame, cohort: pd.DataFrame, columns: list[str], allowed: Callable[[np.ndarray], np.ndarray]
) -> list[str]:
    """Name the cells that hold something not allowed; the first of each column come first."""
    named = []
    for column in columns:
        rows = np.flatnonzero(~allowed(cohort[column].to_numpy()))
        if rows.size:
            rows = rows[~is_empty(text[column].iloc[rows])]
            named.append([f"{column} of {shown(text[SAMPLE].iat[row])}: {text[column].iat[row]!r}" for row in rows])
    return [cell for wave in zip_longest(*named) for cell in wave if cell]


def _label_problems(cohort: pd.DataFrame, labels: Mapping[str, Label], n_folds: int | None) -> list[Problem]:
    problems = []
    for label in [name for name in labels if any(labels[name].classes)] if len(cohort) else ():
        known = cohort[cohort[label].notna()]
        if known.empty:
            advice = "Some rows must say it; of several outcomes, leave out one that is known of nobody."
            problems.append(Problem(f"No patient has a known {label}", advice=advice))
            continue
        problems += _small_classes(known, label, labels[label].classes, n_folds or 0)
    return problems


def _mixed_patients(cohort: pd.DataFrame, labels: Mapping[str, Label]) -> list[Problem]:
    problems = []
    for label in labels:
        classes = cohort[cohort[label].notna()].groupby(PATIENT, sort=False)[label].nunique()
        several = map(shown, classes.index[classes > 1])
        which = "both classes" if len(labels[label].classes) <= 2 else "several classes"
        problems += problems_about(f"Patients with {which} of {label}", several, OWN_LABELS)
    return problems


def _small_classes(known: pd.DataFrame, label: str, classes: tuple[str, ...], n_folds: int) -> list[Problem]:
    patients = {name: known.loc[known[label] == value, PATIENT].nunique() for value, name in enumerate(classes)}
    if n_folds and len(classes) == 2 and not all(patients.values()):
        advice = f"Both {' and '.join(classes)} are needed."
        return [Problem(f"Every known {label} is {max(patients, key=patients.get)}", advice=advice)]
    small = [f"{value} ({counted(count, 'patient')})" for value, count in patients.items() if count < n_folds]
    advice = "Use fewer folds, or add patients." if min(patients.values()) > 1 else "Add patients."
    return problems_about(f"Classes of {label} with fewer patients than the {n_folds} folds", small, advice)


def log_empty_features(cohort: pd.DataFrame) -> None:
    """Say how many cells are empty in rows where the modality's other features are there."""
    for modality, names in by_modality(cohort).items():
        features = [name for name in names if not belongs_to_image(name)]
        empty = cohort[features].isna().to_numpy(dtype=bool)
        count = int(empty[~empty.all(axis=1)].sum())
        if count and modality != CLINICAL:
            logger.info("%s: %d empty cells among ready features; training rows fill them.", modality, count)
