"""The grammar of column names: ``<modality>__<thing>``; the first ``__`` splits.

>>> split("t1ce__original_glcm_Idmn")
('t1ce', 'original_glcm_Idmn')
>>> by_modality(["t1__a", "t1__b", "clinical__age", "site"])
{'t1': ['t1__a', 't1__b'], 'clinical': ['clinical__age']}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from radiofuse.errors import RequestError

SEPARATOR = "__"
CLINICAL = "clinical"
CROP = "crop"  # <modality>__crop points at a row of a crop file; it is no feature
BESIDE = ":"  # <modality>__:site and the like stand beside the features of a modality and are none
_MODALITY = re.compile(r"[a-z][a-z0-9]*")


def is_modality(name: str) -> bool:
    """Say whether ``name`` may stand before the separator: ``[a-z][a-z0-9]*``."""
    return _MODALITY.fullmatch(name) is not None


def join(modality: str, thing: str) -> str:
    """Return the column of ``thing`` in ``modality``."""
    return f"{modality}{SEPARATOR}{thing}"


@lru_cache(maxsize=2**16)  # every fit and every answer asks again for the columns of one table
def split(column: str) -> tuple[str, str] | None:
    """Return ``(modality, thing)``, or None for a column outside the grammar."""
    modality, separator, thing = column.partition(SEPARATOR)
    return (modality, thing) if separator and thing and is_modality(modality) else None


def is_feature(column: str) -> bool:
    """Say whether a modality's column is a feature, not a pointer to a crop or what stands beside features.

    >>> is_feature("t1__volume"), is_feature("t1__crop"), is_feature("t1__:site")
    (True, False, False)
    """
    parts = split(column)
    return parts is not None and parts[1] != CROP and not parts[1].startswith(BESIDE)


def by_modality(columns: Iterable[str]) -> dict[str, list[str]]:
    """Group columns by their modality, in order of first appearance; others are left out."""
    groups: dict[str, list[str]] = {}
    names = columns.tolist() if hasattr(columns, "tolist") else columns  # an index hands names out slowly, one by one
    for column in names:
        parts = split(column)
        if parts:
            groups.setdefault(parts[0], []).append(column)
    return groups


def modality_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern by which a user tells modalities apart, checked.

    Raises
    ------
    RequestError
        If it is no regular expression, or does not name one group, ``modality``.

    Examples
    --------
    >>> modality_pattern("^(?P<modality>T[12])_").groupindex["modality"]
    1
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise RequestError(f"The modality pattern {text!r} is no regular expression: {error}. {_EXAMPLE}") from None
    if list(pattern.groupindex) != ["modality"]:
        named = ", ".join(pattern.groupindex) or "none"
        raise RequestError(
            f"The modality pattern {text!r} must name one group, modality, and names {named}. {_EXAMPLE}"
        )
    return pattern


_EXAMPLE = "Write for instance ^(?P<modality>T[12])_ for T1_volume and T2_volume."
_JOINTS = "_.- "


def renamed_by(pattern: re.Pattern[str], names: Iterable[str]) -> dict[str, str]:
    """Return ``<modality>__<thing>`` for each name in which a pattern finds a modality.

    The modality is what the group holds, in small letters and digits; the thing is the rest of the name. Names
    in which it finds none are left out, and so are clinical columns: they are of no image.

    Examples
    --------
    >>> renamed_by(modality_pattern("(?P<modality>[Tt][12])"), ["T1_volume", "core__t2__volume", "age"])
    {'T1_volume': 't1__volume', 'core__t2__volume': 't2__core_volume'}
    """
    new_names = {}
    for name in (name for name in names if not name.startswith(join(CLINICAL, ""))):
        match = pattern.search(name)
        if match and match["modality"]:
            modality = re.sub("[^a-z0-9]", "", match["modality"].lower())
            before, after = name[: match.start("modality")].strip(_JOINTS), name[match.end("modality") :].strip(_JOINTS)
            thing = "_".join(filter(None, (before, after)))
            if is_modality(modality) and thing:
                new_names[name] = join(modality, thing)
    return new_names


def count_by_modality(columns: Iterable[str]) -> str:
    """Return how many columns each modality has, as a table.

    >>> print(count_by_modality(["t1__a", "t1__b", "t2__a"]))
    modality  columns
    t1              2
    t2              1
    """
    counts = {name: len(names) for name, names in by_modality(columns).items()}
    width = max(map(len, ("modality", *counts)))
    return "\n".join([f"{'modality':{width}}  columns", *(f"{name:{width}}  {n:7}" for name, n in counts.items())])


def column_and_class(asked: str, columns: Collection[str]) -> tuple[str, str | None]:
    """Return the column of a label, and the class after "=" unless the column's own name has it.

    Examples
    --------
    >>> column_and_class("grade=4", ["id", "grade"]), column_and_class("grade=4", ["grade=4"])
    (('grade', '4'), ('grade=4', None))
    """
    name, equals, positive = asked.rpartition("=")
    return (name, positive) if equals and asked not in columns else (asked, None)
