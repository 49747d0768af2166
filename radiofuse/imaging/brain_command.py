"""A mask of the brain by another program: HD-BET, SynthStrip, or whatever writes one."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import outside_programs
from radiofuse.imaging.gate import read_mask

IMAGE, BRAIN = "{image}", "{brain}"
TIME_LIMIT_S = 1800  # of one sample, on a machine without a GPU
TOO_SLOW = "Run it by hand on this image to see what holds it up, or fill the column brain_mask."


def check_command(command: str) -> None:
    """Refuse a command that names no image or mask, or whose program is not there.

    Raises
    ------
    RequestError

    Examples
    --------
    >>> check_command("mri_synthstrip -i {image}")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: brain_command must hold {image} and {brain}, ...
    """
    outside_programs.check_command(
        command,
        "brain_command",
        {IMAGE: "the file to read", BRAIN: "the mask to write"},
        "mri_synthstrip -i {image} -m {brain}",
        "Install it (HD-BET: pip install hd-bet; SynthStrip comes with FreeSurfer), or fill the column brain_mask.",
    )


def brain_by(command: str, image: str) -> sitk.Image:
    """Return the mask of the brain that a program makes of an image.

    Parameters
    ----------
    command : str
        With ``{image}`` and ``{brain}``; run without a shell.
    image : str
        Path.

    Raises
    ------
    ImageError
        ``brain_missing``: the program failed, or wrote no mask.
    """
    with tempfile.TemporaryDirectory() as folder:
        brain = Path(folder, "brain.nii.gz")
        filled, asked = (
            {IMAGE: image, BRAIN: str(brain)},
            ("brain_missing", "mask of the brain", TIME_LIMIT_S, TOO_SLOW),
        )
        said = outside_programs.run_command(command, filled, *asked)
        if not brain.is_file():
            program = shlex.split(command)[0]
            raise ImageError("brain_missing", f"{program} made no mask of the brain (exit 0): {said}")
        return read_mask(brain).image
