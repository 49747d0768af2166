"""A segmentation by another program: nnU-Net, the BraTS orchestrator, or whatever reads and writes NIfTI files."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import outside_programs
from radiofuse.imaging.gate import read_image
from radiofuse.imaging.geometry import CROPPED, mask_on_grid
from radiofuse.imaging.header import in_words
from radiofuse.imaging.scans import PlacedLabels, read_placed
from radiofuse.imaging.write_like import write_like
from radiofuse.tables.roles import BY_COMMAND
from radiofuse.wording import some

IMAGES, OUT = "{images}", "{out}"
EXAMPLE = "nnUNetv2_predict -i {images} -o {out} -d 137 -c 3d_fullres"
SEGMENTER_FAILED = "segmenter_failed"
TOO_SLOW = "Allow more with --time-limit-s, or run the program by hand on this sample to see what holds it up."
BRATS_NAMES = {"t1": "t1n", "t1ce": "t1c", "t2": "t2w", "flair": "t2f"}


def check_segmenter(command: str) -> None:
    """Refuse a command without folders to fill in, or whose program is not there.

    Raises
    ------
    RequestError

    Examples
    --------
    >>> check_segmenter("nnUNetv2_predict -i {images}")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: --command must hold {images} and {out}, ...
    """
    outside_programs.check_command(
        command,
        "--command",
        {IMAGES: "the folder of one patient's images", OUT: "the folder for the mask"},
        EXAMPLE,
        "Install it, or give its full path.",
    )


def nnunet_name(case: str, number: int, modality: str) -> str:
    """Return where nnU-Net looks for a channel: behind the case stands its number, from 0.

    >>> nnunet_name("P1", 2, "t2")
    'P1_0002.nii.gz'
    """
    return f"{case}_{number:04d}.nii.gz"


def brats_name(case: str, number: int, modality: str) -> str:
    """Return where programs of BraTS from 2023 look for a sequence: in a folder of the case.

    >>> brats_name("P1", 0, "t1ce")
    'P1/P1-t1c.nii.gz'
    """
    return f"{case}/{case}-{BRATS_NAMES.get(modality, modality)}.nii.gz"


NAMINGS: Mapping[str, Callable[[str, int, str], str]] = {"nnunet": nnunet_name, "brats": brats_name}


@dataclass(frozen=True)
class CommandMasks:
    """Masks by a program that is run once for each sample.

    Attributes
    ----------
    command : str
        With ``{images}`` and ``{out}``; run without a shell.
    channels : tuple of str
        The modalities that it reads, in its order.
    coding : dict of str to int, or None
        The label of each part in the masks that it writes; None: any label is tumor.
    naming : {"nnunet", "brats"}
    time_limit_s : float
        Of one sample.
    """

    command: str
    channels: tuple[str, ...]
    coding: dict[str, int] | None
    naming: str = "nnunet"
    time_limit_s: float = 3600.0

    @property
    def identity(self) -> str:
        """What a mask depends on beside the images."""
        return repr((self.command, self.channels, self.coding, self.naming))

    def make(self, sample_id: str, patient_id: str, images: Mapping[str, str]) -> tuple[PlacedLabels, str]:
        """Return the mask of one sample, and who made it.

        Parameters
        ----------
        sample_id : str
            Names the files.
        patient_id : str
            Not told to the program.
        images : mapping of str to str
            Paths by modality.

        Raises
        ------
        ImageError
            ``channel_missing``, ``segmenter_failed``, or what the gate refuses of the mask.
        """
        absent = [name for name in self.channels if not images.get(name)]
        if absent:
            raise ImageError(
                "channel_missing",
                f"{some(absent)} is absent, and the program of --command reads {', '.join(self.channels)}. Fill the "
                "column, or name in --channels what it reads.",
            )
        grid = read_image(images[self.channels[0]]).image
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "images"), Path(folder, "out")
            given.mkdir()
            made.mkdir()
            for number, name in enumerate(self.channels):
                _hand_over(Path(images[name]), given / NAMINGS[self.naming](sample_id, number, name))
            said = self._run({IMAGES: str(given), OUT: str(made)})
            labels = _whole_mask(_mask_in(made, sample_id, self.command, said), grid)
        return PlacedLabels(labels, grid), f"{BY_COMMAND}{self.command}"

    def warnings(self) -> list[str]:
        """Return what is to be known of all masks together: of a program nothing is."""
        return []

    def _run(self, filled: Mapping[str, str]) -> str:
        asked = SEGMENTER_FAILED, "mask of the tumor", self.time_limit_s, TOO_SLOW
        return outside_programs.run_command(self.command, filled, *asked)


def _hand_over(source: Path, target: Path) -> None:
    """Copy a file, which a program in a container could not follow as a link; other formats become NIfTI."""
    target.parent.mkdir(exist_ok=True)
    if source.name.lower().endswith(".nii.gz"):
        shutil.copyfile(source, target)
        return
    image = read_image(source).image
    write_like(target, sitk.GetArrayFromImage(image), image)


def _mask_in(made: Path, case: str, command: str, said: str) -> Path:
    """Return the mask of a case, or the only one that there is."""
    named = made / f"{case}.nii.gz"
    if named.is_file():
        return named
    masks = sorted(made.rglob("*.nii.gz"))
    if len(masks) == 1:
        return masks[0]
    program = shlex.split(command)[0]
    held = f"holds {some([path.name for path in masks])}" if masks else "is empty"
    raise ImageError(
        SEGMENTER_FAILED,
        f"{program} ended without an error and wrote no {named.name}: the folder {OUT} {held}. It said: {said}",
    )


def _whole_mask(path: Path, grid: sitk.Image) -> np.ndarray:
    """Return a program's mask as labels (z, y, x) on a grid, all of which it must cover."""
    placed = read_placed(path)
    values, notes = mask_on_grid(placed.labels, placed.grid, grid)
    if any(note.startswith(CROPPED) for note in notes):
        raise ImageError(
            "geometry_mismatch",
            f"The mask that the program wrote has {in_words(placed.grid.GetSize())} voxels, the image that it read has "
            f"{in_words(grid.GetSize())}; what lies beyond the mask is unknown. Let the program write its mask on the "
            "whole grid of the image.",
        )
    return values
