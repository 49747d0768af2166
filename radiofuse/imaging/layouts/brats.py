"""The layouts of the BraTS challenges, 2017 to 2023, and of data sets that are named alike.

Menze et al. 2015, IEEE Trans Med Imaging 34:1993-2024; Baid et al. 2021, arXiv 2107.02314.
"""

from __future__ import annotations

from pathlib import Path

from radiofuse.imaging.layouts.rules import SUFFIX, NameRule
from radiofuse.imaging.layouts.volume import Found

# BraTS20_Training_001_t1ce.nii.gz, Brats18_CBICA_AAB_1_flair.nii.gz, BraTS2021_00000_seg.nii.gz; our phantoms call the
# segmentation phantom-001_mask.nii.gz, which a mask of the brain is not taken for
OLD_NAMES = NameRule(
    rf"(?:.*/)?(?P<sample>[^/]+?)_(?P<kind>flair|t1|t1ce|t2|seg|(?<!brain_)mask){SUFFIX}",
    {"t1": "t1", "t1ce": "t1ce", "t2": "t2", "flair": "flair"},
    {"seg": "", "mask": ""},
    preferred=("_seg", ""),
)
# BraTS-GLI-00000-000-t1n.nii.gz: the last number counts the scans of a patient
NEW_NAMES = NameRule(
    rf"(?:.*/)?(?P<sample>(?P<patient>BraTS-[\w-]*?\d{{5}})-(?P<session>\d{{3}}))-(?P<kind>t1n|t1c|t2w|t2f|seg){SUFFIX}",
    {"t1n": "t1", "t1c": "t1ce", "t2w": "t2", "t2f": "flair"},
    {"seg": ""},
)
_GRADES = {"HGG": "1", "LGG": "0"}


def find(folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found:
    """Return the scans of a folder named as BraTS names them; every time point counts.

    Where the folders HGG and LGG hold the patients (2017 to 2019), the grade is a column ``high_grade``.
    """
    del follow_ups  # all time points are kept: the data set has no other visit than a scan
    new, old = (rule.find(folder, paths) for rule in (NEW_NAMES, OLD_NAMES))  # both may lie in one folder
    volumes = sorted([*new.volumes, *old.volumes], key=lambda volume: volume.path.as_posix())
    grades = {volume.sample_id: grade for volume in volumes if (grade := _grade(volume.path, folder)) is not None}
    values = {"high_grade": grades} if set(grades.values()) == set(_GRADES.values()) else {}
    return Found(volumes, new.notes + old.notes, values=values)


def _grade(path: Path, folder: Path) -> str | None:
    parts = path.relative_to(folder.parent).parts
    return next((grade for name, grade in _GRADES.items() if name in parts), None)
