"""A mask of the brain by another program: HD-BET, SynthStrip, or whatever writes one."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.gate import read_mask

IMAGE, BRAIN = "{image}", "{brain}"
TIME_LIMIT_S = 1800  # of one sample, on a machine without a GPU
LAST_WORDS = 200  # characters of what the program said


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
    if IMAGE not in command or BRAIN not in command:
        raise RequestError(
            "brain_command must hold {image} and {brain}, the file to read and the mask to write, as "
            f"'mri_synthstrip -i {{image}} -m {{brain}}'; it is {command!r}."
        )
    try:
        program = shlex.split(command)[0]
    except ValueError:
        raise RequestError(f"brain_command has a quotation mark that none closes: {command!r}.") from None
    if shutil.which(program) is None:
        raise RequestError(
            f"brain_command names the program {program!r}, which is not on this machine. Install it (HD-BET: pip "
            "install hd-bet; SynthStrip comes with FreeSurfer), or fill the column brain_mask."
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
        words = [word.replace(IMAGE, image).replace(BRAIN, str(brain)) for word in shlex.split(command)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ImageError("brain_missing", f"{words[0]} could not make a mask of the brain: {error}.") from None
        if done.returncode or not brain.is_file():
            said = (done.stderr or done.stdout).strip()[-LAST_WORDS:] or "it said nothing"
            raise ImageError("brain_missing", f"{words[0]} made no mask of the brain (exit {done.returncode}): {said}")
        return read_mask(brain).image
