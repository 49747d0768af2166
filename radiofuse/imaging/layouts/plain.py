"""One patient's folder of files that are called by what they show alone: ``flair.nii.gz``, ``seg.nii.gz``."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from radiofuse.imaging.layouts.pattern import MASK_WORDS, modality_of
from radiofuse.imaging.layouts.rules import SUFFIX, one_of_each
from radiofuse.imaging.layouts.volume import BRAIN, IMAGE, MASK, Found, FoundVolume
from radiofuse.imaging.layouts.walk import image_files, passed_over

ALSO_CALLED = {"t1n": "t1", "t1c": "t1ce", "t1gd": "t1ce", "t2w": "t2", "t2f": "flair"}
BRAIN_WORDS = ("brain_mask", "brain")


def find(folder: Path, modalities: Collection[str]) -> Found:
    """Return the files that lie in a folder and bear the plain name of a modality, with the masks beside them.

    Parameters
    ----------
    folder : Path
        Of one patient, who is called as the folder is.
    modalities : collection of str
        Those to look for; a name of BraTS 2023 (``t1c``) or UPenn (``t1gd``) also finds its modality.

    Raises
    ------
    RequestError
        If there is no such folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("FLAIR.nii.gz", "t1c.nii", "seg.nii.gz", "notes.nii"):
    ...         Path(folder, name).touch()
    ...     found = find(Path(folder), ["t1ce", "flair"])
    >>> [volume.modality or volume.role for volume in found.volumes]
    ['flair', 'mask', 't1ce']
    """
    paths, notes = image_files(folder)
    volumes = [_volume(folder, name, modalities) for name in paths if "/" not in name]
    known = [one for one in volumes if one.role != IMAGE or one.modality in modalities]
    found, twice = one_of_each(known, lambda one: modality_of(_stem(one.path)) != one.modality)
    return Found(found, [*notes, *twice, *passed_over(folder, paths, found)])


def _stem(path: Path) -> str:
    return re.sub(f"{SUFFIX}$", "", path.name.lower())


def _volume(folder: Path, name: str, modalities: Collection[str]) -> FoundVolume:
    path, patient = folder / name, folder.resolve().name
    stem = _stem(path)
    if stem in BRAIN_WORDS:
        return FoundVolume(path, patient, patient, BRAIN)
    if stem in MASK_WORDS:
        return FoundVolume(path, patient, patient, MASK)
    own = modality_of(stem)
    return FoundVolume(path, patient, patient, IMAGE, own if own in modalities else ALSO_CALLED.get(own, own))
