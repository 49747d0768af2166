"""The layout of UCSF-PDGM (Calabrese et al. 2022, Radiology AI 4:e220058; TCIA, version 5), and its metadata.

Folders are ``UCSF-PDGM-0004_nifti``, the files in them ``UCSF-PDGM-0004_T1c_bias.nii.gz``. The metadata table writes
the same patients with three digits, ``UCSF-PDGM-004``. ``_FU`` marks the 6 scans of patients who came again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from radiofuse.imaging.layouts.rules import SUFFIX, NameRule
from radiofuse.imaging.layouts.volume import Found
from radiofuse.wording import counted, some

NAMES = NameRule(
    rf"(?:.*/)?(?P<sample>(?P<patient>UCSF-PDGM-\d{{3,4}})(?P<follow_up>_FU\w*?)?)_(?P<kind>[A-Za-z0-9]+(?:_\w+)?){SUFFIX}",
    {"t1": "t1", "t1c": "t1ce", "t2": "t2", "flair": "flair"},
    {"tumor_segmentation": ""},
    brains=("brain_segmentation",),
    preferred=("_bias", ""),
)


def find(folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found:
    """Return the scans of UCSF-PDGM: bias-corrected images where they are there, tumor and brain masks."""
    found = replace(NAMES, follow_ups=follow_ups).find(folder, paths)
    images = [volume for volume in found.volumes if volume.role == "image"]
    plain = [volume.sample_id for volume in images if not re.search(rf"_bias{SUFFIX}$", volume.path.name)]
    if plain:
        what = f"{counted(len(plain), 'image has', 'images have')} no bias-corrected file (*_bias)"
        found.notes.append(f"{what}; the plain one is taken: {some(dict.fromkeys(plain))}.")
    return replace(found, labels=_metadata(folder))


def _metadata(folder: Path) -> Path | None:
    tables = sorted(folder.glob("*metadata*.csv"))
    return tables[0] if tables else None
