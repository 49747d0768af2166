"""Numbers, counts and lists of names as sentences, pages and the screen write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SHOWN = 5  # names told in a sentence
MISSING = "—"  # in place of a number that does not exist


def some(names: Iterable) -> str:
    """Return the first names, and how many more there are.

    >>> some("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    names = [str(name) for name in names]
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def listed(names: Sequence[object]) -> str:
    """Return names as running text.

    Examples
    --------
    >>> listed(["t1", "t1ce", "flair"])
    't1, t1ce and flair'
    """
    texts = [str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def count(value: float | np.integer) -> str:
    """Return a count with thousands apart, a dash if it is unknown.

    Examples
    --------
    >>> count(12345.0)
    '12,345'
    """
    return f"{int(value):,}" if math.isfinite(value) else MISSING


def counted(n: float | np.integer | str, noun: str, plural: str = "") -> str:
    """Return a count, or a number that is written out, with its noun.

    Examples
    --------
    >>> counted(1, "patient"), counted(2030, "feature"), counted(2, "modality", "modalities"), counted("0.5", "voxel")
    ('1 patient', '2,030 features', '2 modalities', '0.5 voxels')
    """
    written = n if isinstance(n, str) else count(n)
    return f"{written} {noun if written == '1' else plural or noun + 's'}"


def number(value: float, digits: int = 2, missing: str = MISSING) -> str:
    """Return a number with fixed decimals, never ``-0.00``; a dash for what does not exist.

    Examples
    --------
    >>> number(0.8349), number(-0.001), number(float("nan"))
    ('0.83', '0.00', '—')
    """
    return f"{value:z.{digits}f}" if math.isfinite(value) else missing


def interval(low: float, high: float, digits: int = 2) -> str:
    """Return an interval in brackets; nothing where an end does not exist.

    Examples
    --------
    >>> interval(0.7561, 0.9149), interval(0.7561, float("inf")), interval(0.7561, float("nan"))
    ('(0.76 to 0.91)', '(0.76 to ∞)', '')
    """
    unknown = math.isnan(low) or math.isnan(high)
    return "" if unknown else f"({_end(low, digits)} to {_end(high, digits)})"


def _end(value: float, digits: int) -> str:
    return f"{'-' * (value < 0)}∞" if math.isinf(value) else number(value, digits)


def p_value(p: float) -> str:
    """Return a p-value with two digits; below .001 only that it is, since the far tail is an approximation.

    Examples
    --------
    >>> p_value(0.0312), p_value(7e-12)
    ('0.031', '< 0.001')
    """
    if not math.isfinite(p):
        return MISSING
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def percent(share: float) -> str:
    """Return a share as whole percent.

    Examples
    --------
    >>> percent(0.416)
    '42%'
    """
    return f"{100 * share:.0f}%" if math.isfinite(share) else MISSING
