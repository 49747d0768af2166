"""Lists of names in sentences: a few are told, the rest is counted."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 5  # names told in a sentence


def some(names: Iterable) -> str:
    """Return the first names, and how many more there are.

    >>> some("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    names = [str(name) for name in names]
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def count(number: int, thing: str) -> str:
    """Return a number and its noun, which gets an s unless there is one.

    >>> count(1, "feature"), count(2030, "feature")
    ('1 feature', '2030 features')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"
