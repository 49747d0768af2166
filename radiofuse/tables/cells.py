"""What a cell of a table says: nothing, or a code that is compared exactly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

_EMPTY = ("", "na", "n/a", "nan", "null", "#n/a", "<na>")  # in any case
_NONE = "None"  # as Python writes it; "none" may be a class
EMPTY_SPELLINGS = tuple(dict.fromkeys([how(word) for word in _EMPTY for how in (str, str.upper)] + ["NaN", _NONE]))
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?", re.ASCII)
_LONGEST_WHOLE = 40  # digits of a whole number that is written out


def is_empty(cells: pd.Series) -> pd.Series:
    """Say which cells hold nothing, or a word for nothing: every table is read with these words.

    Examples
    --------
    >>> is_empty(pd.Series(["NULL", " n/a", "0", None, "none"])).tolist()
    [True, True, False, True, False]
    """
    text = cells.astype("str").str.strip()
    return text.isna() | text.str.lower().isin(_EMPTY) | (text == _NONE)


def numbers_of(cells: pd.Series) -> pd.Series:
    """Return the nearest double to each cell; NaN where it is missing or not a number.

    Examples
    --------
    >>> numbers_of(pd.Series([" 1.5", "1,5", ""])).tolist()
    [1.5, nan, nan]
    """
    is_number = pd.api.types.is_numeric_dtype(cells.dtype)
    return pd.to_numeric(cells if is_number else cells.astype("str"), errors="coerce").astype(float)


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with "" in the empty cells of its columns of text."""
    text = [name for name in table if isinstance(table[name].dtype, pd.StringDtype) or table[name].dtype == object]
    return table.fillna(dict.fromkeys(text, ""))


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of a column: compared as numbers where all of them are numbers, else as text.

    Attributes
    ----------
    rows : Series of str
        The code of each row, one spelling per code; NaN where nothing is known.
    numeric : bool
        Whether all codes are numbers.

    Examples
    --------
    >>> Codes.of(pd.Series(["1", "1.0", "123456788", "123456789", "2", ""]), missing=["2"]).known
    ['1', '123456788', '123456789']
    """

    rows: pd.Series
    numeric: bool

    @classmethod
    def of(cls, cells: pd.Series, missing: Iterable[str] = ()) -> Codes:
        """Return the codes of the cells; those in ``missing`` say that nothing is known."""
        text = cells.astype("str").str.strip().mask(is_empty(cells))
        spellings, missing = text.dropna().unique(), {code.strip() for code in missing}
        numeric = all(_NUMBER.fullmatch(spelling) for spelling in spellings if spelling not in missing)
        names = {spelling: plain_number(spelling) if numeric else spelling for spelling in spellings}
        unknown = missing | {plain_number(code) for code in missing if numeric}
        stated = [spelling for spelling, name in names.items() if spelling in unknown or name in unknown]
        return cls(text.mask(text.isin(stated)).map(names), numeric)

    @property
    def known(self) -> list[str]:
        """The codes that occur, ascending."""
        return sorted(self.rows.dropna().unique(), key=Decimal if self.numeric else None)

    def name(self, written: str) -> str:
        """Return how a code that somebody wrote is spelled here."""
        return plain_number(written) if self.numeric else written.strip()


def is_number(text: str) -> bool:
    """Say whether a text is a number, written with a point.

    >>> is_number(" 1.50"), is_number("1,5")
    (True, False)
    """
    return _NUMBER.fullmatch(text.strip()) is not None


def plain_number(text: str) -> str:
    """Return one spelling of each number: 1, 1.0 and 1e0 are 1; what is no number stays.

    >>> [plain_number(text) for text in ("01", "1.0", "1e2", "-0", "0.50", "mutant")]
    ['1', '1', '100', '0', '0.5', 'mutant']
    """
    if not is_number(text):
        return text.strip()
    sign, digits, exponent = Decimal(text.strip()).as_tuple()
    kept = "".join(map(str, digits)).rstrip("0") or "0"
    number = Decimal((sign if kept != "0" else 0, tuple(map(int, kept)), int(exponent) + len(digits) - len(kept)))
    if kept == "0":
        return "0"
    return f"{number:f}" if abs(number.adjusted()) < _LONGEST_WHOLE else str(number)
