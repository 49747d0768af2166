"""What looks wrong in a cohort of images when each is held against the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from radiofuse.imaging.portrait import Portrait

ALIKE = 0.98  # correlation of two sequences of a sample from which on they look like one
COPY = 0.999  # of two samples
TYPICAL = 0.6  # correlation with the mean image from which on a cohort has a common look at all
TURNED, BELOW = 0.1, 0.1  # more like the mean than unmirrored by so much, and less than is typical by no more
LEAST_IMAGES = 8  # fewer, and a mean image has the tumors of single patients in it
LEAST_ML, LARGEST_SHARE = 0.1, 0.85  # masks of tumors, in windows around them too, hold less
AXES = {0: "left and right exchanged", 1: "front and back exchanged", 2: "upside down"}  # of the small copies

Portraits = Mapping[tuple[str, str], Portrait]


def suspicions(portraits: Portraits) -> dict[str, list[str]]:
    """Return sentences by sample.

    Parameters
    ----------
    portraits : mapping
        ``(sample_id, modality)`` to the portrait.
    """
    told: dict[str, list[str]] = {}
    for about in (_masks, _alike, _turned, _copies):
        for sample, sentence in about(portraits):
            told.setdefault(sample, []).append(sentence)
    return told


def _masks(portraits: Portraits) -> list[tuple[str, str]]:
    """Tell of masks that are nearly empty or nearly everything, once for the modalities that share one."""
    found: dict[tuple[str, str], list[str]] = {}
    for (sample, modality), one in portraits.items():
        volume = sum(one.volumes_ml.values())
        if one.volumes_ml and volume < LEAST_ML:
            found.setdefault((sample, f"the mask is nearly empty, {volume:.3f} ml"), []).append(modality)
        elif one.share > LARGEST_SHARE:
            found.setdefault((sample, f"the mask is {one.share:.0%} of all that the image shows"), []).append(modality)
    return [(sample, f"{', '.join(names)}: {what}") for (sample, what), names in found.items()]


def _alike(portraits: Portraits) -> list[tuple[str, str]]:
    """Tell of two sequences of one sample that look like one."""
    samples = dict.fromkeys(sample for sample, _ in portraits)
    found = []
    for sample in samples:
        own = [modality for name, modality in portraits if name == sample]
        for one, other in combinations(own, 2):
            r = _correlation(portraits[sample, one].small, portraits[sample, other].small)
            if r > ALIKE:
                found.append((sample, f"{one} and {other} look alike (correlation {r:.3f})"))
    return found


def _turned(portraits: Portraits) -> list[tuple[str, str]]:
    """Tell of images that are more like the mean of the others when they are mirrored."""
    found = []
    for modality in dict.fromkeys(modality for _, modality in portraits):
        names = [name for name, of in portraits if of == modality]
        copies = (
            np.stack([portraits[name, modality].small for name in names]) if len(names) >= LEAST_IMAGES else np.empty(0)
        )
        if len(copies):
            found += _turned_of(names, copies, modality)
    return found


def _turned_of(names: Sequence[str], copies: np.ndarray, modality: str) -> list[tuple[str, str]]:
    total = copies.sum(axis=0)
    means = [(total - copy) / (len(copies) - 1) for copy in copies]
    as_they_are = np.array([_correlation(copy, mean) for copy, mean in zip(copies, means, strict=True)])
    typical = float(np.median(as_they_are))
    if typical < TYPICAL:  # windows around tumors have no common look
        return []
    found = []
    for name, copy, mean, r in zip(names, copies, means, as_they_are, strict=True):
        mirrored = {axis: _correlation(np.flip(copy, axis), mean) for axis in AXES}
        axis = max(mirrored, key=lambda one: mirrored[one])
        if mirrored[axis] > max(r + TURNED, typical - BELOW):
            how_much = f"{mirrored[axis]:.2f} instead of {r:.2f}"
            found.append((name, f"{modality}: {AXES[axis]}? Mirrored it is more like the others, {how_much}"))
    return found


def _copies(portraits: Portraits) -> list[tuple[str, str]]:
    """Tell of images of two samples that look like one."""
    found = []
    for modality in dict.fromkeys(modality for _, modality in portraits):
        names = [name for name, of in portraits if of == modality]
        flat = np.stack([portraits[name, modality].small.ravel() for name in names])
        same = np.argwhere(np.triu(flat @ flat.T / flat.shape[1], 1) > COPY)
        for one, other in same:
            found += [(names[a], f"{modality} looks like that of {names[b]}") for a, b in ((one, other), (other, one))]
    return found


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two copies, 0 where one is constant: it looks like nothing."""
    if not (one.any() and other.any()):  # a constant image has mean 0 and no deviation to divide by
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
