"""What an encoder was trained on, known again by sample, by files and by pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np

from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import CohortError
from radiofuse.store.picture_rows import NamedRows, PictureRows


class SeenRowsWarning(UserWarning):
    """An encoder was asked about pictures that it was trained on: its answers are fitted to their labels."""


def rows_seen(trained: TrainedEncoder, crops: NamedRows, rows: Iterable[int]) -> dict[int, str]:
    """Return the rows that an encoder was trained on, by their sample, files or pixels, with a sentence each.

    A file that was compressed anew has other bytes and the same pixels.

    Parameters
    ----------
    trained : TrainedEncoder
    crops : Crops or Pictures
    rows : iterable of int
        Rows of ``crops``.
    """
    ids, keys, found = trained.training_ids, trained.training_keys, {}
    for row in rows:
        name = f"Sample {crops.sample_ids[row]} ({crops.modalities[row]})"
        if crops.sample_ids[row] in ids:
            found[row] = (
                f"{name} is one that the encoder was trained on, so its features would be fitted to its label. "
                "Ask about other samples; another patient of that name needs another sample_id."
            )
        elif crops.keys[row] in keys or crops.digest(row) in trained.training_pixels:
            found[row] = (
                f"{name} has the image of another sample, which the encoder was trained on. Give both "
                "samples one patient_id, or leave one of them out."
            )
    return found


def refuse_seen(trained: TrainedEncoder, crops: PictureRows, pointers: np.ndarray) -> None:
    """Raise a CohortError if an encoder was trained on one of these rows of ``crops``."""
    seen = rows_seen(trained, crops, pointers)
    if seen:
        raise CohortError("The table to encode", list(seen.values()))


def warn_seen(trained: TrainedEncoder, crops: PictureRows, pointers: np.ndarray) -> None:
    """Warn if an encoder was trained on some of these rows, which stand for nobody but themselves."""
    n_seen = len(rows_seen(trained, crops, pointers))
    if n_seen:
        warnings.warn(
            f"The encoder was trained on {n_seen} of {len(pointers)} pictures, so that what it says of them is fitted "
            "to their labels and better than what it says of others. Score it on pictures that it was not trained on, "
            "as cross_val_predict does; CropEncoder.fit_transform has features of the training pictures to learn from.",
            SeenRowsWarning,
            stacklevel=5,
        )
