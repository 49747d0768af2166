"""``read_cohort``: a cohort table, checked whole; every later stage trusts what came through it.

A cohort table has one row per sample and these columns:

=====================================  ====================================================
``sample_id``                          file-name safe text, unique
``patient_id``                         the same for all samples of a patient; default: the sample
``site``                               optional text
labels                                 0 or 1, or two words or codes; empty: unknown
``<modality>__image``                  a path, relative to the table; empty: modality absent
``<modality>__mask`` or one ``mask``   a path; ``mask`` serves every modality without its own
``<modality>__mask_label``             optional: the label of the mask to use, per sample
``mask_regions``                       optional: which labels are which parts, ``NCR=1 ED=2 ET=4``
``mask_source``                        optional: who made the mask, where no expert did
``brain_mask``                         optional: a path
``<modality>__<anything else>``        a ready feature, a number
``clinical__<anything>``               a clinical number; ``clinical__sex`` also takes F and M
=====================================  ====================================================

pyradiomics' batch tables and BIDS ``participants.tsv`` are translated into this form first.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.tables import batch, columns, images, samples
from radiofuse.tables.cells import numbers_of
from radiofuse.tables.cohort_file import read_rows
from radiofuse.tables.header import column_problems
from radiofuse.tables.labels import Label
from radiofuse.tables.outcomes import AskedOutcome, asked_outcomes, columns_asked, naming_problems
from radiofuse.tables.participants import clinical_names, join_participants
from radiofuse.tables.problems import Problem, with_suggestions
from radiofuse.tables.reading_outcomes import read_outcome
from radiofuse.tables.roles import (
    BRAIN_MASK,
    MASK_REGIONS,
    MASK_SOURCE,
    OF_MASKS,
    PARTICIPANT,
    PATIENT,
    SAMPLE,
    SITE,
    Roles,
    is_file_column,
)
from radiofuse.tables.sex import SEX, codes_of_sex
from radiofuse.tables.text import unique_columns
from radiofuse.wording import some

logger = logging.getLogger(__name__)


def read_cohort(
    path: str | os.PathLike,
    *,
    labels: str | AskedOutcome | Sequence[str | AskedOutcome] | None = None,
    modalities: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] = (),
    participants: str | os.PathLike | None = None,
    n_folds: int | None = None,
    missing_files: str = "raise",
    label_per: str = "patient",
    missing: Sequence[str] = (),
    modality_pattern: str | None = None,
    others_allowed: bool = False,
    carried: Sequence[str] = (),
    need_masks: bool = True,
) -> pd.DataFrame:
    """Read a cohort table and check all of it once, listing every problem together.

    Parameters
    ----------
    path : path
        CSV or TSV (comma, semicolon or tab, whichever splits the header), UTF-8, gzip or not, or
        Parquet. A pyradiomics
        batch table (headers ``Image`` and ``Mask``; optional ``Label``, ``ID``, ``Modality``)
        and a BIDS ``participants.tsv`` are read as they are.
    labels : str, AskedOutcome, or list of these, optional
        Label columns; ``"grade=4"`` sets one value against all others. Of two other words or codes
        than 0 and 1 mutant, codeleted or methylated is the positive class, in a column of another name the
        second in ascending order. `AskedOutcome` says more:
        several classes, their order, their spellings. With labels, a column outside the grammar is
        a problem unless it is named in `ignore`; without, such columns are carried along as text.
    modalities : str or list of str, optional
        The modalities to keep; each must have a column. Default: all. ``clinical`` is not a
        modality, its columns are always kept.
    ignore : str or list of str
        Columns to leave out.
    participants : path, optional
        A BIDS ``participants.tsv`` (or any table with ``participant_id`` or ``patient_id``)
        whose columns are joined by patient, with or without the prefix ``sub-``. Its ``age``,
        ``sex`` and other numeric columns become clinical columns.
    n_folds : int, optional
        Each class of each label must have at least this many patients.
    missing_files : {"raise", "keep", "tell"}
        Whether a path that names no file is a problem here, or is left for the loop over
        samples to report; "tell" also says in the log where it was looked for.
    label_per : {"patient", "sample"}
        Whose the labels are: a patient has one of each, or each lesion or scan its own.
    missing : sequence of str
        Values of the labels that mean unknown.
    modality_pattern : str, optional
        A regular expression whose one named group, ``modality``, finds the modality in the names of
        columns: ``^(?P<modality>T[12])_`` reads ``T1_volume`` as ``t1__volume``. Columns in which it
        finds none are read as they are.
    others_allowed : bool, default=False
        With labels, whether columns outside the grammar are left out rather than a problem.
    carried : sequence of str
        Columns outside the grammar to carry along as text, such as the scanner, where labels are asked for.
    need_masks : bool, default=True
        Whether an image without a mask is a problem.

    Returns
    -------
    DataFrame of shape (n_samples, n_columns)
        ``sample_id``, ``patient_id``, ``site`` if given, labels (1.0 = positive, 0.0, or the place of
        one of several classes; NaN = unknown; ``attrs["outcomes"]`` has an `Outcome` for each); per
        modality ``<m>__image`` and ``<m>__mask`` (absolute paths, "" = absent),
        ``<m>__mask_label`` if given (NaN = not said), ready features; clinical numbers; text
        carried along. ``attrs["mask_label"]`` of a pyradiomics batch table is 1: the label of rows
        that name none, unless the extractor names one.

    Raises
    ------
    CohortError
        If anything is wrong; ``problems`` lists all of it, and ``items`` of a problem every
        cell concerned where the sentence names five.

    Notes
    -----
    A modality whose ready features are all empty in a row is absent there. Single empty cells
    beside filled ones are allowed, counted in the log, and imputed within each fold.
    ``clinical__sex`` is 0 for F, female or woman and 1 for M, male or man; unknown or other is an empty cell.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     table = Path(folder, "cohort.csv")
    ...     _ = table.write_text("sample_id,idh,t1__mean,clinical__sex\\n007,1,0.5,F\\nNA,,,M\\n")
    ...     cohort = read_cohort(table, labels="idh")
    >>> cohort[["sample_id", "idh", "t1__mean", "clinical__sex"]].to_dict("list")
    {'sample_id': ['007', 'NA'], 'idh': [1.0, nan], 't1__mean': [0.5, nan], 'clinical__sex': [0.0, 1.0]}
    >>> cohort.attrs["outcomes"][0].classes
    ('0', '1')
    """
    _require_one_of("missing_files", missing_files, ("raise", "keep", "tell"))
    _require_one_of("label_per", label_per, ("patient", "sample"))
    roles = Roles.of(
        columns_asked(labels),
        modalities=modalities,
        ignore=ignore,
        missing=missing,
        label_per=label_per,
        modality_pattern=modality_pattern,
        others_allowed=others_allowed,
        carried=carried,
    )
    text, ignored, attributes, problems = _read_joined(path, participants, roles)
    roles = roles.settled(text.columns)
    asked = asked_outcomes(labels, list(text.columns), missing)
    text, more_ignored, of_names = _in_grammar(text, modality_pattern, roles)
    misnamed = naming_problems(asked, list(text.columns))
    problems += of_names + misnamed
    text = _completed(text)
    outcomes = [read_outcome(text, one) for one in asked if one.column in text and not misnamed]
    read = {one.outcome.name: one.label for one in outcomes}
    cohort = _typed(text, roles, read, images.folder_of(path, text.columns))
    problems += samples.problems_of_rows(text, cohort, roles, read, n_folds)
    problems += images.image_problems(cohort, must_exist=missing_files == "raise", need_masks=need_masks)
    problems += samples.copied_samples(cohort, list(read))
    if problems:
        raise CohortError(f"Cohort table {path}", problems)
    _log(cohort, read, tell_missing=missing_files == "tell")
    left_out = {*ignored, *more_ignored, *roles.labels_in(roles.ignore)}
    _warn_of_unknown(set(roles.ignore) - left_out, list(text.columns))
    cohort.attrs |= attributes | ({"outcomes": [one.outcome for one in outcomes]} if outcomes else {})
    return cohort


def _require_one_of(argument: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        *others, last = (f'"{choice}"' for choice in choices)
        raise RequestError(f"{argument} must be {', '.join(others)} or {last}, not {value!r}.")


def _log(cohort: pd.DataFrame, labels: Mapping[str, Label], *, tell_missing: bool) -> None:
    """Say what is no problem, and what a reader of the numbers wants to know."""
    if tell_missing:
        for sentence in images.missing_files(images.images_of(cohort)):
            logger.warning(sentence)
    samples.log_empty_features(cohort)
    for note in (note for label in labels.values() for note in label.notes):
        logger.info(note)


def _warn_of_unknown(ignored: set[str], columns: list[str]) -> None:
    """Say which columns to leave out are not there: the one that was meant is used."""
    if ignored:
        named = some(with_suggestions(sorted(ignored), columns))
        logger.warning("Columns under ignore that the table lacks: %s. Correct or delete the names.", named)


def _read_joined(
    path: str | os.PathLike, participants: str | os.PathLike | None, roles: Roles
) -> tuple[pd.DataFrame, list[str], dict[str, int], list[Problem]]:
    """Read a table, and join to it what another says of its patients."""
    text, ignored, attributes, problems = _read_translated(path, roles)
    if participants is None:
        return text, ignored, attributes, problems
    text, of_people, of_join = join_participants(text, participants, roles)
    return text, ignored + of_people, attributes, problems + of_join


def _read_translated(
    path: str | os.PathLike, roles: Roles
) -> tuple[pd.DataFrame, list[str], dict[str, int], list[Problem]]:
    """Read a table; bring pyradiomics' and BIDS' headers into the grammar, and say what they imply."""
    rows, ignored, problems = read_rows(path, f"Cohort table {path}", roles)
    translated, attributes, of_batch = rows, {}, []
    if {"Image", "Mask"} <= set(rows.columns):
        translated, of_batch = batch.from_batch(rows)
        attributes = {"mask_label": batch.MASK_LABEL}
    elif PARTICIPANT in rows and SAMPLE not in rows:
        translated = clinical_names(rows, roles).rename(columns={PARTICIPANT: SAMPLE})
    translated, twice = unique_columns(translated)
    return translated, ignored, attributes, problems + of_batch + twice


def _in_grammar(
    text: pd.DataFrame, modality_pattern: str | None, roles: Roles
) -> tuple[pd.DataFrame, list[str], list[Problem]]:
    """Rename by the pattern, leave out what is then to be ignored, and return that and what is outside the grammar."""
    problems: list[Problem] = []
    if modality_pattern is not None:
        text, problems = _renamed(text, modality_pattern, roles)
    ignored = [name for name in text if roles.is_ignored(name)]
    text = text.drop(columns=ignored)
    return text, ignored, problems + column_problems(list(text.columns), roles)


def _completed(text: pd.DataFrame) -> pd.DataFrame:
    """Give every row its ids, and numbers for the words of ``clinical__sex``."""
    text = text.copy(deep=False)
    if SAMPLE not in text:  # a problem by now; the rows still need names for the others
        text[SAMPLE] = [f"row-{row + 1}" for row in range(len(text))]
    if PATIENT not in text:
        text[PATIENT] = text[SAMPLE]
    if SEX in text:
        text[SEX] = codes_of_sex(text[SEX])
    return text


def _typed(text: pd.DataFrame, roles: Roles, labels: Mapping[str, Label], folder: str) -> pd.DataFrame:
    """Return the table that stages work on; what cannot be a number is NaN."""
    values = {SAMPLE: text[SAMPLE], PATIENT: text[PATIENT]}
    if SITE in text:
        values[SITE] = text[SITE].str.strip()
    values |= {name: text[name].str.strip() for name in roles.carried if name in text and columns.split(name) is None}
    values |= {name: text[name].str.strip() for name in (MASK_REGIONS, MASK_SOURCE) if name in text}
    if BRAIN_MASK in text:
        values[BRAIN_MASK] = images.absolute(text[BRAIN_MASK], folder)
    values |= {name: label.y for name, label in labels.items()}
    for modality, names in roles.groups(text).items():
        if modality != columns.CLINICAL and columns.join(modality, "image") in names:
            values |= images.paths_of(text, modality, folder)
        values |= {name: numbers_of(text[name]) for name in names if not is_file_column(name)}
    if roles.labels is None:
        values |= {name: text[name] for name in roles.outside(text)}
    return pd.DataFrame(values, index=text.index)


def _renamed(text: pd.DataFrame, pattern: str, roles: Roles) -> tuple[pd.DataFrame, list[Problem]]:
    """Bring the columns in whose names a pattern finds a modality into the grammar."""
    plain = {SAMPLE, PATIENT, SITE, *OF_MASKS, *roles.carried, *(roles.labels or ())}
    names = [name for name in text if name not in plain]
    renamed = columns.renamed_by(columns.modality_pattern(pattern), names)
    if not renamed:
        advice = "Correct it, or leave it out."
        return text, [Problem(f"The modality pattern {pattern!r} finds no modality in any column", names, advice)]
    text, twice = unique_columns(text.rename(columns=renamed))
    logger.info(columns.count_by_modality(text.columns))
    return text, twice
