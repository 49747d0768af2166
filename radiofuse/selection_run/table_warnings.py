"""What a reader of a table must know: its constants and twins, and columns that may know the label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.tables.features import FeatureTable
from radiofuse.tables.labels import count_classes
from radiofuse.wording import counted, some

TWIN = 1e-9  # how far apart projections of the same standardized column may lie
LEAKING_AUC = 0.99
TIES_BY_CHANCE = 10  # pairs of equal values expected of whole numbers drawn at random; none: they were handed out
FEWEST_NUMBERED = 20
_OF = r"(patient|subject|case|sample|study|series|scan|record|accession|participant|device|station|scanner)"
_ID_NAME = re.compile(
    rf"{_OF}?_?(id|mrn|uid)_?\d*|case|{_OF}_(number|no|nr)|(\w+_)?serial(_?(number|no|nr))?"
    r"|(study|series|scan|acquisition|content|visit|exam|birth)?_?(date|timestamp|datetime)"
)
ENDS = (np.minimum, np.inf), (np.maximum, -np.inf)
CODES_OF_UNKNOWN = (9, 99, 999, 9999, 99999)  # with either sign, where a program has no empty cell
LONG = 1e8  # whole numbers of nine digits and more, all of one length: codes, hashes, seconds since 1970
_NO_LETTER = re.compile(r"[\W_]+")


def describe_table(table: FeatureTable) -> list[str]:
    """Return what was read, as sentences: samples, classes, and per modality its columns and gaps."""
    lines = [count_classes(table.y, table.patients, table.label, table.classes)]
    for name in table.modalities:
        X, present = table.modality(name)
        lines.append(f"{name}: {counted(X.shape[1], 'feature')}{_oddities(X, len(table.y) - len(present))}.")
    if len(table.covariates.columns):
        lines.append(f"Covariates: {some(table.covariates.columns)}.")
    if len(np.unique(table.patients)) < len(table.y):
        lines.append("Patients have several samples; p-values take samples as independent, read them with care.")
    return lines


def _oddities(X: pd.DataFrame, n_absent: int) -> str:
    values = X.to_numpy()
    constant = np.nanmin(values, axis=0) == np.nanmax(values, axis=0)
    scaled, _ = unit_magnitude(values)
    nearly = ~constant & is_constant(np.nanstd(scaled, axis=0), np.nanmean(scaled, axis=0))
    twins = twin_pairs(values[:, ~constant & ~nearly])
    n_empty = int(np.isnan(values).sum())
    oddities = [
        (X.shape[1] == 1, "nothing to choose from"),
        (n_absent, f"absent in {counted(n_absent, 'sample')}"),
        (n_empty, f"{counted(n_empty, 'empty cell')}, imputed by the median of the training rows"),
        (constant.any(), f"{constant.sum()} constant ({some(X.columns[constant])})"),
        (nearly.any(), f"{nearly.sum()} constant but for rounding ({some(X.columns[nearly])})"),
        (len(twins), f"{len(twins)} equal to an earlier one up to scale and shift"),
    ]
    parts = [text for applies, text in oddities if applies]
    return f"; {'; '.join(parts)}" if parts else ""


def twin_pairs(values: np.ndarray) -> np.ndarray:
    """Return pairs of columns that are equal up to scale, shift and sign; n equal ones make n - 1 pairs.

    Standardized columns are compared by their projections on a direction, sorted, and neighbors by every
    value: no correlation matrix is built.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        No column is constant; NaN counts as the column's mean.

    Examples
    --------
    >>> twin_pairs(np.array([[1.0, 5.0, -1.0], [2.0, 1.0, -2.0], [4.0, 2.0, -4.0]])).tolist()
    [[0, 2]]
    """
    if not values.size:
        return np.empty((0, 2), int)
    scaled, _ = unit_magnitude(values)
    centered = np.nan_to_num(scaled - np.nanmean(scaled, axis=0))
    lengths = np.linalg.norm(centered, axis=0)
    centered = centered / np.where(lengths > 0, lengths, 1.0)
    # Always the same direction, so that a table has the same pairs each time.
    direction = np.random.default_rng(0).normal(size=len(values))
    projection = direction @ centered
    # A mirrored column is a twin too.
    centered *= np.sign(projection)
    projection = np.abs(projection)
    order = np.argsort(projection, kind="stable")
    close = np.flatnonzero(np.diff(projection[order]) < TWIN)
    pairs = np.sort(np.column_stack([order[close], order[close + 1]]), axis=1)
    same = np.abs(centered[:, pairs[:, 0]] - centered[:, pairs[:, 1]]).max(axis=0, initial=0.0) < TWIN
    return pairs[same]


def leak_warnings(table: FeatureTable, modality: str, auc: np.ndarray) -> list[str]:
    """Return sentences on the features of a modality that may know the label or the site otherwise than from images.

    Parameters
    ----------
    table : FeatureTable
    modality : str
    auc : ndarray of shape (n_features,)
        Of each feature alone.
    """
    X, present = table.modality(modality)
    separating = X.columns[np.maximum(auc, 1 - auc) > LEAKING_AUC]
    sentences = [
        f"{modality}: {sentence}" for sentence in _knowing(X.columns, separating, table.label, len(table.classes))
    ]
    identifiers = identifier_columns(X)
    if identifiers:
        verb = "looks like an identifier" if len(identifiers) == 1 else "look like identifiers"
        sentences.append(f"{modality}: {some(identifiers)} {verb}, whose order may know the label.")
    if table.sites is not None and len(np.unique(table.sites[present])) > 1:
        of_site = X.groupby(table.sites[present])
        spread = of_site.max() - of_site.min()
        fixed = X.columns[((spread == 0) | spread.isna()).all(axis=0) & (X.max() > X.min())]
        if len(fixed):
            verb = "is" if len(fixed) == 1 else "are"
            sentences.append(f"{modality}: {some(fixed)} {verb} the same within each site and differs between them.")
    return [f"{sentence} If that is no image feature, leave it out with --ignore." for sentence in sentences]


def identifier_columns(X: pd.DataFrame) -> list[str]:
    """Return the columns that look like numbers handed out to patients, whatever they say of the label.

    By name, or whole numbers of which no two are equal where chance would make some so: in steps of one size, or
    as dense as the numbers of a register; or days as 20240229, or long numbers of one length.

    Examples
    --------
    >>> identifier_columns(pd.DataFrame({"PatientID": [7.0, 3.0], "volume": [1.0, 2.0]}))
    ['PatientID']
    """
    return [name for name in X.columns if _named_as_id(name) or _handed_out(X[name].dropna().to_numpy())]


def _named_as_id(name: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", name).strip("_").lower()
    return _ID_NAME.fullmatch(words) is not None


def _handed_out(values: np.ndarray) -> bool:
    """Say whether values are whole numbers without a tie, where as many drawn from their range would have ten."""
    if len(values) < FEWEST_NUMBERED or (values != np.floor(values)).any():
        return False
    if _are_days(values) or (len(np.unique(values)) == len(values) and _are_long(values)):
        return True
    # From there on doubles leave whole numbers out, and steps mean nothing.
    if np.abs(values).max() > 2**53:
        return False
    steps = np.diff(np.sort(values)).astype(np.int64)
    if not steps.all():
        return False
    # A register may count in tens.
    places = steps.sum() // np.gcd.reduce(steps) + 1
    return bool(len(values) == places or len(values) * (len(values) - 1) / (2 * places) >= TIES_BY_CHANCE)


def _are_days(values: np.ndarray) -> bool:
    """Say whether whole numbers are days written as 20240229, of more than one day."""
    if values.min() < 19000101 or values.max() > 21001231 or values.min() == values.max():
        return False
    month, day = np.divmod(values % 10000, 100)
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def _are_long(values: np.ndarray) -> bool:
    return bool(values.min() >= LONG and len(np.unique(np.floor(np.log10(values)))) == 1)


def covariate_warnings(table: FeatureTable) -> list[str]:
    """Return sentences on the covariates that may be the label in other words."""
    separating = separating_columns(table.covariates, table.y)
    found = _knowing(table.covariates.columns, separating, table.label, len(table.classes))
    advice = "If it is not known before the label is, leave it out of --covariates."
    return [f"Covariates: {sentence} {advice}" for sentence in found]


def column_warnings(X: pd.DataFrame, y: np.ndarray, label: str) -> list[str]:
    """Return sentences on the columns of a cohort table that may know the label otherwise than from images.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Ready-made features and clinical numbers.
    y : ndarray of shape (n_samples,)
        1 for the positive class, else 0.
    label : str
        The label's column.

    Examples
    --------
    >>> column_warnings(pd.DataFrame({"clinical__mutated": [5.0, 3.0, 5.0]}), np.array([1, 0, 1]), "idh")[0][:44]
    'clinical__mutated alone separates the classe'
    """
    found = _knowing(X.columns, separating_columns(X, y), label)
    advice = "What is not known before the label is belongs under ignore in the recipe."
    return [f"{sentence} {advice}" for sentence in found]


def code_warnings(X: pd.DataFrame) -> list[str]:
    """Return a sentence on the columns whose extreme is a code for unknown: repeated, and far from all other values.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Numbers; NaN is unknown.

    Examples
    --------
    >>> code_warnings(pd.DataFrame({"clinical__age": [61.0, -999.0, 47.0, -999.0]}))[0][:54]
    'Far from all other values: -999 in 2 rows of clinical_'
    """
    values = X.to_numpy(dtype=np.float64)
    extremes = (ends.reduce(values, axis=0, where=np.isfinite(values), initial=start) for ends, start in ENDS)
    found = [
        f"{code:.0f} in {times} rows of {X.columns[at]}"
        for extreme in extremes
        for at in np.flatnonzero(np.isin(np.abs(extreme), CODES_OF_UNKNOWN))
        for code, times in [(extreme[at], int((values[:, at] == extreme[at]).sum()))]
        if times > 1 and _lies_apart(code, values[np.isfinite(values[:, at]), at])
    ]
    return [f"Far from all other values: {some(found)}. If that means unknown, empty these cells."] if found else []


def _lies_apart(code: float, values: np.ndarray) -> bool:
    """Compare the distance to the nearest other value with the range of the others."""
    others = values[values != code]
    return len(others) > 1 and np.abs(others - code).min() > np.ptp(others) > 0


def separating_columns(X: pd.DataFrame, y: np.ndarray) -> list[str]:
    """Return the columns that alone rank nearly all samples of a class above, or below, the others."""
    if X.empty:
        return []
    targets = [y] if y.max() < 2 else [y == place for place in np.unique(y)]
    auc = np.array([mann_whitney(X, target).auc for target in targets])
    return list(X.columns[(np.fmax(auc, 1 - auc) > LEAKING_AUC).any(axis=0)])


def _knowing(names: Iterable[str], separating: Sequence[str], label: str, n_classes: int = 2) -> list[str]:
    """Return what says that columns know the label: an AUC, a name."""
    named = [name for name in names if _contains(name, label)]
    found = []
    if len(separating):
        verb = "separates" if len(separating) == 1 else "each separate"
        classes = "the classes" if n_classes == 2 else "a class from the others"
        found.append(f"{some(separating)} alone {verb} {classes} (AUC above {LEAKING_AUC}).")
    if named:
        found.append(f"{some(named)} bear{'s' if len(named) == 1 else ''} the name of the label.")
    return found


def _contains(name: str, label: str) -> bool:
    plain = _NO_LETTER.sub("", label.lower())
    return len(plain) > 2 and plain in _NO_LETTER.sub("", name.lower())
