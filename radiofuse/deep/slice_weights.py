"""How much each slice of a patient counts to a network with attention over slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.deep.encoders.embedding import said_of
from radiofuse.deep.pictures import named_rows
from radiofuse.deep.scaling import scaled
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.store.picture_rows import PictureRows


def slice_weights(
    trained: TrainedEncoder, crops: PictureRows, rows: Sequence[int], *, device: str = "auto"
) -> list[np.ndarray]:
    """Return the attention that a network pays to each picture of some rows.

    Parameters
    ----------
    trained : TrainedEncoder
        Trained with ``aggregate="attention"``.
    crops : Crops or Pictures
    rows : sequence of int
        Rows of ``crops``.
    device : str, default="auto"

    Returns
    -------
    list of ndarray
        For each row a weight per picture, in the order of the pictures; their sum is 1.

    Raises
    ------
    RequestError
        If the network has no attention over slices.
    """
    counts = crops.counts(rows)
    with named_rows(crops, rows):
        pictures = scaled(crops.pictures(rows), counts, trained.scaling)
        return said_of(trained.module(), pictures, counts, device=device, n_classes=trained.n_classes).weights
