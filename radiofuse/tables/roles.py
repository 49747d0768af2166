"""What the columns of a table are: the names that every table of ours has, and the roles that a caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from radiofuse.errors import RequestError
from radiofuse.tables.columns import CLINICAL, by_modality, column_and_class, split

SAMPLE, PATIENT, SITE, MASK = "sample_id", "patient_id", "site", "mask"
BRAIN_MASK, MASK_REGIONS, MASK_SOURCE = "brain_mask", "mask_regions", "mask_source"
BY_COMMAND = "command: "  # how mask_source begins where a program that a user named made the mask
OF_MASKS = (MASK, BRAIN_MASK, MASK_REGIONS, MASK_SOURCE)
PARTICIPANT = "participant_id"  # BIDS
FILES = ("image", "mask")
NOT_FEATURES = (*FILES, "mask_label")
UNNAMED = "features"  # the modality of columns whose names tell none


@dataclass(frozen=True)
class Roles:
    """Which columns of a table mean what, as a caller says it; readers are handed this and nothing else.

    Attributes
    ----------
    labels : tuple of str, or None
        The columns of labels. What was asked as ``grade=4`` may be a column of that name or the column ``grade``:
        until `settled`, both stand here. None: no label is asked for.
    asked : tuple of str
        The labels as the caller wrote them.
    positive : mapping of str to str or None
        The class named for each label, once settled.
    sample, patient, site : str or None
        What the files call these columns; None: by their own names ``sample_id``, ``patient_id``, ``site``.
    covariates, ignore : tuple of str
        Columns that join a model unselected, and columns to leave out.
    carried : tuple of str
        Columns outside the grammar that are kept as text, such as the scanner.
    modalities : tuple of str, or None
        Those to keep; None: all.
    missing : tuple of str
        Values of the labels that mean unknown.
    label_per : {"patient", "sample"}
        Whose the labels are.
    modality : str
        The modality of columns whose names tell none.
    modality_prefixes : bool or None
        Whether names begin with their modality; None: as they look.
    modality_pattern : str or None
        A regular expression that finds the modality in names.
    others_allowed : bool
        Whether, beside labels, columns outside the grammar may stand; they are left out.

    Examples
    --------
    >>> roles = Roles.of("grade=4", ignore="note")
    >>> roles.labels, roles.ignore
    (('grade=4', 'grade'), ('note',))
    >>> dict(roles.settled(["sample_id", "grade"]).positive)
    {'grade': '4'}
    """

    labels: tuple[str, ...] | None = None
    asked: tuple[str, ...] = ()
    positive: Mapping[str, str | None] = field(default_factory=dict)
    sample: str | None = None
    patient: str | None = None
    site: str | None = None
    covariates: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    modalities: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    label_per: str = "patient"
    modality: str = UNNAMED
    modality_prefixes: bool | None = None
    modality_pattern: str | None = None
    others_allowed: bool = False

    @classmethod
    def of(cls, labels: str | Iterable[str] | None = None, **others: object) -> Roles:
        """Return the roles of a table whose header is not known; one name stands for a tuple of one."""
        several = {"modalities", "ignore", "carried", "covariates", "missing"}
        others = {name: names_of(value) if name in several else value for name, value in others.items()}
        asked = names_of(labels)
        if asked is None:
            return cls(**others)
        spellings = (*asked, *(one.rpartition("=")[0] for one in asked if "=" in one))
        return cls(labels=spellings, asked=asked, **others)

    def settled(self, columns: Iterable[str]) -> Roles:
        """Return the same with the labels as the table calls them."""
        if self.labels is None:
            return self
        named = [column_and_class(one, list(columns)) for one in self.asked]
        positive = dict(named)
        if len(positive) < len(named):
            raise RequestError(f"labels are {', '.join(self.asked)}; name each column once.")
        for name in positive:
            if name in (SAMPLE, PATIENT, *OF_MASKS) or belongs_to_image(name):
                raise RequestError(f"The label {name} is a column of ids or files. Name the column of the outcome.")
        return replace(self, labels=tuple(positive), positive=positive)

    def labels_in(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that are labels."""
        return [column for column in columns if column in (self.labels or ())]

    def is_ignored(self, column: str) -> bool:
        """Say whether a column is to be left out; a label never is."""
        return column in self.ignore and column not in (self.labels or ())

    def groups(self, columns: Iterable[str]) -> dict[str, list[str]]:
        """Group the columns to keep by modality, ``clinical`` last."""
        groups = by_modality(column for column in columns if column not in (self.labels or ()))
        clinical = groups.pop(CLINICAL, [])
        kept = {name: groups[name] for name in groups if self.modalities is None or name in self.modalities}
        return kept | ({CLINICAL: clinical} if clinical else {})

    def outside(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that the grammar does not know."""
        plain = {SAMPLE, PATIENT, SITE, *OF_MASKS, *self.carried, *(self.labels or ())}
        return [column for column in columns if column not in plain and split(column) is None]


def names_of(given: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Return one name, or several, as a tuple."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def belongs_to_image(column: str) -> bool:
    """Say whether a column names an image, its mask or the label of its mask; other columns are numbers or text.

    >>> belongs_to_image("t1__mask_label"), belongs_to_image("t1__volume"), belongs_to_image("clinical__image")
    (True, False, False)
    """
    modality, thing = split(column) or ("", "")
    return thing in NOT_FEATURES and modality not in ("", CLINICAL)


def is_file_column(column: str) -> bool:
    """Say whether a column names images or masks.

    >>> is_file_column("t1__image"), is_file_column("clinical__image"), is_file_column("mask")
    (True, False, False)
    """
    modality, thing = split(column) or ("", "")
    return thing in FILES and modality != CLINICAL
