"""The grammar of column names: ``<modality>__<thing>``; the first ``__`` splits.

>>> split("t1ce__original_glcm_Idmn")
('t1ce', 'original_glcm_Idmn')
>>> by_modality(["t1__a", "t1__b", "clinical__age", "site"])
{'t1': ['t1__a', 't1__b'], 'clinical': ['clinical__age']}
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SEPARATOR = "__"
CLINICAL = "clinical"
CROP = "crop"  # <modality>__crop points at a row of a crop file; it is no feature
_MODALITY = re.compile(r"[a-z][a-z0-9]*")


def is_modality(name: str) -> bool:
    """Say whether ``name`` may stand before the separator: ``[a-z][a-z0-9]*``."""
    return _MODALITY.fullmatch(name) is not None


def join(modality: str, thing: str) -> str:
    """Return the column of ``thing`` in ``modality``."""
    return f"{modality}{SEPARATOR}{thing}"


def split(column: str) -> tuple[str, str] | None:
    """Return ``(modality, thing)``, or None for a column outside the grammar."""
    modality, separator, thing = column.partition(SEPARATOR)
    return (modality, thing) if separator and thing and is_modality(modality) else None


def by_modality(columns: Iterable[str]) -> dict[str, list[str]]:
    """Group columns by their modality, in order of first appearance; others are left out."""
    groups: dict[str, list[str]] = {}
    for column in columns:
        parts = split(column)
        if parts:
            groups.setdefault(parts[0], []).append(column)
    return groups
