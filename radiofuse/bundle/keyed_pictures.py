"""Pictures of new patients as a bundle for handing on knows those of training: by keyed hashes."""

from __future__ import annotations

from collections.abc import Sequence

from radiofuse.fuse import HoldsFiles
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.store.picture_rows import NamedRows


class KeyedPictures:
    """The names of rows of pictures under a key; nothing of their pixels.

    Parameters
    ----------
    pictures : Crops or Pictures
    pseudonyms : Pseudonyms
    """

    def __init__(self, pictures: NamedRows, pseudonyms: Pseudonyms) -> None:
        self._pictures, self._pseudonyms = pictures, pseudonyms
        self.sample_ids = list(map(pseudonyms.of, pictures.sample_ids))
        self.modalities = pictures.modalities
        self.keys = list(map(pseudonyms.digest, pictures.keys))

    def digest(self, row: int) -> str:
        """Return the keyed digest of the pixels of one row."""
        return self._pseudonyms.digest(self._pictures.digest(row))


def rows_seen_by(encoders: Sequence[HoldsFiles], pictures: NamedRows, pseudonyms: Pseudonyms | None) -> dict[int, str]:
    """Return the rows of pictures that some encoder was trained on, with a sentence each.

    Parameters
    ----------
    encoders : sequence of estimators
        Of a bundle.
    pictures : Crops or Pictures
    pseudonyms : Pseudonyms or None
        Under which the encoders know their training samples; None where they know them as they are.
    """
    asked = pictures if pseudonyms is None else KeyedPictures(pictures, pseudonyms)
    told = {row: words for encoder in encoders for row, words in encoder.rows_seen(asked).items()}
    return {row: words.replace(asked.sample_ids[row], pictures.sample_ids[row]) for row, words in told.items()}
