"""What a segmenter learns from: the images and experts' masks of a cohort, read once and kept in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.deep.segmentation.classes import PARTS, classes_of
from radiofuse.deep.segmentation.cross_fitting import Example
from radiofuse.errors import ImageError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.predicted_masks import ImagedSample
from radiofuse.imaging.scans import read_scan
from radiofuse.progress import Progress


def common_coding(samples: Iterable[ImagedSample]) -> dict[str, int] | None:
    """Return the label that each part of the tumor shall have; None where some expert's mask names no parts."""
    codings = [sample.coding or {} for sample in samples if sample.expert]
    if not codings or not all(set(PARTS) <= set(one) for one in codings):
        return None
    return {part: codings[0][part] for part in PARTS}


def training_examples(
    samples: Sequence[ImagedSample],
    channels: Sequence[str],
    folder: str | Path,
    *,
    scaled: bool,
    on_done: Progress | None = None,
) -> tuple[list[Example], pd.DataFrame]:
    """Return the samples that have an expert's mask as arrays that lie on disk, and those that could not be read.

    Parameters
    ----------
    samples : sequence of ImagedSample
    channels : sequence of str
    folder : path
        Where the arrays are kept; the caller removes it.
    scaled : bool
        As for ``read_scan``.
    on_done : callable, optional

    Returns
    -------
    list of Example
    failures : DataFrame
        Columns sample_id, modality, code, message.
    """
    drawn = [sample for sample in samples if sample.expert]
    with_parts = common_coding(drawn) is not None
    examples, failures = [], []
    for number, sample in enumerate(drawn, 1):
        try:
            examples.append(_example(sample, channels, Path(folder, str(number)), scaled, with_parts))
        except ImageError as error:
            failures.append((sample.sample_id, "", error.code, str(error)))
        if on_done:
            on_done(number, len(drawn))
    return examples, pd.DataFrame(failures, columns=FAILURE_COLUMNS)


def _example(sample: ImagedSample, channels: Sequence[str], place: Path, scaled: bool, with_parts: bool) -> Example:
    scan = read_scan(sample.images, channels, scaled=scaled)
    labels = scan.labels_in(sample.expert)
    if not labels.any():
        raise ImageError("empty_roi", "The mask is zero everywhere. Draw the region, or empty the cell of the mask.")
    classes = classes_of(labels, sample.coding if with_parts else None)
    box = scan.box_of_head
    voxels, truth = _kept(place, scan.voxels[:, *box], classes[box])
    digests = tuple(scan.digests.values()), tuple(scan.pixels.values())
    return Example(sample.sample_id, sample.patient_id, voxels, truth, *digests, scan.spacing_mm)


def _kept(place: Path, *arrays: np.ndarray) -> Iterator[np.ndarray]:
    """Yield arrays that lie on disk: those of a cohort would fill the memory."""
    for number, values in enumerate(arrays):
        path = f"{place}_{number}.npy"
        np.save(path, values)
        yield np.load(path, mmap_mode="r")
