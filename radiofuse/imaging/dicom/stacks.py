"""Where the slices of a stack lie, and whether they make a volume: one step, no tilt, none missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.dicom.instances import Frame
from radiofuse.wording import counted, some

SAME_PLACE_MM = 0.01
UNEVEN = 0.02  # of a step, by which a slice may lie off its place: positions are written with few digits
UNEVEN_MM = 0.02  # whichever is more
WHOLE = 0.05  # by which a gap may differ from a whole number of steps to count as missing slices
SHIFT_VOX = 0.05  # of a pixel, by which slices may be shifted sideways
AXES_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Placed:
    """Frames along the normal of their planes, and the grid that they make.

    ``direction`` has the unit vectors of columns, rows and slices as columns, in the patient's
    space (left, posterior and superior are positive), as SimpleITK has it.
    """

    frames: tuple[Frame, ...]
    origin_mm: np.ndarray
    spacing_mm: np.ndarray
    direction: np.ndarray

    def image(self, voxels: np.ndarray) -> sitk.Image:
        """Return voxels (z, y, x) at their place."""
        image = sitk.GetImageFromArray(voxels)
        image.SetOrigin(self.origin_mm.tolist())
        image.SetSpacing(self.spacing_mm.tolist())
        image.SetDirection(self.direction.ravel().tolist())
        return image


def along_normal(frames: Sequence[Frame]) -> tuple[list[Frame], np.ndarray, np.ndarray]:
    """Return frames in the order of their planes, where each lies along the normal (mm), and the axes.

    Raises
    ------
    ImageError
        ``header_invalid``.
    """
    row, column = np.array(frames[0].row), np.array(frames[0].column)
    gram = np.array([row @ row, column @ column, row @ column])
    if not np.allclose(gram, (1, 1, 0), atol=AXES_TOLERANCE):
        raise ImageError("header_invalid", "Its axes are not at right angles or not of length 1. Export it again.")
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    along = np.array([frame.position for frame in frames]) @ axes[:, 2]
    order = np.argsort(along, kind="stable")
    return [frames[number] for number in order], along[order], axes


def place_stack(frames: Sequence[Frame], thickness_mm: float | None) -> Placed:
    """Return the grid of frames that lie at places of their own.

    Parameters
    ----------
    frames : sequence of Frame
        Of one size, spacing and orientation.
    thickness_mm : float or None
        Of a slice, which is the step where there is only one.

    Raises
    ------
    ImageError
        ``header_invalid``, ``slices_duplicated``, ``slices_missing``, ``spacing_varies`` or
        ``gantry_tilt``.
    """
    ordered, along, axes = along_normal(frames)
    if len(ordered) == 1:
        step = thickness_mm or 0.0
    else:
        _check_steps(along)
        step = float(along[-1] - along[0]) / (len(ordered) - 1)
    spacing = np.array([*ordered[0].spacing_mm, step])
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        sizes = " x ".join(f"{size:g}" for size in spacing)
        raise ImageError("header_invalid", f"Its voxel size is {sizes} mm. Export it again.")
    _check_sideways(ordered, along, axes, spacing)
    return Placed(tuple(ordered), np.array(ordered[0].position), spacing, axes)


def same_places(along: np.ndarray) -> list[list[int]]:
    """Return positions in ``along`` of frames that lie at one place, of two or more each.

    Examples
    --------
    >>> same_places(np.array([0.0, 0.001, 3.0, 6.0, 6.0]))
    [[0, 1], [3, 4]]
    """
    groups = np.split(np.arange(len(along)), np.flatnonzero(np.diff(along) > SAME_PLACE_MM) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def _check_steps(along: np.ndarray) -> None:
    if repeated := same_places(along):
        raise ImageError(
            "slices_duplicated",
            f"Several slices lie at one place ({counted(len(repeated), 'place')}, the first at "
            f"{along[repeated[0][0]]:.2f} mm), and nothing in their headers tells them apart. "
            "Export the series again, without its copy.",
        )
    steps = np.diff(along)
    step = float(np.median(steps))
    even = along[0] + (along[-1] - along[0]) / len(steps) * np.arange(len(along))
    if np.abs(along - even).max() <= max(UNEVEN * step, UNEVEN_MM):
        return
    _refuse_missing(along, steps / step, step)
    raise ImageError(
        "spacing_varies",
        f"Its slices are {steps.min():.2f} to {steps.max():.2f} mm apart; one distance was expected. "
        "Export one reconstruction with even slices.",
    )


def _refuse_missing(along: np.ndarray, gaps: np.ndarray, step: float) -> None:
    """Refuse distances that are all whole numbers of steps: what lies between them is missing."""
    if np.abs(gaps - np.rint(gaps)).max() > WHOLE or gaps.min() < 1 - WHOLE:
        return
    wide = np.flatnonzero(np.rint(gaps) > 1)
    where = [f"{along[gap]:.2f} and {along[gap + 1]:.2f} mm" for gap in wide]
    n_missing = int(np.rint(gaps[wide]).sum()) - len(wide)
    raise ImageError(
        "slices_missing",
        f"{counted(n_missing, 'slice')} of {len(along) + n_missing} missing, between {some(where)}; slices "
        f"{step:.2f} mm apart without a gap were expected. Export the series again.",
    )


def _check_sideways(ordered: Sequence[Frame], along: np.ndarray, axes: np.ndarray, spacing: np.ndarray) -> None:
    """Refuse slices that are shifted against each other: by a tilted gantry, evenly, or otherwise."""
    places = np.array([frame.position for frame in ordered])
    aside = (places - places[0]) @ axes[:, :2]
    shift = np.abs(aside).max(axis=0)
    if (shift <= SHIFT_VOX * spacing[:2]).all():
        return
    per_mm = aside[-1] / (along[-1] - along[0])
    rest = np.abs(aside - np.outer(along - along[0], per_mm)).max()
    if rest <= max(SHIFT_VOX * spacing[:2].min(), UNEVEN_MM):
        angle = np.degrees(np.arctan(np.linalg.norm(per_mm)))
        raise ImageError(
            "gantry_tilt",
            f"Its slices are shifted against each other by a tilt of {angle:.1f} degrees (gantry tilt), which a "
            "rectangular grid cannot hold. Resample it upright first.",
        )
    raise ImageError(
        "spacing_varies",
        f"Its slices are shifted sideways by up to {shift.max():.2f} mm; slices above each other were expected. "
        "Export one reconstruction.",
    )
