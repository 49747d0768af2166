"""The layouts by name, and the one that a folder has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Protocol, cast

from radiofuse.errors import RequestError
from radiofuse.imaging.dicom.tree import holds_dicom
from radiofuse.imaging.layouts.volume import Found
from radiofuse.imaging.layouts.walk import image_files, passed_over
from radiofuse.names import lookup

LAYOUTS: Mapping[str, str] = {
    "ucsf-pdgm": "radiofuse.imaging.layouts.ucsf_pdgm:find",
    "upenn-gbm": "radiofuse.imaging.layouts.upenn_gbm:find",
    "mu-glioma-post": "radiofuse.imaging.layouts.mu_glioma_post:find",
    "bids": "radiofuse.imaging.layouts.bids:find",
    "brats": "radiofuse.imaging.layouts.brats:find",
}
"""Those that are told by names alone, the particular ones first; a user's own is ``package.module:function``."""


class Layout(Protocol):
    """What finds the images of a folder."""

    def __call__(self, folder: Path, paths: list[str], *, follow_ups: bool = False) -> Found: ...


def find(folder: Path, layout: str = "auto", *, follow_ups: bool = False) -> tuple[str, Found]:
    """Return the name of a folder's layout and what it finds.

    Parameters
    ----------
    folder : Path
    layout : str, default="auto"
        A key of ``LAYOUTS``, ``package.module:function``, or "auto": the layout that recognizes most images.
    follow_ups : bool, default=False
        Whether scans of patients who came again are kept, where the layout tells them.

    Raises
    ------
    RequestError
        If there is no such folder or layout, or nothing was recognized.
    """
    found = recognized(folder, layout, follow_ups=follow_ups)
    if found is not None:
        return found
    if holds_dicom(folder):
        raise RequestError(f"{folder} holds DICOM files and no image of a layout. Convert them: --layout dicom.")
    tried = "No layout" if layout == "auto" else f"The layout {layout}"
    raise RequestError(
        f"{tried} recognizes an image in {folder}. Describe the paths, as --layout pattern --pattern "
        "'{patient}/{patient}_{modality}.nii.gz'."
    )


def recognized(folder: Path, layout: str = "auto", *, follow_ups: bool = False) -> tuple[str, Found] | None:
    """Return what ``find`` does, None where no image is recognized."""
    paths, notes = image_files(folder)
    names = list(LAYOUTS) if layout == "auto" else [layout]
    layouts = {name: cast(Layout, lookup(name, LAYOUTS, "layout")) for name in names}
    n_images = {name: _found(name, each, folder, paths, follow_ups=True).n_images for name, each in layouts.items()}
    best = max(n_images, key=lambda name: n_images[name])
    if not n_images[best]:
        return None
    found = _found(best, layouts[best], folder, paths, follow_ups=follow_ups)
    return best, replace(found, notes=[*notes, *found.notes, *passed_over(folder, paths, found.volumes)])


def _found(name: str, layout: Layout, folder: Path, paths: list[str], *, follow_ups: bool) -> Found:
    """Return what a layout finds; refuse a function that is none, before or after it was called."""
    wanted = f"The layout {name!r} must take (folder, paths, *, follow_ups) and return a Found"
    try:
        signature(layout).bind(folder, paths, follow_ups=follow_ups)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{wanted}: {error}.") from None
    found = layout(folder, paths, follow_ups=follow_ups)
    if not isinstance(found, Found):
        raise RequestError(f"{wanted}; it returned {type(found).__name__}.")
    return found
