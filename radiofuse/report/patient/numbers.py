"""Numbers of an answer as its page writes them, and whether all numbers of a text are among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from radiofuse.wording import MISSING, number

TOKEN = re.compile(
    r"(?P<minus>(?<![^\s(])[-\u2212])?(?P<digits>\d[\d,]*(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d+)?"
    r"(?P<percent>\s?(?:%|percent\b))?"
)
LETTER = r"[^\W_]"
WRITTEN_WHOLE, ROUNDING = 10, 0.005  # from there on numbers are rounded to whole ones; below, at three digits
MOST_DIGITS = 12  # of a percentage


def share(value: float | None, digits: int = 1) -> str:
    """Return a probability or a share in percent, with as many digits as keep it from being 0 or 100.

    Examples
    --------
    >>> share(0.2724), share(0.99982), share(1.0), share(3e-38), share(None)
    ('27.2%', '99.98%', '100.0%', 'practically 0.0%', '—')
    """
    if value is None:
        return MISSING
    for decimals in range(digits, digits + 3):
        text = f"{100 * value:.{decimals}f}"
        if float(text) not in (0.0, 100.0) or value in (0.0, 1.0):
            return f"{text}%"
    return f"practically {100 * value:.1f}%"


def shares_apart(value: float | None, limit: float | None) -> tuple[str, str]:
    """Return a probability and its threshold in percent, with as many digits as tell them apart.

    Examples
    --------
    >>> shares_apart(0.27235, 0.27241), shares_apart(0.5, 0.5), shares_apart(0.9, None)
    (('27.23%', '27.24%'), ('50.0%', '50.0%'), ('90.0%', '—'))
    """
    digits = 1
    while value != limit and share(value, digits) == share(limit, digits) and digits < MOST_DIGITS:
        digits += 1
    return share(value, digits), share(limit, digits)


def signed(value: float | None) -> str:
    """Return a contribution with its sign.

    >>> signed(0.497), signed(-1.3078), signed(None)
    ('+0.50', '-1.31', '—')
    """
    return MISSING if value is None else f"{'+' * (value >= 0)}{number(value)}"


def plain(value: float | None, digits: int = 1) -> str:
    """Return a number with fixed decimals, a dash where there is none."""
    return MISSING if value is None else number(value, digits)


def short(value: float | None) -> str:
    """Return three digits that count.

    >>> short(0.027236), short(3.4772e-38), short(14316.0)
    ('0.0272', '3.48e-38', '1.43e+04')
    """
    return MISSING if value is None else f"{value:.3g}"


def unknown_numbers(text: str, told: Mapping[str, Any], names: Iterable[str] = ()) -> list[str]:
    """Return the numbers of a text that an answer does not hold, at the digits that the text shows.

    A percentage is looked for as a share, and a number with a minus among those below 0; a share is no whole number
    without decimals or a percent sign, so that 1 is not 0.77. Numbers within the answer's
    own texts count where the text repeats them whole, as in the name of a sequence, a sample or a gene.

    Parameters
    ----------
    text : str
    told : mapping
        An answer, as JSON has it.
    names : iterable of str, optional
        Further names that hold digits.

    Examples
    --------
    >>> told = {"sample_id": "P7", "probability": {"mutant": 0.7712}, "volumes_ml": {"WT": 57.305}}
    >>> unknown_numbers("P7: mutant 77%, 77.1 %, 0.771; whole tumor 57.3 ml", told)
    []
    >>> unknown_numbers("P7 lives 14 months, 1 in 1 people, mutant with 78%", told)
    ['14', '1', '1', '78%']
    """
    values = list(_numbers(told))
    rest = _without(text, chain(_texts(told), names))
    return [found[0].strip() for found in TOKEN.finditer(rest) if not _is_among(found, values)]


def _is_among(found: re.Match[str], values: list[float]) -> bool:
    """Say whether some value, written with the digits of a number in a text, is that number."""
    digits = found["digits"].rstrip(",").replace(",", "")
    decimals = len(digits.partition(".")[2])
    wanted = float(digits + (found["power"] or ""))
    scale, kind = 100 if found["percent"] else 1, "e" if found["power"] else "f"
    whole = not (decimals or found["percent"] or found["power"])
    could = (one for one in values if not whole or _is_about(one, wanted))
    those = (abs(one) * scale for one in could if one < 0 or not found["minus"])
    return any(float(f"{one:.{decimals}{kind}}") == wanted for one in those)


def _is_about(value: float, whole: float) -> bool:
    """Say whether a number may be written whole: a share may not, and a small number only where it nearly is."""
    return (
        isinstance(value, int) or abs(value) >= WRITTEN_WHOLE or (abs(value) > 1 and abs(abs(value) - whole) < ROUNDING)
    )


def _without(text: str, names: Iterable[str]) -> str:
    """Return a text without names that hold digits, where they stand whole."""
    with_digits = {name for name in names if re.search(r"\d", name)}
    for name in sorted(with_digits, key=len, reverse=True):
        text = re.sub(rf"(?<!{LETTER})(?<!\d[.,]){re.escape(name)}(?!{LETTER})(?![.,]\d)", " ", text)
    return text


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, bool) or value is None or isinstance(value, str):
        return
    elif isinstance(value, int | float):
        yield value
        return
    for one in value:
        yield from _numbers(one)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of an answer, keys among them, and the parts of notes that stand in one."""
    if isinstance(value, str):
        yield from (value, *value.split("; "))
    elif isinstance(value, Mapping):
        yield from map(str, value)
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
