"""Every image file below a folder, in the order of names; folders that cannot be read are told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.files.paths import describe_absent
from radiofuse.imaging.layouts.volume import FoundVolume
from radiofuse.wording import counted, some

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


def folders_below(folder: Path, tell: Callable[[OSError], None]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder as ``os.walk`` does, links to folders too, but for those that lead back to one above."""
    for parent, folders, names in os.walk(folder, onerror=tell, followlinks=True):
        folders[:] = sorted(name for name in folders if not _is_loop(parent, name))
        yield parent, folders, names


def image_files(folder: Path) -> tuple[list[str], list[str]]:
    """Return the image files below a folder, and a sentence on each folder that cannot be read.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    paths : list of str
        Relative to the folder, parts joined by "/", ascending.
    notes : list of str

    Raises
    ------
    RequestError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise RequestError(describe_absent(folder, "folder"))
    paths: list[str] = []
    notes: list[str] = []

    def tell(error: OSError) -> None:
        notes.append(f"{error.filename} cannot be read ({error.strerror}); what it holds is left out.")

    for parent, folders, names in folders_below(folder, tell):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(parent).relative_to(folder)
        paths += [(below / name).as_posix() for name in names if _is_image(name)]
    return sorted(paths), notes


def passed_over(folder: Path, paths: list[str], volumes: Iterable[FoundVolume]) -> list[str]:
    """Return a sentence on the image files that a layout did not take, if there are any."""
    taken = {volume.path for volume in volumes}
    left = [path for path in paths if folder / path not in taken]
    return [f"{counted(len(left), 'other image file')} left out: {some(left)}."] if left else []


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")  # macOS leaves ._name beside each file


def _is_loop(parent: str, name: str) -> bool:
    """Say whether a linked folder leads back to one of those above it."""
    path = Path(parent, name)
    return path.is_symlink() and Path(parent).resolve().is_relative_to(path.resolve())
