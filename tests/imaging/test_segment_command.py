"""Files as other programs want them named."""

from __future__ import annotations

import os
import select
from pathlib import Path

import numpy as np
import pytest

from radiofuse.errors import ImageError
from radiofuse.imaging import outside_programs, write_volume
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


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    """A pipe hangs up once the shell and its child, who hold its other end, are gone."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.close(os.open(pipe, os.O_WRONLY))  # so that it hangs up even if the shell is too slow to open it
    write_volume(tmp_path / "t1.nii.gz", np.ones((3, 3, 3), np.int16), spacing_mm=(1, 1, 1))
    command = f"sh -c 'exec 3> {pipe}; sleep 30 & sleep 30' {{images}} {{out}}"
    masks = CommandMasks(command, ("t1",), None, time_limit_s=0.5)
    told = r"^sh made no mask of the tumor within 0.5 s, and was ended with all that .* with --time-limit-s,"
    with pytest.raises(ImageError, match=told):
        masks.make("s0", "p0", {"t1": str(tmp_path / "t1.nii.gz")})
    watch = select.poll()
    watch.register(end)
    assert watch.poll(10_000) == [(end, select.POLLHUP)]
    os.close(end)


def test_last_words_begin_with_a_word() -> None:
    said = outside_programs.last_words("x" * 40 + " cannot read P1_0002.nii.gz" * 10)
    assert said.startswith("... ") and len(said) <= outside_programs.LAST_WORDS + 4
    assert set(said.split()) == {"...", "cannot", "read", "P1_0002.nii.gz"}
