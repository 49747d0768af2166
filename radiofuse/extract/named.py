"""Vectors of features as pandas hands them on: named, so that a CSV of them has a header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.imaging.labels import MaskLabel
from radiofuse.names import on_first_use

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = on_first_use("pandas")


def named_features(vector: np.ndarray, names: Sequence[str] | pd.Index, block: str) -> pd.Series:
    """Return a vector as a Series that is named, and whose CSV has a header.

    Examples
    --------
    >>> print(named_features(np.array([7.0]), ["shape_VoxelVolume"], "default").to_csv())
    feature,default
    shape_VoxelVolume,7.0
    <BLANKLINE>
    """
    return pd.Series(vector, pd.Index(names, name="feature"), name=block)


def named_regions(vectors: np.ndarray, names: Sequence[str] | pd.Index, labels: Sequence[MaskLabel]) -> pd.DataFrame:
    """Return the vectors of several regions as a row each, by their labels.

    Examples
    --------
    >>> print(named_regions(np.array([[7.0], [8.0]]), ["shape_VoxelVolume"], ["any", [1, 2]]).to_csv())
    label,shape_VoxelVolume
    any,7.0
    "1, 2",8.0
    <BLANKLINE>
    """
    rows = [str([*one])[1:-1] if isinstance(one, Sequence) and one != "any" else one for one in labels]
    return pd.DataFrame(vectors, pd.Index(rows, name="label"), pd.Index(names, name=None))
