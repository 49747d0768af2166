"""Spellings of one class brought to one name: those a caller lists, and those that public glioma tables use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from radiofuse.tables.cells import is_empty, is_number, plain_number

_JOINTS = re.compile(r"[\s_-]+")


def plain_spelling(text: str) -> str:
    """Return what two spellings of one word or number have in common: no case, blanks, hyphens or underscores.

    >>> plain_spelling(" IDH wild-type") == plain_spelling("idh_wildtype")
    True
    >>> plain_spelling("2.0")
    '2'
    """
    return plain_number(text) if is_number(text) else _JOINTS.sub("", unicodedata.normalize("NFKC", text).casefold())


@dataclass(frozen=True)
class Spellings:
    """Names of classes, and how each is also written.

    Attributes
    ----------
    classes : mapping of str to sequence of str
        The spellings of each class, by the name that it gets; the name itself is one.
    unknown : sequence of str
        Spellings that mean that nothing is known.
    pattern : mapping of str to str
        A regular expression by class, for names that no list can hold: matched in small letters, as a whole.
    ordered : bool
        Whether the order of the classes is a ranking.

    Examples
    --------
    >>> idh = Spellings({"wildtype": ["WT"], "mutant": ["mutated"]}, unknown=["n.d."])
    >>> idh.applied(pd.Series(["wt", "Mutated", "N.D.", "other"])).tolist()
    ['wildtype', 'mutant', '', 'other']
    """

    classes: Mapping[str, Sequence[str]]
    unknown: Sequence[str] = ()
    pattern: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = False

    def class_of(self, text: str) -> str | None:
        """Return the class that a spelling stands for, "" for unknown, None where it is not among the spellings."""
        plain = plain_spelling(text)
        if plain in map(plain_spelling, self.unknown):
            return ""
        for name, spellings in self.classes.items():
            if plain in map(plain_spelling, (name, *spellings)):
                return name
        small = text.strip().casefold()
        return next((name for name, pattern in self.pattern.items() if re.fullmatch(pattern, small)), None)

    def applied(self, cells: pd.Series) -> pd.Series:
        """Return cells with each known spelling replaced by its class; others stay as they are."""
        text = cells.astype("str")
        known = {spelling: self.class_of(spelling) for spelling in text.dropna().unique()}
        return text.map({spelling: spelling if name is None else name for spelling, name in known.items()})

    def covers(self, values: Iterable[str]) -> bool:
        """Say whether every value is one of the spellings, and one at least is of a class."""
        named = [self.class_of(value) for value in values]
        return None not in named and any(named)


_UNKNOWN = ("unknown", "indeterminate", "not available", "not determined", "not tested", "inconclusive", "equivocal")
_GRADES = {"1": "i", "2": "ii", "3": "iii", "4": "iv"}

VOCABULARIES: dict[str, Spellings] = {
    "idh": Spellings(
        {
            "wildtype": ["wild type", "wt", "IDH wildtype", "IDH wt", "IDH1 wildtype", "non-mutant"],
            "mutant": [
                "mut",
                "mutated",
                "mutation",
                "mutated (NOS)",
                "IDH mutant",
                "IDH mutated",
                "IDH mut",
                "IDH1 mutant",
            ],
        },
        unknown=_UNKNOWN,
        # IDH1 p.R132H, IDH2 p.Arg172Trp: an amino acid named as exchanged is a mutation
        pattern={"mutant": r"idh[12] ?(p\.)?(r|arg)(132|172)[a-z]{1,3}"},
    ),
    "codeletion": Spellings(
        {
            "intact": ["non-codel", "noncodel", "non-codeleted", "not codeleted", "no codeletion", "1p/19q intact"],
            "codeleted": [
                "codel",
                "co-deletion",
                "codeletion",
                "co-deleted",
                "relative co-deletion",
                "1p/19q codeleted",
            ],
        },
        unknown=_UNKNOWN,
    ),
    "mgmt": Spellings(
        {"unmethylated": ["negative", "not methylated"], "methylated": ["positive", "MGMT methylated"]},
        unknown=_UNKNOWN,
    ),
    "grade": Spellings(
        {
            number: [roman, f"G{number}", f"grade {number}", f"grade {roman}", f"WHO {number}"]
            + [f"WHO {roman}", f"WHO grade {number}", f"WHO grade {roman}", f"CNS WHO grade {number}"]
            for number, roman in _GRADES.items()
        },
        unknown=_UNKNOWN,
        ordered=True,
    ),
}
"""Spellings of TCGA, BraTS and UCSF-PDGM tables. A relative co-deletion counts as one, as UCSF-PDGM's readers count it;
list it under ``missing`` to leave it out."""

_COLUMN_OF = {  # which columns each vocabulary is about
    "idh": r"(.*_)?idh[12]?(_.*)?",
    "codeletion": r"(.*_)?(1p/?_?19q|codel(etion)?)(_.*)?",
    "mgmt": r"(.*_)?mgmt(_.*)?",
    "grade": r"(.*_)?grade(_.*)?",
}


def vocabulary_for(column: str, cells: pd.Series) -> Spellings | None:
    """Return the vocabulary whose spellings fill a column that is called as one is, None where there is none.

    A column of codes such as 0 and 1 keeps them: no vocabulary says what they stand for.

    Examples
    --------
    >>> vocabulary_for("IDH", pd.Series(["wildtype", "IDH1 p.R132H"])) is VOCABULARIES["idh"]
    True
    >>> vocabulary_for("idh", pd.Series(["0", "1"])), vocabulary_for("side", pd.Series(["wt", "mutant"]))
    (None, None)
    """
    values = _values(cells)
    return next((spellings for spellings in _about(column) if spellings.covers(values)), None)


def asked_about(column: str, values: Sequence[str]) -> str | None:
    """Return which of two values is the class that is asked about: the last of the vocabulary, as it is written here.

    Examples
    --------
    >>> asked_about("IDH", ["MUT", "WT"]), asked_about("codel_1p19q", ["codel", "non-codel"])
    ('MUT', 'codel')
    >>> asked_about("side", ["left", "right"]) is None
    True
    """
    for spellings in _about(column):
        places = [list(spellings.classes).index(name) for name in map(spellings.class_of, values) if name]
        if len(values) == 2 and len(set(places)) == 2:
            return values[places.index(max(places))]
    return None


def strange_spellings(column: str, cells: pd.Series) -> list[str]:
    """Return the values that keep a column from its vocabulary: it knows most of them, and not these.

    >>> strange_spellings("IDH", pd.Series(["WT", "mut", "NOS", ""])), strange_spellings("IDH", pd.Series(["0", "1"]))
    (['NOS'], [])
    """
    values = _values(cells)
    for spellings in _about(column):
        strange = [value for value in values if spellings.class_of(value) is None]
        if 0 < len(strange) < len(values) / 2:
            return strange
    return []


def _values(cells: pd.Series) -> list[str]:
    return list(cells[~is_empty(cells)].astype("str").unique())


def _about(column: str) -> list[Spellings]:
    """Return the vocabularies of a column's name."""
    called = re.sub(r"[\s-]+", "_", column.strip().casefold())
    return [VOCABULARIES[name] for name, pattern in _COLUMN_OF.items() if re.fullmatch(pattern, called)]


def name_of(spellings: Spellings | None) -> str | None:
    """Return the key of the vocabulary that some spellings are; None where they are somebody's own, or none.

    >>> name_of(VOCABULARIES["mgmt"])
    'mgmt'
    """
    return next((name for name, known in VOCABULARIES.items() if known is spellings), None)


def without_unknown(cells: pd.Series, missing: Sequence[str]) -> pd.Series:
    """Return cells, empty where they hold a value that means unknown."""
    return cells.mask(cells.str.strip().isin(missing), "")
