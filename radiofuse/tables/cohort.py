"""``read_cohort``: the one door for cohort tables; every later stage trusts what came through it.

A cohort table has one row per sample and these columns:

=====================================  ====================================================
``sample_id``                          file-name safe text, unique
``patient_id``                         the same for all samples of a patient; default: the sample
``site``                               optional text
labels                                 0 or 1, or two words or codes; empty: unknown
``<modality>__image``                  a path, relative to the table; empty: modality absent
``<modality>__mask`` or one ``mask``   a path; ``mask`` serves every modality without its own
``<modality>__mask_label``             optional: the label of the mask to use, per sample
``<modality>__<anything else>``        a ready feature, a number
``clinical__<anything>``               a clinical number; ``clinical__sex`` also takes F and M
=====================================  ====================================================

pyradiomics' batch tables and BIDS ``participants.tsv`` are translated into this form first.
"""

from __future__ import annotations

import csv
import difflib
import io
import logging
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError, RequestError
from radiofuse.files.paths import describe_absent, in_form_on_disk, is_of_windows, with_home
from radiofuse.files.stand_ins import describe_stand_in
from radiofuse.tables.cells import Codes, any_field_length, is_empty
from radiofuse.tables.columns import (
    CLINICAL,
    CROP,
    SEPARATOR,
    by_modality,
    count_by_modality,
    is_modality,
    join,
    modality_pattern,
    renamed_by,
    split,
)
from radiofuse.tables.copies import copy_problems
from radiofuse.tables.labels import BinaryLabel, as_entry, column_and_class
from radiofuse.tables.spreadsheet import as_meant
from radiofuse.wording import some

logger = logging.getLogger(__name__)

SAMPLE, PATIENT, SITE, MASK = "sample_id", "patient_id", "site", "mask"
PARTICIPANT = "participant_id"  # BIDS
FILES = ("image", "mask")
NOT_FEATURES = (*FILES, "mask_label")
BATCH_LABEL = 1  # what pyradiomics takes where a batch table names no label
SEX = {"f": "0", "female": "0", "m": "1", "male": "1"}
LONGEST_ID = 128
LONGEST_SHOWN = 60

FOLDER_ADVICE = (
    "Name a CSV file with one row per sample that names the images; radiofuse datasets phantom DIR writes an example."
)
OWN_LABELS = (
    'A patient has one label; if each lesion or scan has its own, say label_per = "sample", and folds stay by patient.'
)

_Names = str | Sequence[str] | None

_SAFE_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_RESERVED_ID = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names on Windows
_THOUSANDS = re.compile(r"'[-+]?\d{1,3}(,\d{3})+(\.\d*)?'")
_NEAR_MISS = re.compile(r"([A-Za-z0-9]+)[_ .-]+(image|mask)", re.IGNORECASE)


def read_cohort(
    path: str | os.PathLike,
    *,
    labels: str | Sequence[str] | None = None,
    modalities: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] = (),
    participants: str | os.PathLike | None = None,
    n_folds: int | None = None,
    missing_files: str = "raise",
    label_per: str = "patient",
    missing: Sequence[str] = (),
    modality_pattern: str | None = None,
) -> pd.DataFrame:
    """Read a cohort table and check all of it once, listing every problem together.

    Parameters
    ----------
    path : path
        CSV or TSV (comma, semicolon or tab, whichever splits the header), UTF-8. A pyradiomics
        batch table (headers ``Image`` and ``Mask``; optional ``Label``, ``ID``, ``Modality``)
        and a BIDS ``participants.tsv`` are read as they are.
    labels : str or list of str, optional
        Label columns; ``"grade=4"`` sets one value against all others. Of two other words or codes
        than 0 and 1 the second in ascending order is the positive class. With labels, a column
        outside the grammar is a problem unless it is named in `ignore`; without, such columns are
        carried along as text.
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

    Returns
    -------
    DataFrame of shape (n_samples, n_columns)
        ``sample_id``, ``patient_id``, ``site`` if given, labels (1.0 = positive, 0.0, NaN = unknown;
        ``attrs["classes"]`` has the two classes of each, the positive one last); per
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
    ``clinical__sex`` is 0 for F or female and 1 for M or male.

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
    >>> cohort.attrs["classes"]
    {'idh': ('0', '1')}
    """
    if missing_files not in ("raise", "keep", "tell"):
        raise RequestError(f'missing_files must be "raise", "keep" or "tell", not {missing_files!r}.')
    if label_per not in ("patient", "sample"):
        raise RequestError(f'label_per must be "patient" or "sample", not {label_per!r}.')
    wanted = _Wanted.of(labels, modalities, ignore)
    text, attributes, problems = _read_translated(path, wanted)
    if participants is not None:
        text, found = _join_participants(text, participants, wanted)
        problems += found
    wanted = wanted.settled(text.columns)
    if modality_pattern is not None:
        text, found = _renamed(text, modality_pattern, wanted)
        problems += found
    problems += _column_problems(list(text.columns), wanted)
    text = _completed(text)
    labels = {name: _read_label(text, name, wanted.positive[name], missing) for name in wanted.labels_in(text)}
    cohort = _typed(text, wanted, labels, _folder_of(path, text.columns))
    problems += _id_problems(cohort)
    problems += _number_problems(text, cohort, wanted)
    problems += [Problem.of(sentence) for label in labels.values() for sentence in label.problems]
    if label_per == "patient":
        problems += _mixed_patients(cohort, labels)
    problems += _label_problems(cohort, labels, n_folds)
    problems += _image_problems(cohort, must_exist=missing_files == "raise")
    problems += _copies(cohort, wanted.labels_in(text))
    if problems:
        raise CohortError(f"Cohort table {path}", problems)
    if missing_files == "tell":
        for sentence in _missing_files(_images(cohort)):
            logger.warning(sentence)
    _log_empty_features(cohort)
    for note in (note for label in labels.values() for note in label.notes):
        logger.info(note)
    cohort.attrs |= attributes | (
        {"classes": {name: label.classes for name, label in labels.items()}} if labels else {}
    )
    return cohort


def named_files(cohort: pd.DataFrame) -> list[Path]:
    """Return every image and mask that a cohort table names, as `read_cohort` returns it."""
    files = [column for column in cohort if (split(column) or ("", ""))[1] in FILES]
    return [Path(cell) for column in files for cell in cohort[column] if cell]


class Problem(str):
    """One sentence about the table; ``items`` keeps every cell it is about."""

    items: tuple[str, ...]

    def __new__(cls, what: str, items: Iterable[str] = (), advice: str = "") -> Problem:
        items = tuple(items)
        named = f": {some(items)}" if items else ""
        problem = super().__new__(cls, f"{what}{named}.{' ' + advice if advice else ''}")
        problem.items = items
        return problem

    @classmethod
    def of(cls, sentence: str) -> Problem:
        """Return a sentence that another room wrote as a problem without cells; a problem as it is."""
        if isinstance(sentence, Problem):
            return sentence
        problem = super().__new__(cls, sentence)
        problem.items = ()
        return problem


def _shown(text: str) -> str:
    """Return ``text`` as a sentence can hold it: quoted unless plain, shortened if long."""
    if _SAFE_ID.fullmatch(text) and len(text) <= LONGEST_SHOWN:
        return text
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def _problems(what: str, items: Iterable[str], advice: str = "") -> list[Problem]:
    """Return one problem about ``items``, or none where there are no items."""
    items = tuple(items)
    return [Problem(what, items, advice)] if items else []


@dataclass(frozen=True)
class _Wanted:
    """What the caller asked of the table; ``labels`` None: carry unknown columns along."""

    labels: tuple[str, ...] | None
    modalities: tuple[str, ...] | None
    ignore: frozenset[str]
    asked: tuple[str, ...] = ()  # labels as the caller wrote them, such as grade=4
    positive: Mapping[str, str | None] = field(default_factory=dict)  # the class named for a label, once settled

    @classmethod
    def of(cls, labels: _Names, modalities: _Names, ignore: _Names) -> _Wanted:
        """Return what is wanted of a table whose header is not known: a label may be called grade=4, or grade."""
        asked, modalities = _names(labels), _names(modalities)
        spellings = None if asked is None else (*asked, *(one.rpartition("=")[0] for one in asked if "=" in one))
        return cls(spellings, modalities, frozenset(_names(ignore) or ()) - frozenset(spellings or ()), asked or ())

    def settled(self, columns: Iterable[str]) -> _Wanted:
        """Return the same with the labels as the table calls them."""
        if self.labels is None:
            return self
        named = [column_and_class(one, list(columns)) for one in self.asked]
        positive = dict(named)
        if len(positive) < len(named):
            raise RequestError(f"labels are {', '.join(self.asked)}; name each column once.")
        return replace(self, labels=tuple(positive), positive=positive)

    def labels_in(self, columns: Iterable[str]) -> list[str]:
        return [column for column in columns if column in (self.labels or ())]

    def groups(self, columns: Iterable[str]) -> dict[str, list[str]]:
        """Group the columns to keep by modality, ``clinical`` last."""
        groups = by_modality(column for column in columns if column not in (self.labels or ()))
        clinical = groups.pop(CLINICAL, [])
        kept = {name: groups[name] for name in groups if self.modalities is None or name in self.modalities}
        return kept | ({CLINICAL: clinical} if clinical else {})

    def outside(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that the grammar does not know."""
        plain = {SAMPLE, PATIENT, SITE, MASK, *(self.labels or ())}
        return [column for column in columns if column not in plain and split(column) is None]


def _names(given: _Names) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


# ---------------------------------------------------------------- the file


def _read_translated(path: str | os.PathLike, wanted: _Wanted) -> tuple[pd.DataFrame, dict[str, int], list[Problem]]:
    """Read a table as text; bring pyradiomics' and BIDS' headers into the grammar, and say what they imply."""
    text, problems = _read_text(path, f"Cohort table {path}", wanted.ignore)
    translated, attributes, found = text, {}, []
    if {"Image", "Mask"} <= set(text.columns):
        translated, found = _from_batch(text)
        attributes = {"mask_label": BATCH_LABEL}
    elif PARTICIPANT in text and SAMPLE not in text:
        translated = _clinical_names(text, wanted).rename(columns={PARTICIPANT: SAMPLE})
    translated, twice = _unique_columns(translated)
    return translated, attributes, problems + found + twice


def _read_text(path: str | os.PathLike, source: str, ignore: frozenset[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Return every cell as the text it is, without the ignored columns, and problems of the header."""
    content = _decoded(Path(path), source)
    delimiter = _delimiter(content)
    _check_shape(content, delimiter, source)
    cells = pd.read_csv(io.StringIO(content, newline=""), sep=delimiter, header=None, dtype=str, keep_default_na=False)
    rows = cells.iloc[1:].fillna("")  # a line of blanks has no second field
    filled = (rows.apply(lambda column: column.str.strip()) != "").any(axis=1)
    rows = rows[filled].reset_index(drop=True)  # spreadsheets leave rows of bare commas
    text, problems = _named_columns(as_meant(rows.set_axis(cells.iloc[0].str.strip(), axis=1)))
    if not len(text):
        problems.append(Problem("There are no rows", advice="One row per sample was expected below the header."))
    return text.drop(columns=[column for column in text if column in ignore]), problems


def _decoded(path: Path, source: str) -> str:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CohortError(source, [Problem.of(describe_absent(path, "table"))]) from None
    except IsADirectoryError:
        raise _refusal(source, "It is a folder", FOLDER_ADVICE) from None
    except OSError as error:
        raise _refusal(source, f"It cannot be read: {error.strerror}", "Check the path.") from None
    if told := describe_stand_in(path.name, raw, "table"):
        raise CohortError(source, [Problem.of(told)])
    advice = "Save it as CSV, encoded in UTF-8."
    if raw.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise _refusal(source, "It is a workbook or an archive, not text", advice)
    if b"\0" in raw:
        raise _refusal(source, "It holds NUL bytes: UTF-16, or not text at all", advice)
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refusal(source, f"It is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line})", advice) from None
    if not content.strip():
        raise _refusal(source, "It is empty", "A header line and one row per sample were expected.")
    if content.lower().startswith("sep="):
        first = content.splitlines()[0]
        raise _refusal(source, f"Its first line is {first!r}, not the names of the columns", "Delete that line.")
    return content.lstrip("\r\n")


def _refusal(source: str, what: str, advice: str, items: Iterable[str] = ()) -> CohortError:
    """Return the error about a file that is no table, where looking further is in vain."""
    return CohortError(source, [Problem(what, items, advice)])


def _delimiter(content: str) -> str:
    """Return whichever of comma, tab and semicolon splits the header into most fields."""
    header = next(iter(io.StringIO(content, newline="")))
    with any_field_length():
        return max(",\t;", key=lambda sign: len(next(csv.reader([header], delimiter=sign))))


def _check_shape(content: str, delimiter: str, source: str) -> None:
    """Raise where a row has more or fewer fields than the header; pandas fills short rows silently."""
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        with any_field_length():
            expected = len(next(rows))
            filled = ((rows.line_num, row) for row in rows if any(cell.strip() for cell in row))
            ragged = [f"line {number} has {len(row)}" for number, row in filled if len(row) != expected]
    except csv.Error as error:
        raise _refusal(source, f"Line {rows.line_num} cannot be read: {error}", "Check its quotes.") from None
    if ragged:
        what = f"The header has {expected} fields, other lines do not"
        raise _refusal(source, what, "Check for missing or extra separators and quotes.", ragged)


def _named_columns(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Drop columns without a name, which is a problem if they hold anything."""
    nameless = np.flatnonzero(text.columns == "")
    filled = [f"column {at + 1}" for at in nameless if (text.iloc[:, at] != "").any()]
    problems = _problems("Columns without a name", filled, "Name or delete them.")
    text, twice = _unique_columns(text.loc[:, text.columns != ""])
    return text, problems + twice


def _unique_columns(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Keep the first of the columns that share a name."""
    again = text.columns.duplicated()
    twice = map(_shown, text.columns[again].unique())
    return text.loc[:, ~again], _problems("Columns that occur more than once", twice, "Keep one of each name.")


# ---------------------------------------------------------------- other people's tables


def _from_batch(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Translate pyradiomics' batch table: one row per image, or per sample and ``Modality``."""
    given = next((name for name in (SAMPLE, "ID", "case") if name in text), None)
    if given is None and "Modality" in text:
        advice = "Add a column ID that is the same for all images of a sample."
        return text.iloc[:0], [Problem("A batch table with Modality needs an ID", advice=advice)]
    ids = text["Image"].map(_stem) if given is None else text[given]
    text = text.drop(columns=[given] if given else []).assign(**{SAMPLE: ids})
    if "Modality" in text:
        return _from_long_batch(text)
    return text.rename(columns=_batch_names("image")), []


def _stem(image: str) -> str:
    """Return the name of an image file without folders and without ``.nii.gz`` and the like."""
    return PureWindowsPath(image.strip().removesuffix(".gz")).stem  # either system's separators


def _batch_names(modality: str) -> dict[str, str]:
    things = {"Image": "image", "Mask": "mask", "Label": "mask_label"}
    return {header: join(modality, thing) for header, thing in things.items()}


def _from_long_batch(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Put the rows of a sample beside each other, each under its modality."""
    modality = text["Modality"].str.lower().str.replace(r"[^a-z0-9]", "", regex=True)
    good = modality.map(is_modality).astype(bool)
    repeated = good & pd.DataFrame({"id": text[SAMPLE], "modality": modality}).duplicated()
    own = [name for name in ("Image", "Mask", "Label") if name in text]
    shared = text.drop(columns=[*own, "Modality"])
    blocks = [shared.drop_duplicates(SAMPLE).set_index(SAMPLE)]
    for name in modality[good].unique():
        rows = text[(modality == name) & ~repeated].set_index(SAMPLE)
        blocks.append(rows[own].rename(columns=_batch_names(name)))
    wide = pd.concat(blocks, axis=1).fillna("").rename_axis(SAMPLE).reset_index()
    named = (f"{_shown(text[SAMPLE][row])} {modality[row]}" for row in np.flatnonzero(repeated))
    return wide, [
        *_problems("Modality must begin with a letter", map(_shown, text["Modality"][~good]), "Use names such as t1."),
        *_problems("Rows that repeat a sample and modality", named, "Keep one row of each."),
        *_disagreements(shared),
    ]


def _disagreements(shared: pd.DataFrame) -> list[Problem]:
    """List what differs between the rows of one sample and should not."""
    counts = shared.groupby(SAMPLE, sort=False).nunique()
    cells = [f"{column} of {_shown(sample)}" for column in counts for sample in counts.index[counts[column] > 1]]
    return _problems("Values that differ between rows of one sample", cells, "Each sample has one value per column.")


def _clinical_names(text: pd.DataFrame, wanted: _Wanted) -> pd.DataFrame:
    """Move ``age``, ``sex`` and other numeric columns of a BIDS table into the grammar."""
    outside = [column for column in wanted.outside(text.columns) if column != PARTICIPANT]
    chosen = [column for column in outside if column in ("age", "sex") or _is_numeric(text[column])]
    if chosen:
        logger.info("Taken as clinical columns: %s.", ", ".join(chosen))
    return text.rename(columns={column: join(CLINICAL, column) for column in chosen})


def _is_numeric(cells: pd.Series) -> bool:
    missing = is_empty(cells)
    return not missing.all() and bool(np.isfinite(_numbers(cells[~missing])).all())


def _join_participants(
    text: pd.DataFrame, path: str | os.PathLike, wanted: _Wanted
) -> tuple[pd.DataFrame, list[Problem]]:
    """Add the columns of a participants table by patient."""
    people, problems = _read_text(path, f"Participants table {path}", wanted.ignore)
    key = next((name for name in (PARTICIPANT, PATIENT) if name in people), None)
    own = next((name for name in (PATIENT, SAMPLE) if name in text), None)
    if key is None:
        return text, [*problems, Problem(f"{path} cannot be joined", advice=f"It needs a column {PARTICIPANT}.")]
    if own is None:  # a problem of the cohort table, named among its columns
        return text, problems
    people = _clinical_names(people.assign(**{key: people[key].str.removeprefix("sub-")}), wanted)
    people, found = _unique_columns(people)
    problems += found
    patients = text[own].str.removeprefix("sub-")
    problems += _join_problems(text, patients, people, key)
    added = [column for column in people.columns if column != key and column not in text]
    logger.info("Participants joined by patient: %d of %d samples.", patients.isin(people[key]).sum(), len(patients))
    rows = people.drop_duplicates(key).set_index(key)[added].reindex(patients).fillna("")
    return pd.concat([text, rows.set_axis(text.index)], axis=1), problems


def _join_problems(text: pd.DataFrame, patients: pd.Series, people: pd.DataFrame, key: str) -> list[Problem]:
    ids = people[key]
    extra = ids[~ids.isin(patients)]
    if len(extra):
        logger.info("Participants without a row in the cohort: %s.", some([_shown(one) for one in extra]))
    absent = patients[~patients.isin(ids)].unique()
    twice = ids[ids.duplicated()].unique()
    both = [column for column in people.columns if column != key and column in text]
    return [
        *_problems(
            "Patients that the participants table lacks",
            map(_shown, absent),
            "Add a row for each; cells may be empty.",
        ),
        *_problems("Participants listed more than once", map(_shown, twice), "Keep one row of each."),
        *_problems("Columns in both the cohort and the participants table", both, "Keep one of each."),
    ]


# ---------------------------------------------------------------- text to values


def _completed(text: pd.DataFrame) -> pd.DataFrame:
    """Give every row its ids, and numbers for the words of ``clinical__sex``."""
    text = text.copy(deep=False)
    if SAMPLE not in text:  # a problem by now; the rows still need names for the others
        text[SAMPLE] = [f"row-{row + 1}" for row in range(len(text))]
    if PATIENT not in text:
        text[PATIENT] = text[SAMPLE]
    sex = join(CLINICAL, "sex")
    if sex in text:
        text[sex] = text[sex].map(lambda cell: SEX.get(cell.strip().lower(), cell))
    return text


def _read_label(text: pd.DataFrame, name: str, positive: str | None, missing: Sequence[str]) -> BinaryLabel:
    """Return a label of 0 and 1, or of two other words or codes; where 0 and 1 are among more, the others are named."""
    cells = text[name]
    codes = Codes.of(cells, missing)
    if positive is not None or not (set(codes.known) <= {"0", "1"} or {"0", "1"} <= set(codes.known)):
        label = BinaryLabel.of(cells, positive, missing, write=as_entry)
        return replace(label, problems=[*label.problems, *spelling_problems(label.values, name)])
    y = _numbers(codes.rows)
    wrong = np.flatnonzero(codes.rows.notna() & ~y.isin((0, 1)))
    named = [f"{name} of {_shown(text[SAMPLE].iat[row])}: {cells.iat[row]!r}" for row in wrong]
    advice = (
        f"Write the two classes as 0 and 1 and leave unknown ones empty, or say {as_entry('label', f'{name}=VALUE')}."
    )
    return BinaryLabel(
        y.to_numpy(), ("0", "1"), codes.known, _problems("Labels that are not 0 or 1", named, advice), []
    )


def _typed(text: pd.DataFrame, wanted: _Wanted, labels: Mapping[str, BinaryLabel], folder: str) -> pd.DataFrame:
    """Return the table that stages work on; what cannot be a number is NaN."""
    columns = {SAMPLE: text[SAMPLE], PATIENT: text[PATIENT]}
    if SITE in text:
        columns[SITE] = text[SITE].str.strip()
    columns |= {name: label.y for name, label in labels.items()}
    for modality, names in wanted.groups(text).items():
        if modality != CLINICAL and join(modality, "image") in names:
            columns |= _paths(text, modality, folder)
        columns |= {name: _numbers(text[name]) for name in names if not _is_path(name)}
    if wanted.labels is None:
        columns |= {name: text[name] for name in wanted.outside(text)}
    return pd.DataFrame(columns, index=text.index)


def _folder_of(path: str | os.PathLike, columns: Iterable[str]) -> str:
    """Return the folder that the paths in a table start from; refuse one that no cell could hold."""
    folder = str(Path(path).absolute().parent)
    shown = folder.encode(errors="backslashreplace").decode()
    if shown != folder and any((split(name) or ("", ""))[1] in FILES for name in columns):
        what = f"It names images, and the name of its folder {shown} is not UTF-8"
        raise _refusal(f"Cohort table {Path(path).name}", what, "Rename the folder.")
    return folder


def _is_path(column: str) -> bool:
    modality, thing = split(column)
    return modality != CLINICAL and thing in FILES


def _paths(text: pd.DataFrame, modality: str, folder: str) -> dict[str, pd.Series]:
    """Return a modality's absolute image and mask paths; an absent image has no mask."""
    image, mask = (join(modality, kind) for kind in FILES)
    images = _absolute(text[image], folder)
    source = next((name for name in (mask, MASK) if name in text), None)
    masks = _absolute(text[source], folder).where(images != "", "") if source else images.map(lambda _: "")
    return {image: images, mask: masks}


def _absolute(cells: pd.Series, folder: str) -> pd.Series:
    paths = cells.str.strip().mask(is_empty(cells), "")
    if paths.str.startswith("~").any():
        paths = paths.map(with_home)
    paths = paths.map(lambda path: path if path.isascii() else in_form_on_disk(path, folder))
    rooted = paths.map(os.path.isabs).astype(bool)  # noqa: PTH117 - a million Path objects take their time
    rooted |= paths.map(is_of_windows).astype(bool)  # as they are: the sentence about them shall show them
    return paths.where(rooted | (paths == ""), folder + os.sep + paths)


def _numbers(cells: pd.Series) -> pd.Series:
    """Return the nearest double to each cell; NaN where it is missing or not a number."""
    return pd.to_numeric(cells, errors="coerce").astype(float)


# ---------------------------------------------------------------- checks


def _renamed(text: pd.DataFrame, pattern: str, wanted: _Wanted) -> tuple[pd.DataFrame, list[Problem]]:
    """Bring the columns in whose names a pattern finds a modality into the grammar."""
    plain = {SAMPLE, PATIENT, SITE, MASK, *(wanted.labels or ())}
    names = [name for name in text if name not in plain]
    found = renamed_by(modality_pattern(pattern), names)
    if not found:
        advice = "Correct it, or leave it out."
        return text, [Problem(f"The modality pattern {pattern!r} finds no modality in any column", names, advice)]
    text, twice = _unique_columns(text.rename(columns=found))
    logger.info(count_by_modality(text.columns))
    return text, twice


def _column_problems(columns: list[str], wanted: _Wanted) -> list[Problem]:
    """List what is wrong with the set of columns, before any cell is looked at."""
    orphans = [
        column
        for names in wanted.groups(columns).values()
        for column in names
        if _needs_image(column) and _image_of(column) not in names
    ]
    reserved = [column for column in columns if (split(column) or ("", ""))[1] == CROP]
    return [
        *_absent_columns(columns, wanted),
        *_columns_outside(columns, wanted),
        *_problems("Mask columns without an image column", orphans, "Name the image column <modality>__image."),
        *_problems("Columns with a reserved name", reserved, "radiofuse numbers its own crops so; rename them."),
    ]


def _absent_columns(columns: list[str], wanted: _Wanted) -> list[Problem]:
    modalities = [name for name in wanted.groups(columns) if name != CLINICAL]
    absent = [column for column in (SAMPLE, *(wanted.labels or ())) if column not in columns]
    no_column = [name for name in wanted.modalities or () if name not in modalities]
    advice = "Each modality asked for needs <modality>__image or <modality>__<number> columns."
    known = [name for name in by_modality(columns) if name != CLINICAL]
    batch = {"image", "mask"} <= {column.lower() for column in columns}
    to_do = f"Add {SAMPLE}, or write Image and Mask, as pyradiomics does." if batch else "Add or rename them."
    return [
        *_problems("Columns that the table lacks", _with_suggestions(absent, columns), to_do),
        *_problems("Modalities without a column", _with_suggestions(no_column, known), advice),
    ]


def _columns_outside(columns: list[str], wanted: _Wanted) -> list[Problem]:
    """List columns that look like a slip in the grammar and, where labels are asked for, unknown ones."""
    known = [SAMPLE, PATIENT, SITE, MASK, *(wanted.labels or ())]
    known += [join(modality, kind) for modality in wanted.groups(columns) for kind in FILES]
    outside = wanted.outside(columns)
    malformed = [column for column in outside if SEPARATOR in column or _NEAR_MISS.fullmatch(column)]
    unknown = [] if wanted.labels is None else [column for column in outside if column not in malformed]
    advice = "A modality is a small letter, then small letters or digits, then two underscores."
    return [
        *_problems("Malformed columns", _with_suggestions(malformed, known), advice),
        *_problems("Unknown columns", _with_suggestions(unknown, known), "Rename them, or list them under ignore."),
    ]


def _needs_image(column: str) -> bool:
    modality, thing = split(column)
    return modality != CLINICAL and thing in NOT_FEATURES


def _image_of(column: str) -> str:
    return join(split(column)[0], "image")


def _with_suggestions(names: list[str], known: list[str]) -> list[str]:
    found = [(name, _suggestion(name, known)) for name in names]
    return [f"{_shown(name)} (did you mean {_shown(close)}?)" if close else _shown(name) for name, close in found]


def _suggestion(name: str, known: list[str]) -> str | None:
    """Return what ``name`` was probably meant to be: ``T1__image`` and ``t1_image`` are ``t1__image``."""
    parts = _NEAR_MISS.fullmatch(name)
    modality, thing = parts.groups() if parts else name.partition(SEPARATOR)[::2]
    cleaned = re.sub(r"[^a-z0-9]", "", modality.lower())
    if thing and is_modality(cleaned) and (parts or cleaned != modality):
        return join(cleaned, thing)
    spellings = {column.lower(): column for column in known}
    close = difflib.get_close_matches(name.lower(), spellings, n=1)
    return spellings[close[0]] if close else None


def _id_problems(cohort: pd.DataFrame) -> list[Problem]:
    problems = _unsafe_ids(cohort, SAMPLE) + spelling_problems(cohort[SAMPLE], SAMPLE)
    if not cohort[PATIENT].equals(cohort[SAMPLE]):
        problems += _unsafe_ids(cohort, PATIENT) + spelling_problems(cohort[PATIENT], PATIENT)
    if SITE in cohort:
        problems += spelling_problems(cohort[SITE], SITE)
    counts = cohort[SAMPLE].value_counts(sort=False)
    repeated = [f"{_shown(sample)} ({rows} rows)" for sample, rows in counts[counts > 1].items()]
    advice = f"Number the samples and put the patient into {PATIENT}."
    return problems + _problems(f"Values of {SAMPLE} that occur more than once", repeated, advice)


def _unsafe_ids(cohort: pd.DataFrame, column: str) -> list[Problem]:
    unsafe = {text for text in cohort[column].unique() if not _is_safe(text)}
    rows = np.flatnonzero(cohort[column].isin(unsafe))
    named = [f"{_shown(cohort[column].iat[row])} in row {row + 1}" for row in rows]
    advice = f"Use up to {LONGEST_ID} of A-Z a-z 0-9 . _ - with no dot first, and no device name such as CON."
    return _problems(f"Values of {column} that cannot be file names", named, advice)


def _is_safe(text: str) -> bool:
    return bool(_SAFE_ID.fullmatch(text)) and len(text) <= LONGEST_ID and not _RESERVED_ID.fullmatch(text)


def spelling_problems(ids: Iterable[str], column: str) -> list[Problem]:
    """Return a problem if ids differ only in case, spaces or Unicode form: one patient, or site, typed twice.

    Examples
    --------
    >>> spelling_problems(["P1", "p1", "P2"], "patient_id")
    ["Values of patient_id that differ in spelling only: 'P1' = 'p1'. Write each id in one way."]
    """
    spellings = defaultdict(list)
    for text in pd.unique(pd.Series(ids, dtype="str").dropna()):
        spellings[" ".join(unicodedata.normalize("NFKC", text).casefold().split())].append(text)
    twins = [" = ".join(map(repr, found)) for found in spellings.values() if len(found) > 1]
    return _problems(f"Values of {column} that differ in spelling only", twins, "Write each id in one way.")


def _copies(cohort: pd.DataFrame, labels: list[str]) -> list[Problem]:
    """Find copies among the rows that can be learned from; two equal questions to a model do no harm."""
    known = cohort[cohort[labels].notna().any(axis=1)].set_index(SAMPLE)
    features = [name for names in by_modality(known).values() for name in names if split(name)[1] not in NOT_FEATURES]
    numbers = known[[name for name in features if pd.api.types.is_float_dtype(known[name])]]
    return [Problem.of(sentence) for sentence in copy_problems(numbers, known[PATIENT])]


def _number_problems(text: pd.DataFrame, cohort: pd.DataFrame, wanted: _Wanted) -> list[Problem]:
    groups = wanted.groups(text)
    numbers = [name for names in groups.values() for name in names if name in cohort and not _is_path(name)]
    mask_labels = [name for name in numbers if split(name)[1] == "mask_label"]
    wrong = _cells(text, cohort, [name for name in numbers if name not in mask_labels], np.isfinite)
    advice = "Write numbers with a decimal point; leave unknown ones empty."
    if any(_THOUSANDS.search(cell) for cell in wrong):
        advice = "Write thousands without a comma (1000, not 1,000), decimals with a point; leave unknown ones empty."
    return [
        *_problems("Cells that are not finite numbers", wrong, advice),
        *_problems(
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
    found = []
    for column in columns:
        rows = np.flatnonzero(~allowed(cohort[column].to_numpy()))
        if rows.size:
            rows = rows[~is_empty(text[column].iloc[rows])]
            found.append([f"{column} of {_shown(text[SAMPLE].iat[row])}: {text[column].iat[row]!r}" for row in rows])
    return [cell for wave in zip_longest(*found) for cell in wave if cell]


def _label_problems(cohort: pd.DataFrame, labels: Mapping[str, BinaryLabel], n_folds: int | None) -> list[Problem]:
    problems = []
    for label in [name for name in labels if any(labels[name].classes)] if len(cohort) else ():
        known = cohort[cohort[label].isin((0, 1))]
        if known.empty:
            problems.append(Problem(f"No patient has a known {label}", advice="At least some rows need 0 or 1."))
            continue
        problems += _small_classes(known, label, labels[label].classes, n_folds or 0)
    return problems


def _mixed_patients(cohort: pd.DataFrame, labels: Iterable[str]) -> list[Problem]:
    problems = []
    for label in labels:
        classes = cohort[cohort[label].isin((0, 1))].groupby(PATIENT, sort=False)[label].nunique()
        both = map(_shown, classes.index[classes > 1])
        problems += _problems(f"Patients with both classes of {label}", both, OWN_LABELS)
    return problems


def _small_classes(known: pd.DataFrame, label: str, classes: tuple[str, str], n_folds: int) -> list[Problem]:
    patients = {name: known.loc[known[label] == value, PATIENT].nunique() for value, name in enumerate(classes)}
    if n_folds and not all(patients.values()):
        advice = f"Both {' and '.join(classes)} are needed."
        return [Problem(f"Every known {label} is {max(patients, key=patients.get)}", advice=advice)]
    small = [f"{value} ({count} patients)" for value, count in patients.items() if count < n_folds]
    return _problems(f"Classes of {label} with fewer patients than the {n_folds} folds", small, "Use fewer folds.")


def _image_problems(cohort: pd.DataFrame, *, must_exist: bool) -> list[Problem]:
    """List images without a mask, images in two places at once, and missing files."""
    images = _images(cohort)
    once = images.drop_duplicates(["image", PATIENT])
    two_patients = images["image"].isin(once.loc[once["image"].duplicated(), "image"])
    problems = [
        *_problems(
            "Images without a mask",
            _described(images[images["mask"] == ""]),
            "Fill <modality>__mask, or one column mask for all modalities.",
        ),
        *_problems("Images that are their own mask", _described(images[images["mask"] == images["image"]])),
        *_problems("Images that two patients share", _described(images[two_patients]), "Correct path or patient."),
    ]
    return problems + (_missing_files(images) if must_exist else [])


def _images(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return one row per image that is there: sample, patient, modality, image, mask."""
    blocks = [cohort.iloc[:0][[SAMPLE, PATIENT]].assign(modality="", image="", mask="")]
    for modality in by_modality(cohort):
        image, mask = (join(modality, kind) for kind in FILES)
        if modality != CLINICAL and image in cohort:
            block = cohort.loc[cohort[image] != "", [SAMPLE, PATIENT, image, mask]]
            blocks.append(block.rename(columns={image: "image", mask: "mask"}).assign(modality=modality))
    return pd.concat(blocks, ignore_index=True)


def _described(images: pd.DataFrame) -> list[str]:
    return [
        f"{modality} of {_shown(sample)}" for sample, modality in zip(images[SAMPLE], images["modality"], strict=True)
    ]


def _missing_files(images: pd.DataFrame) -> list[Problem]:
    """Name each path that is no file once, with the first sample that uses it."""
    missing = []
    for kind in FILES:
        once = images[images[kind] != ""].drop_duplicates(kind)
        is_file = once[kind].map(os.path.isfile).astype(bool)  # noqa: PTH113 - Path is 5 times slower
        absent = once[~is_file]
        named = zip(absent[SAMPLE], absent["modality"], absent[kind], strict=True)
        missing += [f"{modality} {kind} of {_shown(sample)}: {path}" for sample, modality, path in named]
    advice = "Paths are relative to the folder of the table; correct them or empty the cell."
    if any("\\" in path for path in missing):
        advice = "Paths of Windows are not known to this system: write where they are mounted here, with /."
    return _problems("Missing files", missing, advice)


def _log_empty_features(cohort: pd.DataFrame) -> None:
    """Say how many cells are empty in rows where the modality's other features are there."""
    for modality, names in by_modality(cohort).items():
        features = [name for name in names if split(name)[1] not in NOT_FEATURES]
        empty = cohort[features].isna().to_numpy(dtype=bool)
        count = int(empty[~empty.all(axis=1)].sum())
        if count and modality != CLINICAL:
            logger.info("%s: %d empty cells among ready features; they are imputed within each fold.", modality, count)
