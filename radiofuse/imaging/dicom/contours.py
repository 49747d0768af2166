"""RTSTRUCT: closed contours in the planes of an image, filled into voxels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.dicom.elements import many, text
from radiofuse.imaging.dicom.pixels import read_dataset
from radiofuse.imaging.dicom.regions import Region
from radiofuse.wording import counted, some

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
IN_PLANE = 0.1  # of the distance of slices, by which the points of a contour may lie off theirs
NESTED = 0.9  # share of the smaller of two contours within the other from which on it is a hole or an island


def read_contours(path: Path, image: sitk.Image) -> tuple[list[Region], list[str]]:
    """Read the regions of an RTSTRUCT file onto an image's grid, and sentences on those that cannot be.

    Parameters
    ----------
    path : Path
    image : SimpleITK.Image
        That it was drawn on; its voxels are not read.

    Notes
    -----
    A voxel belongs to a region if its center lies within the contour. A contour within another one is
    a hole, one within a hole an island (the even-odd rule), which holds for holes that a narrow
    channel joins to the border as well; contours that cross are united. Slices without a contour are empty:
    nothing is drawn between slices.

    References
    ----------
    DICOM PS3.3, C.8.8.6, ROI Contour Module.
    """
    dataset = read_dataset(path)
    names = roi_names(dataset)
    regions, problems = [], []
    for drawn in many(dataset, "ROIContourSequence"):
        name = names.get(int(drawn.ReferencedROINumber), f"ROI {drawn.ReferencedROINumber}")
        try:
            regions.append(_region(name, many(drawn, "ContourSequence"), image))
        except ImageError as error:
            problems.append(f"{name}: {error}")
    return regions, problems


def roi_names(dataset: Dataset) -> dict[int, str]:
    """Return the name of every region by its number."""
    rois = many(dataset, "StructureSetROISequence")
    return {int(roi.ROINumber): text(roi, "ROIName") or f"ROI {roi.ROINumber}" for roi in rois}


def _region(name: str, contours: Sequence[Dataset], image: sitk.Image) -> Region:
    closed = [one for one in contours if text(one, "ContourGeometricType").upper() in CLOSED]
    notes = []
    if len(closed) < len(contours):
        n_open = len(contours) - len(closed)
        notes.append(f"{counted(n_open, 'contour')} of {name} with points or open lines left out.")
    slices: dict[int, list[np.ndarray]] = defaultdict(list)
    for contour in closed:
        place, points = _in_slice(np.array(contour.ContourData, float).reshape(-1, 3), image)
        slices[place].append(points)
    voxels = np.zeros(image.GetSize()[::-1], np.uint8)
    crossing = []
    for place, outlines in slices.items():
        voxels[place], crosses = _filled(outlines, voxels.shape[1:])
        crossing += [place] * crosses
    if crossing:
        notes.append(f"Contours of {name} cross each other in slice {some(sorted(crossing))}; they were united.")
    if not voxels.any():
        raise ImageError("empty_roi", "no voxel has its center within a closed contour. Correct the contours.")
    return Region(name, voxels, tuple(notes))


def _in_slice(points_mm: np.ndarray, image: sitk.Image) -> tuple[int, np.ndarray]:
    """Return the slice of a contour, and its points (x, y) as indices of voxels."""
    to_index = np.linalg.inv(np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing())
    points = (points_mm - image.GetOrigin()) @ to_index.T
    place = round(float(points[:, 2].mean()))
    off = float(np.abs(points[:, 2] - place).max())
    if off > IN_PLANE:
        raise ImageError(
            "geometry_mismatch",
            f"a contour lies up to {off:.2g} slices off the planes of the image: it was drawn on another series or in "
            "another plane. Name the series that it was drawn on.",
        )
    if not 0 <= place < image.GetSize()[2]:
        raise ImageError(
            "geometry_mismatch",
            f"a contour lies in slice {place} of {image.GetSize()[2]}, beyond the image. "
            "Name the image that it was drawn on.",
        )
    return place, points[:, :2]


def _filled(outlines: Iterable[np.ndarray], shape: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """Return the pixels of one slice within its contours, and whether some cross each other."""
    distinct = {points.round(6).tobytes(): points for points in outlines}  # the same contour twice would be a hole
    areas = [filled_polygon(points, shape) for points in distinct.values()]
    crosses, separate = False, []
    for area in sorted((area for area in areas if area.any()), key=np.count_nonzero, reverse=True):
        met = next((n for n, other in enumerate(separate) if _crosses(area, other)), None)
        crosses |= met is not None
        if met is None:
            separate.append(area)
        else:
            separate[met] = separate[met] | area
    return np.logical_xor.reduce([np.zeros(shape, bool), *separate]).view(np.uint8), crosses


def _crosses(smaller: np.ndarray, larger: np.ndarray) -> bool:
    """Whether two areas overlap though neither lies within the other; borders may run along each other."""
    share = np.count_nonzero(smaller & larger) / np.count_nonzero(smaller)
    return bool(1 - NESTED < share < NESTED)


def filled_polygon(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which pixels have their center within a polygon, by the even-odd rule.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Corners (x, y) as indices of pixels; the last one is joined to the first.
    shape : tuple of int
        Rows and columns.

    Examples
    --------
    >>> square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
    >>> filled_polygon(square, (4, 4)).sum()
    np.int64(4)
    """
    inside = np.zeros(shape, bool)
    x, y = points.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    first, last = max(int(np.ceil(y.min())), 0), min(int(np.floor(y.max())), shape[0] - 1)
    columns = np.arange(shape[1])
    for row in range(first, last + 1):
        cut = (y <= row) != (next_y <= row)
        share = (row - y[cut]) / (next_y[cut] - y[cut])
        crossings = np.sort(x[cut] + share * (next_x[cut] - x[cut]))
        inside[row] = np.searchsorted(crossings, columns) % 2 == 1
    return inside
