"""DICOM as scanners and archives export it: series, segmentations and contours to NIfTI volumes and masks."""

from __future__ import annotations

from radiofuse.imaging.dicom.convert import convert_tree
from radiofuse.imaging.dicom.naming import pseudonym
from radiofuse.imaging.dicom.segments import read_segments, write_segments

__all__ = ["convert_tree", "pseudonym", "read_segments", "write_segments"]
