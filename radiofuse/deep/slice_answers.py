"""What a network says of each slice of a patient, and how much each counts where it has attention over slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import softmax

from radiofuse.deep.aggregation import Said
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
    return [said.weights[0] for said in _said(trained, crops, rows, device)]


def slice_probabilities(
    trained: TrainedEncoder, crops: PictureRows, rows: Sequence[int], *, device: str = "auto"
) -> list[np.ndarray]:
    """Return a network's probabilities for each picture of some rows.

    Slices of one patient are not independent: what is computed from them says less than their number suggests.

    Parameters
    ----------
    trained : TrainedEncoder
        With an answer of its own: not a frozen one.
    crops, rows, device
        As for ``slice_weights``. Whoever asks takes care that the encoder was not trained on the rows.

    Returns
    -------
    list of ndarray of shape (n_pictures, n_classes)
    """
    return [softmax(said.logits.astype(np.float64), axis=1) for said in _said(trained, crops, rows, device)]


def _said(trained: TrainedEncoder, crops: PictureRows, rows: Sequence[int], device: str) -> Iterator[Said]:
    """Yield what is said of the pictures of one row after the other."""
    module, options = trained.module(), {"device": device, "n_classes": trained.n_classes}
    for row in rows:
        counts = crops.counts([row])
        with named_rows(crops, [row]):
            pictures = scaled(crops.pictures([row]), counts, trained.scaling)
            yield said_of(module, pictures, counts, **options)
