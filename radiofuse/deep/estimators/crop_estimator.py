"""What estimators of crops share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, StrOptions

from radiofuse.deep.aggregation import AGGREGATIONS
from radiofuse.deep.estimators.pointers import crop_column
from radiofuse.deep.keyed_encoder import keyed_encoder
from radiofuse.deep.scaling import METHODS, OVER
from radiofuse.deep.seen_rows import rows_seen
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.estimators import Seed
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.patients.routing import TakesGroups
from radiofuse.store.picture_rows import NamedRows, PictureRows
from radiofuse.tables import columns


class CropEstimator(TakesGroups):
    """Their modality, the kinds of their parameters, and where weights and crops lie."""

    _parameter_constraints: dict = {
        "encoder": [str],
        "picture_shape": ["array-like", None],
        "crops": [HasMethods(["pictures", "pointer_table"]), str, PathLike, None],
        "cache": [str, PathLike, None],
        "training": [Mapping, None],
        "options": [Mapping, None],
        "intensities": [StrOptions(set(METHODS))],
        "over": [StrOptions(set(OVER))],
        "aggregate": [StrOptions(set(AGGREGATIONS))],
        "device": [str],
        "random_state": ["random_state"],
    }
    # here, since models of before they were there were pickled without
    picture_shape: Sequence[int] | None = None
    picture_shape_: tuple[int, ...] | None = None

    encoder: str
    crops: PictureRows | str | Path | None
    cache: str | Path | None
    training: Mapping[str, Any] | None
    options: Mapping[str, Any] | None
    intensities: str
    over: str
    aggregate: str
    device: str
    random_state: Seed
    encoder_: TrainedEncoder
    smallest_: int

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.crops is not None  # a row without a crop
        tags.input_tags.three_d_array = self.crops is None
        tags.target_tags.required = True
        return tags

    @property
    def modality(self) -> str:
        """The modality whose crops were learned from."""
        return columns.split(crop_column(self.feature_names_in_))[0]

    def portable(self, folder: Path) -> Self:
        """Return a copy whose weights lie in ``folder`` and that knows of no crops and no cache.

        Parameters
        ----------
        folder : Path
            Made if there are weights to put there; the copy names it by its last part alone.

        Returns
        -------
        estimator
            Without the inner encoders, which are of use to the training rows alone.
        """
        copied = copy(self).set_params(crops=None, cache=None)
        if hasattr(self, "encoder_"):
            copied.encoder_ = replace(self.encoder_.copied_to(folder), folder=Path(folder.name))
        if hasattr(self, "inner_encoders_"):
            copied.inner_encoders_ = []
        return copied

    def attached(
        self,
        *,
        weights: Path | None = None,
        crops: PictureRows | None = None,
        cache: str | Path | None = None,
        device: str | None = None,
    ) -> Self:
        """Return a copy that finds things where they lie now; what is left out stays as it is.

        Parameters
        ----------
        weights : Path, optional
            Folder of the trained encoder.
        crops : Crops, optional
            Of the rows to answer for.
        cache : path, optional
            Folder of the feature store that keeps their embeddings.
        device : str, optional
            Where the network computes.
        """
        places: dict[str, Any] = {"crops": crops, "cache": cache, "device": device}
        copied = copy(self).set_params(**{name: place for name, place in places.items() if place is not None})
        if weights is not None and hasattr(self, "encoder_"):
            copied.encoder_ = replace(self.encoder_, folder=weights)
        return copied

    def keyed(self, pseudonyms: Pseudonyms) -> Self:
        """Return a copy that knows its training samples by keyed hashes, and weights from elsewhere by a file's name.

        Parameters
        ----------
        pseudonyms : Pseudonyms
        """
        copied, options = copy(self), dict(self.options or {})
        if "weights" in options:
            copied.set_params(options=options | {"weights": Path(options["weights"]).name})
        if hasattr(self, "encoder_"):
            copied.encoder_ = keyed_encoder(self.encoder_, pseudonyms)
        if hasattr(self, "alignments_"):  # of use to the training rows alone
            copied.alignments_ = []
        return copied

    def training_ids(self) -> frozenset[str]:
        """Return the samples that the encoder was trained on; none before ``fit``."""
        return self.encoder_.training_ids if hasattr(self, "encoder_") else frozenset()

    def rows_seen(self, crops: NamedRows) -> dict[int, str]:
        """Return the rows of this modality that the encoder was trained on, as ``rows_seen``; none before ``fit``."""
        if not hasattr(self, "encoder_"):
            return {}
        own = [row for row, modality in enumerate(crops.modalities) if modality == self.modality]
        return rows_seen(self.encoder_, crops, own)

    def version_warning(self) -> str:
        """Return a sentence if the encoder has another version here than when it was trained, else nothing."""
        return self.encoder_.version_warning() if hasattr(self, "encoder_") else ""
