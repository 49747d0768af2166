"""Several regions of one file in one mask, each under its own label and name, where no two share a voxel."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.imaging.dicom.regions import Region
from radiofuse.imaging.labels import MAX_LABELS
from radiofuse.wording import counted, some


def labeled(regions: Sequence[Region]) -> tuple[np.ndarray, dict[str, int]]:
    """Return a mask with a label for each region, and which label is which, by the names of recipes.

    Raises
    ------
    RequestError
        If two share voxels or would have one name, or there are too many.

    Examples
    --------
    >>> voxels, coding = labeled([Region("GTV-1", np.array([1, 0, 0])), Region("GTV 2", np.array([0, 0, 1]))])
    >>> voxels.tolist(), coding
    ([1, 0, 2], {'GTV1': 1, 'GTV2': 2})
    """
    names = [region_name(region.name) for region in regions]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _apart(f"two of its regions would both be called {twice[0]}")
    if len(regions) > MAX_LABELS:
        raise _apart(f"a mask has at most {MAX_LABELS} labels, and it holds {counted(len(regions), 'region')}")
    shared = [
        f"{one.name} and {other.name} share {counted(n_voxels, 'voxel')}"
        for one, other in combinations(regions, 2)
        if (n_voxels := int(((one.voxels != 0) & (other.voxels != 0)).sum()))
    ]
    if shared:
        raise _apart(some(shared))
    voxels = np.zeros(regions[0].voxels.shape, np.uint8)
    for label, region in enumerate(regions, 1):
        voxels[region.voxels != 0] = label
    return voxels, dict(zip(names, range(1, len(names) + 1), strict=True))


def region_name(name: str) -> str:
    """Return a region's name as recipes and columns may have it: a letter, then letters and digits.

    >>> region_name("GTV-1 (left)"), region_name("2nd lesion")
    ('GTV1left', 'R2ndlesion')
    """
    plain = re.sub(r"[^A-Za-z0-9]", "", name)
    return plain if plain[:1].isalpha() else f"R{plain}"


def _apart(what: str) -> RequestError:
    return RequestError(
        f"{what}, so that no mask can hold all regions by name. Each lies in a file of its own: name one with roi"
    )


def united_codings(codings: Iterable[Mapping[str, int]]) -> dict[str, int] | None:
    """Return what the masks of one sample say together; None where they contradict each other.

    >>> united_codings([{"GTV1": 1, "GTV2": 2}, {"GTV1": 1}]), united_codings([{"GTV1": 1}, {"GTV2": 1}])
    ({'GTV1': 1, 'GTV2': 2}, None)
    """
    together: dict[str, int] = {}
    for coding in codings:
        for name, label in coding.items():
            if together.setdefault(name, label) != label:
                return None
    return together if len(set(together.values())) == len(together) else None
