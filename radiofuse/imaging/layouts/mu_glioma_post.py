"""The layout of MU-Glioma-Post (TCIA): ``PatientID_0003/Timepoint_1/PatientID_0003_Timepoint_1_brain_t1c.nii.gz``."""

from __future__ import annotations

from pathlib import Path

from radiofuse.imaging.layouts.rules import SUFFIX, NameRule
from radiofuse.imaging.layouts.volume import Found

NAMES = NameRule(
    rf"(?:.*/)?(?P<sample>(?P<patient>PatientID_\d+)_(?P<session>Timepoint_\d+))_(?P<kind>\w+?){SUFFIX}",
    {"brain_t1n": "t1", "brain_t1c": "t1ce", "brain_t2w": "t2", "brain_t2f": "flair"},
    {"tumormask": ""},
)


def find(folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found:
    """Return the scans of MU-Glioma-Post: all time points, which are what the data set is about."""
    del follow_ups
    return NAMES.find(folder, paths)
