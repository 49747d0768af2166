"""EmbeddingExtractor: one image and one mask in, the embedding of its tumor by a trained encoder out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.errors import BundleError, ImageError, RequestError
from radiofuse.extract.named import named_features
from radiofuse.imaging import Cropping, RoiPair, check_pair, read_pair, tumor_crops
from radiofuse.imaging.crop_file import pixels_digest
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Block

if TYPE_CHECKING:
    import pandas as pd
    import SimpleITK as sitk

    from radiofuse.deep.weights import TrainedEncoder


class EmbeddingExtractor:
    """The embedding of one region in one image, by an encoder whose weights are fixed.

    For encoders that were trained on other patients: tumors the encoder was trained on are refused, by
    the pixels of their crops as they were in training, since their embeddings are fitted to their labels.

    Parameters
    ----------
    encoder : str
        What the weights belong to: a key of ``ENCODERS`` or ``package.module:Class``.
    weights : path
        A folder with one trained encoder, or its ``.safetensors`` file; the card lies beside it.
    label : "any", int or list of int, optional
        Which mask values are the tumor. Left out, that of the cohort table holds (1 for pyradiomics'
        batch tables), else ``"any"``.
    cropping : Cropping, optional
        Left out, that of the crops the encoder was trained on.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    RequestError
        If there is no trained encoder, more than one, or another one than ``encoder``.
    BundleError
        If weights or card are damaged.

    See Also
    --------
    RadiomicsExtractor : Features by formula.

    Examples
    --------
    >>> EmbeddingExtractor("san10_small", weights="nowhere")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: nowhere holds 0 trained encoders; one was expected. ...
    """

    def __init__(
        self,
        encoder: str,
        *,
        weights: str | Path,
        label: MaskLabel | None = None,
        cropping: Cropping | None = None,
        device: str = "auto",
    ):
        self.encoder = encoder
        self.weights = weights
        self.label_is_named = label is not None
        self.label = "any" if label is None else label
        self.device = device
        self._trained = _load(encoder, Path(weights))
        self._trained_cropping = Cropping(**self._trained.card["inputs"]["crops"]["cropping"])
        self.cropping = self._trained_cropping if cropping is None else cropping

    def __reduce__(self) -> tuple:  # each worker process loads the weights itself
        label = self.label if self.label_is_named else None
        options: dict[str, Any] = {
            "weights": self.weights,
            "label": label,
            "cropping": self.cropping,
            "device": self.device,
        }
        return partial(type(self), **options), (self.encoder,)

    def feature_names(self) -> list[str]:
        """Return the feature names, ``<encoder>_0001`` and so on, in the order of the vector."""
        from radiofuse.deep.encoders.by_name import feature_names

        return feature_names(self.encoder, self._trained.card["embedding_dim"])

    def block(self) -> Block:
        """Return what identifies these features in a store: the weights and the cropping."""
        from radiofuse.deep.encoders.by_name import short_name
        from radiofuse.deep.stored_embeddings import identity_of

        identity = {**identity_of(self._trained), **self.cropping.identity()}
        return Block.create(short_name(self.encoder), self.feature_names(), identity)

    def extract(
        self, image: str | Path | sitk.Image, mask: str | Path | sitk.Image, *, as_array: bool = False
    ) -> pd.Series | np.ndarray:
        """Return the embedding of one image and mask, by name.

        Parameters
        ----------
        image, mask : path or SimpleITK.Image
            Either two files or two images in memory, 3-D, on one grid.
        as_array : bool, default=False
            Return the values alone, in the order of ``feature_names``.

        Returns
        -------
        Series of float64, indexed by feature name, or ndarray of shape (n_features,)

        Raises
        ------
        ImageError
            If file, mask or region is unusable, or the encoder was trained on it; ``code`` says why.
        """
        from radiofuse.deep.encoders.by_name import short_name

        read: Callable[..., RoiPair] = read_pair if isinstance(image, (str, Path)) else check_pair
        vector = self.compute(read(image, mask, label=self.label))
        return vector if as_array else named_features(vector, self.feature_names(), short_name(self.encoder))

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the embedding, shape (n_features,), of a pair that passed the gate."""
        from radiofuse.deep.encoders.embedding import embed
        from radiofuse.deep.scaling import scaled

        crops = tumor_crops(pair, self.cropping)
        as_trained = crops if self.cropping == self._trained_cropping else tumor_crops(pair, self._trained_cropping)
        if pixels_digest(as_trained.images, as_trained.masks) in self._trained.training_pixels:
            raise ImageError(
                "encoder_saw_it",
                f"The encoder {self.encoder} was trained on this very tumor, so its features would be fitted to its "
                "label. Take an encoder trained on other patients, or CropEncoder, which trains one per fold.",
            )
        counts = np.array([len(crops.images)])
        pictures = scaled(crops.images[:, None], counts, self._trained.scaling)
        embedding, _ = embed(self._module, pictures, counts, device=self.device)
        return embedding[0].astype(np.float64)

    @cached_property
    def _module(self) -> Any:
        return self._trained.module()


def _load(encoder: str, weights: Path) -> TrainedEncoder:
    from radiofuse.deep.weights import load_encoder

    found = [weights] if weights.is_file() else sorted(weights.glob("*.safetensors"))
    if len(found) != 1:
        raise RequestError(
            f"{weights} holds {len(found)} trained encoders; one was expected. Name the .safetensors file of one."
        )
    trained = load_encoder(found[0].parent, found[0].stem)
    if trained is None:
        raise BundleError(f"{found[0]} has no card beside it ({found[0].stem}.json). Copy both files.")
    if trained.card["encoder"] != encoder:
        raise RequestError(f"{found[0]} holds weights of {trained.card['encoder']}, not of {encoder}. Name that one.")
    return trained
