"""Trained U-Nets in a folder, one for each fold of the patients, so that every patient has one that never saw them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from radiofuse.deep.device import choose_device
from radiofuse.deep.segmentation.options import SegmenterOptions
from radiofuse.deep.segmentation.unet import UNet
from radiofuse.deep.weights import TrainedEncoder, load_encoder
from radiofuse.errors import BundleError, ImageError

CARD = "segmenter.json"
SCHEMA = 1
SEEN = "seen_in_training"


@dataclass(frozen=True)
class Segmenter:
    """What a training left in a folder.

    Attributes
    ----------
    digest : str
        Of the card, which vouches for the weights: what masks are known by.
    channels : tuple of str
        The sequences that it reads, in order.
    coding : dict of str to int, or None
        The label of each part in the masks that it learned from; None: any label was tumor.
    options : SegmenterOptions
    folds : list of TrainedEncoder
        The weights of each fold, and which samples they were trained on.
    patients : list of frozenset of str
        Whom each fold was trained on.
    largest : float
        The largest intensity that it was trained on, without its sign.
    spacing_mm : tuple of two tuples
        The smallest and the largest voxel along each axis that it was trained on.
    """

    digest: str
    channels: tuple[str, ...]
    coding: dict[str, int] | None
    options: SegmenterOptions
    folds: list[TrainedEncoder] = field(repr=False)
    patients: list[frozenset[str]] = field(repr=False)
    largest: float
    spacing_mm: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def n_classes(self) -> int:
        """How many classes a voxel may have, the background among them."""
        return 2 if self.coding is None else 1 + len(self.coding)

    def nets(self, device: str = "auto") -> list[nn.Module]:
        """Return the network of each fold, in eval mode.

        Raises
        ------
        BundleError
            If weights are absent, corrupted, or those of another architecture.
        """
        empty = (UNet(len(self.channels), self.n_classes, **self.options.network()) for _ in self.folds)
        chosen = choose_device(device)
        return [fold.filled(net).to(chosen) for fold, net in zip(self.folds, empty, strict=True)]

    def unseeing(self, patient_id: str, digests: Sequence[str]) -> list[int]:
        """Return the folds that were not trained on a patient, nor on any image of theirs.

        Parameters
        ----------
        patient_id : str
        digests : sequence of str
            SHA-256 of files and of voxels.

        Raises
        ------
        ImageError
            ``seen_in_training`` if all were.
        """
        known = set(digests)
        folds = [
            number
            for number, (fold, patients) in enumerate(zip(self.folds, self.patients, strict=True))
            if patient_id not in patients and not known & (fold.training_keys | fold.training_pixels)
        ]
        if not folds:
            raise ImageError(
                SEEN,
                "Every fold of the segmenter was trained on this patient's images, so that its mask would repeat the "
                "expert's. Give samples of one patient one patient_id, and train again.",
            )
        return folds


def load_segmenter(folder: str | Path) -> Segmenter:
    """Return what a training left in a folder.

    Raises
    ------
    BundleError
        If there is none, or it is damaged.

    Examples
    --------
    >>> load_segmenter("nowhere")
    Traceback (most recent call last):
    radiofuse.errors.BundleError: nowhere holds no segmenter: there is no segmenter.json. ...
    """
    folder = Path(folder)
    try:
        content = (folder / CARD).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder} holds no segmenter: there is no {CARD}. Make one with `radiofuse segment COHORT --train "
            f"{folder}`."
        ) from None
    try:
        card = json.loads(content)
        return _of_card(folder, card, hashlib.sha256(content).hexdigest())
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder / CARD} is damaged or of another version ({error}). Train again.") from None


def _of_card(folder: Path, card: Mapping[str, Any], digest: str) -> Segmenter:
    if card["schema"] != SCHEMA:
        raise BundleError(f"{folder / CARD} follows schema {card['schema']}, and this version reads {SCHEMA}.")
    folds = []
    for told in card["folds"]:
        fold = load_encoder(folder, told["key"])
        if fold is None or fold.card["sha256"] != told["sha256"]:
            raise BundleError(f"{folder / told['key']} is absent or of another training. Copy the whole folder again.")
        folds.append(fold)
    low, high = (tuple(each) for each in card["spacing_mm"])
    return Segmenter(
        digest,
        tuple(card["channels"]),
        card["coding"],
        SegmenterOptions.from_dict(card["options"]),
        folds,
        [frozenset(fold.card["training_patients"]) for fold in folds],
        float(card["largest"]),
        (low, high),
    )
