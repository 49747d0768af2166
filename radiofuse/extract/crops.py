"""Tumor crops of a whole cohort: through the feature store into one crop file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import StoreError
from radiofuse.extract.cohort_run import Extraction, extract_cohort
from radiofuse.files.places import on_this_machine
from radiofuse.imaging import CropIndex, Cropping, Crops, RoiPair, row_type, tumor_crops, write_crops
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Block, FeatureStore

log = logging.getLogger(__name__)

N_SLICES, N_TUMOR_SLICES, FIRST_SLICE = range(3)  # where in a vector; pixels follow the slice numbers
NO_SLICE = -1


class CropExtractor:
    """The crops of one tumor as a vector that a feature store can hold.

    The vector is: how many slices were cropped, how many have tumor in them, the number of each
    cropped slice, then the pixels of the images and of the masks, slice by slice. A tumor with
    fewer slices than ``cropping.n_slices`` is padded, numbers with -1 and pixels with 0.

    Parameters
    ----------
    cropping : Cropping, optional
        Which slices, and how many pixels; left out, the largest one at 72 x 72.
    label : "any", int or list of int, optional
        Which mask values are the tumor. Left out, that of the cohort table holds (1 for pyradiomics'
        batch tables), else ``"any"``.

    Examples
    --------
    >>> len(CropExtractor(Cropping(size=10, slices=2)).block().feature_names)
    404
    """

    def __init__(self, cropping: Cropping | None = None, *, label: MaskLabel | None = None) -> None:
        self.cropping = Cropping() if cropping is None else cropping
        self.label_is_named = label is not None
        self.label = "any" if label is None else label

    def block(self) -> Block:
        """Return what identifies these crops in a store."""
        return self._block

    @cached_property
    def _block(self) -> Block:
        n_slices, side = self.cropping.n_slices, range(self.cropping.size)
        places = [f"{n}_{row}_{column}" for n in range(n_slices) for row in side for column in side]
        names = ["n_slices", "n_tumor_slices", *(f"slice_{n}" for n in range(n_slices))]
        names += [f"{part}_{place}" for part in ("image", "mask") for place in places]
        return Block.create("crops", names, self.cropping.identity())

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the vector of a pair that passed the gate; its pixels are float32 and uint8 exactly."""
        crops = tumor_crops(pair, self.cropping)
        n, n_slices = len(crops.slices), self.cropping.n_slices
        absent = n_slices - n
        numbers = [n, crops.n_tumor_slices, *crops.slices, *[NO_SLICE] * absent]
        pixels = [np.pad(part, ((0, absent), (0, 0), (0, 0))).ravel() for part in (crops.images, crops.masks)]
        # A store holds float64, which keeps every bit of float32 and uint8.
        return np.concatenate([numbers, *pixels], dtype=np.float64)


@dataclass(frozen=True)
class CroppedCohort:
    """The crops of a cohort and what is missing from them.

    Attributes
    ----------
    crops : Crops
        One row per pair of sample and modality that could be cropped, modality by modality.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    extraction : Extraction
        How many were cropped now, and how many were in the store.
    """

    crops: Crops
    failures: pd.DataFrame
    extraction: Extraction


def collect_crops(
    cohort: pd.DataFrame, cropping: Cropping, store: FeatureStore, *, label: MaskLabel | None = None, **options: Any
) -> CroppedCohort:
    """Return the tumor crops of a cohort, cropping what the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    cropping : Cropping
        Which slices, and how many pixels.
    store : FeatureStore
        Holds the crops as vectors; the crop file is written to its folder ``crops``, once.
    label : "any", int or list of int, optional
        Which mask values are the tumor; left out, as for ``CropExtractor``.
    **options
        Passed on to ``extract_cohort``: n_jobs, retry_failed, on_hashed, on_done.

    Returns
    -------
    CroppedCohort

    Raises
    ------
    RequestError
        If the cohort has no image column.
    StoreError
        If the store cannot be written.
    """
    extraction = extract_cohort(cohort, CropExtractor(cropping, label=label), store, **options)
    index = _index(extraction, cropping)
    folder = on_this_machine(store.root) / "crops"  # processes map it into memory
    crops = _whole(folder / f"{index.digest()}.npy") or _written(folder, index, extraction.block, cropping, store)
    return CroppedCohort(crops, extraction.failures, extraction)


def _index(extraction: Extraction, cropping: Cropping) -> CropIndex:
    """Return the rows of the crop file: modality by modality, as encoders read them."""
    failed = set(zip(extraction.failures["sample_id"], extraction.failures["modality"], strict=True))
    pairs = [pair for pair in extraction.keys if pair not in failed and extraction.keys[pair]]
    place = {name: n for n, name in enumerate(dict.fromkeys(modality for _, modality in extraction.keys))}
    # An encoder reads the crops of one modality: they lie in one run of the file.
    pairs.sort(key=lambda pair: place[pair[1]])
    sample_ids, modalities = ([pair[part] for pair in pairs] for part in (0, 1))
    return CropIndex(cropping.identity(), sample_ids, modalities, [str(extraction.keys[pair]) for pair in pairs])


def _whole(path: Path) -> Crops | None:
    """Return the crops that an earlier run wrote, if they are there to the last bit."""
    if not path.exists():
        return None
    try:
        crops = Crops.open(path)
        crops.verify()
    except StoreError as damage:
        log.warning("%s This run does so.", damage)
        return None
    return crops


def _written(folder: Path, index: CropIndex, block: Block, cropping: Cropping, store: FeatureStore) -> Crops:
    kind = row_type(cropping.n_slices, cropping.size)
    try:
        path = write_crops(folder, index, kind, _rows(index, store.vectors(block, set(index.keys)), cropping))
    except OSError as error:
        raise StoreError(
            f"The crops could not be written to {folder} ({error.strerror or error}). Make room or name another "
            "store, then run the same command again: what was cropped is kept."
        ) from error
    return Crops.open(path)


def _rows(
    index: CropIndex, vectors: Iterable[tuple[str, np.ndarray]], cropping: Cropping
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield row number and record of every vector; the same files under two names are two rows."""
    numbers: dict[str, list[int]] = {}
    # The same files under two names have one key and two rows.
    for number, key in enumerate(index.keys):
        numbers.setdefault(key, []).append(number)
    larger = set()
    for key, vector in vectors:
        if vector[N_TUMOR_SLICES] > cropping.n_slices:
            larger.add(key)
        record = _record(vector, cropping)
        yield from ((number, record) for number in numbers[key])
    if larger and cropping.slices == "all":
        log.info("%d tumors lie in more than %d slices; the largest were taken.", len(larger), cropping.max_slices)


def _record(vector: np.ndarray, cropping: Cropping) -> np.ndarray:
    """Return a vector as a row of the crop file; every pixel keeps its bits."""
    record = np.zeros((), row_type(cropping.n_slices, cropping.size))
    record["count"] = vector[N_SLICES]
    pixels = vector[FIRST_SLICE + cropping.n_slices :]
    record["image"], record["mask"] = pixels.reshape(2, *record["image"].shape)
    return record
