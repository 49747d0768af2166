"""BIDS data sets and their derivatives: ``sub-01/ses-1/anat/sub-01_ses-1_ce-gd_T1w.nii.gz`` (BIDS 1.10).

https://bids-specification.readthedocs.io: entities ``key-value`` joined by ``_``, the suffix last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radiofuse.imaging.layouts.rules import SUFFIX, one_of_each
from radiofuse.imaging.layouts.volume import BRAIN, IMAGE, MASK, Found, FoundVolume
from radiofuse.wording import counted, some

_NAME = re.compile(
    rf"(?:.*/)?(?P<entities>sub-[a-zA-Z0-9]+(?:_[a-z]+-[a-zA-Z0-9+]+)*)_(?P<suffix>[a-zA-Z0-9]+){SUFFIX}"
)
_MODALITIES = {"T1w": "t1", "T2w": "t2", "FLAIR": "flair", "PDw": "pd", "pet": "pet", "T2star": "t2star"}
_TUMOR = re.compile("tumou?r|lesion|glioma|gtv|wt", re.IGNORECASE)
# fMRIPrep's sub-01_dseg holds gray matter, white matter and fluid as 1, 2 and 3, the labels of a tumor's parts
_TISSUE = re.compile("aseg|aparc|wmparc|tissue|fmriprep|smriprep|freesurfer|fastsurfer|synthseg", re.IGNORECASE)


@dataclass(frozen=True)
class _File:
    path: str
    entities: dict[str, str]
    suffix: str

    @property
    def sample(self) -> str:
        session = self.entities.get("ses")
        return f"sub-{self.entities['sub']}" + (f"_ses-{session}" if session else "")

    @property
    def says_tumor(self) -> bool:
        return any(_TUMOR.search(self.entities.get(key, "")) for key in ("label", "desc"))

    @property
    def says_tissue(self) -> bool:
        """Whether a segmentation is of tissues or named areas, by its name or its pipeline's folder."""
        said = self.entities.keys() & {"atlas", "seg"} or _TISSUE.search(self.path)
        return bool(said) and not self.says_tumor

    @property
    def is_derived(self) -> bool:
        return "derivatives/" in self.path


def find(folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found:
    """Return the images and masks of a BIDS data set; each session is a sample.

    T1w with the entity ``ce`` is T1 after contrast. A mask is a ``dseg``, or a ``mask`` whose ``label`` or ``desc``
    says tumor or lesion, which goes before one that does not; those of tissues are left out. Of several files of one
    modality the one in the mask's ``space`` is taken, then the one that is no derivative.
    """
    del follow_ups
    files = [file for path in paths if (file := _parsed(path))]
    masks, of_masks = one_of_each(
        [_volume(folder, file, MASK) for file in files if _is_mask(file)], lambda volume: not _file(volume).says_tumor
    )
    spaces = {volume.sample_id: _file(volume).entities.get("space", "") for volume in masks}

    def rank(volume: FoundVolume) -> tuple[bool, bool]:
        file = _file(volume)
        return file.entities.get("space", "") != spaces.get(volume.sample_id, ""), file.is_derived

    images, of_images = one_of_each(
        [_volume(folder, file, IMAGE, _modality(file)) for file in files if _modality(file)], rank
    )
    brains, _ = one_of_each([_volume(folder, file, BRAIN) for file in files if _is_brain(file)], rank)
    labels = folder / "participants.tsv"
    found = sorted([*masks, *images, *brains], key=lambda volume: volume.path.as_posix())
    notes = [*of_masks, *of_images, *_doubtful(masks, files), *_others(files)]
    return Found(found, notes, labels=labels if labels.is_file() else None)


def _parsed(path: str) -> _File | None:
    match = _NAME.fullmatch(path)
    if match is None:
        return None
    entities = dict(part.split("-", 1) for part in match["entities"].split("_"))
    return _File(path, entities, match["suffix"])


def _file(volume: FoundVolume) -> _File:
    file = _parsed(volume.path.as_posix())
    if file is None:
        raise ValueError(f"{volume.path} is no name of BIDS.")
    return file


def _volume(folder: Path, file: _File, role: str, modality: str = "") -> FoundVolume:
    patient, session = f"sub-{file.entities['sub']}", file.entities.get("ses", "")
    return FoundVolume(folder / file.path, file.sample, patient, role, modality, session)


def _modality(file: _File) -> str:
    modality = _MODALITIES.get(file.suffix, "")
    return f"{modality}ce" if modality == "t1" and "ce" in file.entities else modality


def _is_mask(file: _File) -> bool:
    is_segmentation = file.suffix == "dseg" and not file.says_tissue
    return is_segmentation or (file.suffix == "mask" and file.says_tumor)


def _is_brain(file: _File) -> bool:
    return file.suffix == "mask" and file.entities.get("desc", file.entities.get("label", "")).lower() == "brain"


def _doubtful(masks: Iterable[FoundVolume], files: Iterable[_File]) -> list[str]:
    """Tell which segmentations are of tissues, and which masks may be: BIDS calls both ``dseg``."""
    tissue = [file.path for file in files if file.suffix == "dseg" and file.says_tissue]
    unsaid = [volume.sample_id for volume in masks if not _file(volume).says_tumor]
    notes = []
    if tissue:
        notes.append(f"{counted(len(tissue), 'segmentation')} of tissues or areas left out: {some(tissue)}.")
    if unsaid:
        notes.append(
            f"The names of {counted(len(unsaid), 'mask')} (dseg) do not say tumor or lesion: {some(unsaid)}. Check "
            "that they are not of tissues, as gray and white matter."
        )
    return notes


def _others(files: Iterable[_File]) -> list[str]:
    known = [file.suffix for file in files if _modality(file) or _is_mask(file) or _is_brain(file) or file.says_tissue]
    others = sorted({file.suffix for file in files} - set(known))
    return (
        [f"Files of {counted(len(others), 'other suffix', 'other suffixes')} left out: {some(others)}."]
        if others
        else []
    )
