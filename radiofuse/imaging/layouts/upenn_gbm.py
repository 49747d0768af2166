"""The layout of UPENN-GBM (Bakas et al. 2022, Sci Data 9:453): ``UPENN-GBM-00001_11_T1GD.nii.gz``.

The two digits count the visit (1: before, 2: after surgery) and the version.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from radiofuse.imaging.layouts.rules import SUFFIX, NameRule
from radiofuse.imaging.layouts.volume import Found

NAMES = NameRule(
    rf"(?:.*/)?(?P<sample>(?P<patient>UPENN-GBM-\d{{5}})_(?:1\d|(?P<follow_up>2\d)))_(?P<kind>\w+){SUFFIX}",
    {"t1": "t1", "t1gd": "t1ce", "t2": "t2", "flair": "flair"},
    {"segm": "", "automated_approx_segm": ""},
)


def find(folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found:
    """Return the scans of UPENN-GBM; a segmentation that was corrected by hand goes before the automated one."""
    drawn = {path for path in paths if path.endswith("_segm.nii.gz") and "_automated_approx_" not in path}
    replaced = {path.replace("_segm.", "_automated_approx_segm.").rpartition("/")[2] for path in drawn}
    kept = [path for path in paths if path.rpartition("/")[2] not in replaced]
    return replace(NAMES, follow_ups=follow_ups).find(folder, kept)
