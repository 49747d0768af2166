"""Files as other programs want them named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofuse.errors import ImageError
from radiofuse.imaging import write_volume
from radiofuse.imaging.segment_command import CommandMasks


@pytest.mark.parametrize(
    ("naming", "names"),
    [
        ("nnunet", ["s0_0000.nii.gz", "s0_0001.nii.gz"]),
        ("brats", ["s0/s0-t1c.nii.gz", "s0/s0-t2w.nii.gz"]),
    ],
)
def test_a_program_finds_the_files_under_its_own_names_and_in_its_own_order(
    tmp_path: Path, naming: str, names: list[str]
) -> None:
    images = {}
    for number, modality in enumerate(("t2", "t1", "t1ce")):
        images[modality] = str(tmp_path / f"{modality}.nii.gz")
        write_volume(images[modality], np.full((3, 3, 3), number, np.int16), spacing_mm=(1, 1, 1))
    masks = CommandMasks("find {images} {out} -name *.nii.gz", ("t1ce", "t2"), None, naming)
    with pytest.raises(ImageError, match="wrote no s0.nii.gz") as refused:
        masks.make("s0", "p0", images)
    listed = str(refused.value).partition("It said: ")[2].split()
    assert sorted(path.partition("/images/")[2] for path in listed) == names


def test_programs_of_another_command_make_other_masks(tmp_path: Path) -> None:
    asked = [CommandMasks(f"ls {{images}} {{out}} {word}", ("t1",), None) for word in ("a", "b", "b")]
    assert asked[0].identity != asked[1].identity == asked[2].identity
