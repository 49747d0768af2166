"""Regions of a glioma by name, told from the labels that a segmentation uses for its parts.

BraTS to 2022, UCSF-PDGM and UPENN-GBM write the enhancing tumor as 4, BraTS from 2023 as 3; segmentations of treated
patients (BraTS 2024, MU-Glioma-Post) write it as 3, and as 4 the cavity that surgery left, which is no tumor
(Baid et al. 2021, arXiv 2107.02314; de Verdier et al. 2024, arXiv 2405.18368).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean

NECROSIS, EDEMA, ENHANCING, CAVITY = "NCR", "ED", "ET", "RC"
COMPOUNDS = {"WT": (NECROSIS, EDEMA, ENHANCING), "TC": (NECROSIS, ENHANCING)}
"""The whole tumor and the tumor core, by the parts that they unite."""

OLD = {NECROSIS: 1, EDEMA: 2, ENHANCING: 4}
NEW = {NECROSIS: 1, EDEMA: 2, ENHANCING: 3}
TREATED = NEW | {CAVITY: 4}

_PART = re.compile(r"([A-Za-z]\w*)=(\d+)")


def coding_of(labels: Iterable[int]) -> dict[str, int] | None:
    """Return which label is which part, told from all labels that occur in the masks of a data set.

    None where they are not those of BraTS: one label alone, or others than 1 to 4.

    Examples
    --------
    >>> coding_of([0, 1, 2, 4]) == OLD, coding_of([0, 2, 3]) == NEW, coding_of([1, 2, 3, 4]) == TREATED
    (True, True, True)
    >>> coding_of([0, 1]), coding_of([0, 1, 2, 5])
    (None, None)
    """
    present = set(labels) - {0}
    if not present <= {1, 2, 3, 4} or len(present) < 2 or not present & {3, 4}:
        return None
    if present >= {3, 4}:
        return dict(TREATED)
    return dict(NEW if 3 in present else OLD)


def codings_of(labels: Sequence[Iterable[int]]) -> list[dict[str, int] | None]:
    """Return the coding of each mask, told from all of them together.

    Where no mask has both 3 and 4, and some have the one and some the other, data sets of two codings lie together:
    each mask has its own, and one with neither, which has no enhancing tumor, that of most others.

    Examples
    --------
    >>> [coding["ET"] for coding in codings_of([[1, 2, 4], [2, 3], [1, 2], [1, 3]])]
    [4, 3, 3, 3]
    >>> [coding["ET"] for coding in codings_of([[1, 2, 3, 4], [1, 2, 4]])]
    [3, 3]
    """
    sets = [set(one) - {0} for one in labels]
    together = coding_of(set().union(*sets))
    old, new = sum(4 in one for one in sets), sum(3 in one for one in sets)
    if together != TREATED or any(one >= {3, 4} for one in sets):
        return [together] * len(sets)
    usual = OLD if old > new else NEW
    return [dict(OLD if 4 in one else NEW if 3 in one else usual) for one in sets]


def written(coding: Mapping[str, int]) -> str:
    """Return a coding as a cell of a cohort table has it.

    >>> written(NEW)
    'NCR=1 ED=2 ET=3'
    """
    return " ".join(f"{part}={label}" for part, label in coding.items())


def coding_in(cell: str) -> dict[str, int]:
    """Return the coding that a cell of a cohort table has, the inverse of ``written``.

    Raises
    ------
    RequestError
        If it cannot be read.

    Examples
    --------
    >>> coding_in("NCR=1 ED=2 ET=4") == OLD
    True
    """
    if _PART.sub("", cell).strip(" ,;"):
        raise RequestError(f"mask_regions is {cell!r}; words such as NCR=1 ED=2 ET=4 were expected.")
    return {name: int(label) for name, label in _PART.findall(cell)}


def labels_of(region: str, coding: str) -> list[int]:
    """Return the labels that make a region.

    Parameters
    ----------
    region : str
        WT, TC, or a part that the coding names.
    coding : str
        As a cell of a cohort table has it.

    Raises
    ------
    RequestError
        If the cell says nothing of that region, or cannot be read.

    Examples
    --------
    >>> labels_of("TC", "NCR=1 ED=2 ET=4"), labels_of("GTV", "GTV=7")
    ([1, 4], [7])
    """
    parts = coding_in(coding)
    if region in parts:
        return [parts[region]]
    labels = sorted(parts[part] for part in COMPOUNDS.get(region, ()) if part in parts)
    if not labels:
        raise RequestError(
            f"The region {region} is not among those that mask_regions names ({coding or 'the cell is empty'}). "
            f"Write which labels it has, as {region}=1.",
        )
    return labels


def whole_compounds(coding: Mapping[str, int]) -> list[str]:
    """Return which of WT and TC a coding has all parts of; what it lacks a part of would be told as too small.

    >>> whole_compounds(NEW), whole_compounds({"NCR": 1, "ET": 3}), whole_compounds({"ET": 3})
    (['WT', 'TC'], ['TC'], [])
    """
    return [name for name, parts in COMPOUNDS.items() if coding.keys() >= set(parts)]


def check_region(region: str) -> str:
    """Return a region's name if it can stand in a column's name.

    Raises
    ------
    RequestError
        If it cannot.

    Examples
    --------
    >>> check_region("ET")
    'ET'
    """
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]*", region):
        known = [*COMPOUNDS, NECROSIS, EDEMA, ENHANCING, CAVITY]
        raise RequestError(
            f"A region is called {region!r}; letters and digits were expected, as WT, TC or ET."
            f"{did_you_mean(region, known)}"
        )
    return region
