"""A cohort's masks by a segmenter: files, a cohort table that says who made them, and scores against an expert's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from radiofuse.deep.segmentation.classes import classes_of
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.imaging.ready_files import keep_record, record_of, refuse_place
from radiofuse.imaging.regions import written
from radiofuse.imaging.roi import check_not_whole
from radiofuse.imaging.scans import PlacedLabels, read_placed
from radiofuse.imaging.stream import file_sha256
from radiofuse.progress import Progress
from radiofuse.statistics.segmentation import REGION_COLUMNS, region_volumes, score_regions
from radiofuse.tables.columns import join
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import MASK, MASK_REGIONS, MASK_SOURCE, PATIENT, SAMPLE

MASK_FILE = "mask.nii.gz"
REFUSED_FILE = "refused_mask.nii.gz"  # of nothing, or of everything: aside, so that nobody takes it for a mask
SCORE_COLUMNS = [SAMPLE, PATIENT, MASK_SOURCE, *REGION_COLUMNS]
ONE_REGION = {"WT": [1, 2, 3]}
REGIONS = {**ONE_REGION, "TC": [1, 3], "ET": [3]}  # by the classes of a network, as in deep/segmentation/classes.py
PARTS_TOO = {**REGIONS, "NCR": [1], "ED": [2]}
VOLUME_COLUMNS = [SAMPLE, PATIENT, MASK_SOURCE, "region", "volume_ml"]


class MaskMaker(Protocol):
    """What makes masks: networks, or a program."""

    @property
    def coding(self) -> dict[str, int] | None: ...
    @property
    def identity(self) -> str: ...
    def make(self, sample_id: str, patient_id: str, images: Mapping[str, str]) -> tuple[PlacedLabels, str]: ...
    def warnings(self) -> list[str]: ...


@dataclass(frozen=True)
class ImagedSample:
    """A row of a cohort with its images, and an expert's mask with the labels of its parts, where there is one."""

    sample_id: str
    patient_id: str
    images: dict[str, str]
    expert: str
    coding: dict[str, int] | None


@dataclass(frozen=True)
class MaskedCohort:
    """What came of a cohort.

    Attributes
    ----------
    rows : DataFrame
        The cohort's rows with the new masks and who made them; samples that failed have no image.
    scores : DataFrame
        ``SCORE_COLUMNS``, a row for each sample with an expert's mask and each region.
    volumes : DataFrame
        ``VOLUME_COLUMNS``, a row for each mask and each region and part.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    n_done, n_there : int
        Masks made now, and found as an earlier call left them.
    """

    rows: pd.DataFrame
    scores: pd.DataFrame
    volumes: pd.DataFrame
    failures: pd.DataFrame
    n_done: int
    n_there: int


def imaged_samples(cohort: pd.DataFrame, codings: Mapping[str, dict[str, int] | None]) -> list[ImagedSample]:
    """Return the samples of a cohort that have images; a mask whose ``mask_source`` says who made it is no expert's.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    codings : mapping of str to dict or None
        By sample, the label of each part in the expert's mask.

    Raises
    ------
    RequestError
        If the cohort names no images.
    """
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to segment.")
    samples = []
    for row in cohort.to_dict("records"):
        images = {name: row[join(name, "image")] for name in modalities if row[join(name, "image")]}
        masks = [path for name in images if (path := row[join(name, "mask")])]
        if images:
            expert = masks[0] if masks and not row.get(MASK_SOURCE) else ""
            samples.append(ImagedSample(row[SAMPLE], row[PATIENT], images, expert, codings.get(row[SAMPLE])))
    return samples


def make_masks(
    cohort: pd.DataFrame,
    samples: list[ImagedSample],
    maker: MaskMaker,
    folder: str | Path,
    *,
    on_done: Progress | None = None,
) -> MaskedCohort:
    """Write a mask of every sample, and score it where an expert's is there.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it without labels.
    samples : list of ImagedSample
    maker : NetworkMasks, CommandMasks or what works like them
    folder : path
        Gets ``<sample>/mask.nii.gz`` and a record beside it; what an earlier call made of the same files by the same
        segmenter stays.
    on_done : callable, optional
        Called with (done, total) samples.
    """
    folder = Path(folder).absolute()
    made: dict[str, str] = {}
    scores: list[pd.DataFrame] = []
    volumes: list[pd.DataFrame] = []
    failures, n_there = [], 0
    for number, sample in enumerate(samples, 1):
        try:
            placed, source, was_there = _mask_of(sample, maker, folder / sample.sample_id)
            volumes.append(_volumes(sample, placed, source, maker.coding))
            scored = _scores(sample, placed, source, maker.coding)
            scores += scored  # a mask of nothing, or of everything, is an answer too
            _refuse_useless(placed, folder / sample.sample_id)
            made[sample.sample_id] = source
            n_there += was_there
        except ImageError as error:
            failures.append((sample.sample_id, "", error.code, str(error)))
        if on_done:
            on_done(number, len(samples))
    tables = _joined(scores, SCORE_COLUMNS), _joined(volumes, VOLUME_COLUMNS)
    listed = pd.DataFrame(failures, columns=FAILURE_COLUMNS)
    rows = _rows(cohort, made, folder, maker.coding)
    return MaskedCohort(rows, *tables, listed, len(made) - n_there, n_there)


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _mask_of(sample: ImagedSample, maker: MaskMaker, place: Path) -> tuple[PlacedLabels, str, bool]:
    """Return the mask of a sample, who made it, and whether an earlier call did."""
    files = {name: file_sha256(path) for name, path in sample.images.items()}
    refuse_place(place, {**sample.images, **({"mask": sample.expert} if sample.expert else {})})
    digest = hashlib.sha256(repr((maker.identity, sorted(files.items()), sample.patient_id)).encode()).hexdigest()
    earlier = record_of(place)
    path = place / (REFUSED_FILE if earlier.get("refused") else MASK_FILE)
    if earlier.get("digest") == digest and path.is_file() and file_sha256(path) == earlier.get("sha256"):
        return read_placed(path), earlier["source"], True
    placed, source = maker.make(sample.sample_id, sample.patient_id, sample.images)
    classes_of(placed.labels, maker.coding)  # raises where labels are none of the parts
    place.mkdir(parents=True, exist_ok=True)
    if earlier.get("refused"):
        path.unlink(missing_ok=True)
    keep_record(place, {"digest": "", "files": {}})  # the folder is ours from here on, and not yet whole
    path = place / MASK_FILE
    placed.write(path)
    keep_record(place, {"digest": digest, "source": source, "sha256": file_sha256(path), "images": files})
    return placed, source, False


def _refuse_useless(placed: PlacedLabels, place: Path) -> None:
    """Refuse a mask of nothing, or of everything, and put its file aside."""
    try:
        if not placed.labels.any():
            raise ImageError(
                "empty_roi",
                "The segmenter found no tumor: its mask is zero everywhere, and no features can be computed in it. "
                "Look at the images, or draw the region.",
            )
        check_not_whole(placed.labels, placed.labels.size)
    except ImageError as error:
        if (place / MASK_FILE).is_file():
            (place / MASK_FILE).replace(place / REFUSED_FILE)
        keep_record(place, {**record_of(place), "refused": True})
        raise ImageError(error.code, f"{error} The mask lies aside as {place / REFUSED_FILE}.") from None


def _volumes(sample: ImagedSample, placed: PlacedLabels, source: str, coding: Mapping[str, int] | None) -> pd.DataFrame:
    """Return how large each region of a mask is."""
    regions = ONE_REGION if coding is None else PARTS_TOO
    table = region_volumes(classes_of(placed.labels, coding), regions, placed.spacing_mm)
    return table.assign(**_ids(sample, source))[VOLUME_COLUMNS]


def _ids(sample: ImagedSample, source: str) -> dict[str, str]:
    return {SAMPLE: sample.sample_id, PATIENT: sample.patient_id, MASK_SOURCE: source}


def _scores(
    sample: ImagedSample, placed: PlacedLabels, source: str, coding: Mapping[str, int] | None
) -> Iterator[pd.DataFrame]:
    """Yield the scores of a mask against the expert's, if there is one."""
    if not sample.expert:
        return
    with_parts = coding is not None and sample.coding is not None
    predicted = classes_of(placed.labels, coding if with_parts else None)
    expert = classes_of(placed.beside(sample.expert), sample.coding if with_parts else None)
    table = score_regions(predicted, expert, REGIONS if with_parts else ONE_REGION, placed.spacing_mm)
    yield table.assign(**_ids(sample, source))[SCORE_COLUMNS]


def _rows(
    cohort: pd.DataFrame, made: Mapping[str, str], folder: Path, coding: Mapping[str, int] | None
) -> pd.DataFrame:
    """Return the cohort's rows with the new masks in place of others."""
    modalities = imaged_modalities(cohort)
    of_masks = [join(name, kind) for name in modalities for kind in ("mask", "mask_label")]
    rows = cohort.drop(columns=[name for name in (*of_masks, MASK, MASK_REGIONS, MASK_SOURCE) if name in cohort])
    is_made = rows[SAMPLE].isin(made)
    for name in modalities:
        rows[join(name, "image")] = rows[join(name, "image")].where(is_made, "")
    rows[MASK] = [str(folder / sample / MASK_FILE) if sample in made else "" for sample in rows[SAMPLE]]
    rows[MASK_REGIONS] = np.where(is_made, "" if coding is None else written(coding), "")
    rows[MASK_SOURCE] = [made.get(sample, "") for sample in rows[SAMPLE]]
    return rows
