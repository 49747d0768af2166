"""Which labels the masks of a folder hold, and so which part of the tumor each label is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import SimpleITK as sitk
from joblib import Parallel, delayed

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_mask
from radiofuse.imaging.labels import MAX_LABELS
from radiofuse.progress import Progress


def labels_in(paths: Sequence[str], *, n_jobs: int = 1, on_done: Progress | None = None) -> dict[str, list[int]]:
    """Return the labels above 0 of each mask; a mask that cannot be read, or holds intensities, is not among them.

    Parameters
    ----------
    paths : sequence of str
    n_jobs : int, default=1
        Threads.
    on_done : callable, optional
        Called with (done, total).
    """
    found: dict[str, list[int]] = {}
    results = Parallel(n_jobs, prefer="threads", return_as="generator")(delayed(_labels)(path) for path in paths)
    for done, (path, labels) in enumerate(zip(paths, results, strict=True), 1):
        if labels is not None:
            found[path] = labels
        if on_done:
            on_done(done, len(paths))
    return found


def united(labels: Iterable[Sequence[int]]) -> set[int]:
    """Return all labels that occur."""
    return {label for one in labels for label in one}


def _labels(path: str) -> list[int] | None:
    try:
        mask = read_mask(path).image
    except ImageError:  # the gate tells of it when the features are computed, or `cohort check` does
        return None
    values = np.unique(sitk.GetArrayViewFromImage(mask))
    return [int(value) for value in values if value != 0] if len(values) <= MAX_LABELS else None
