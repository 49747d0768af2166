"""Images that are in memory already, as SimpleITK images: from nibabel, or arrays with a voxel size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.imaging.header import invalid, not_3d
from radiofuse.names import on_first_use

if TYPE_CHECKING:
    import SimpleITK as sitk
    from nibabel.spatialimages import SpatialImage
else:
    sitk = on_first_use("SimpleITK")

AXES_TOLERANCE = 1e-3
LPS = np.diag([-1.0, -1.0, 1.0])  # of nibabel's axes, which point to the right and to the front


def as_image(
    volume: sitk.Image | SpatialImage | np.ndarray, name: str, spacing_mm: Sequence[float] | None = None
) -> sitk.Image:
    """Return a volume in memory as a SimpleITK image.

    Parameters
    ----------
    volume : SimpleITK.Image, nibabel image or ndarray
        An array has the axes (x, y, z), as nibabel's arrays do; SimpleITK's own arrays are (z, y, x).
    name : str
        What messages call it.
    spacing_mm : (x, y, z), optional
        Voxel size of an array, in mm; images bring their own.

    Raises
    ------
    RequestError
        If an array comes without a voxel size, an image with one, or the object is none of the three.
    ImageError
        ``wrong_dimensions`` or ``header_invalid``.

    Examples
    --------
    >>> as_image(np.zeros((4, 5, 6)), "The image", (1, 1, 2.5)).GetSpacing()
    (1.0, 1.0, 2.5)
    """
    is_array = isinstance(volume, np.ndarray)
    if is_array != (spacing_mm is not None):
        advice = "pass spacing_mm=(x, y, z) in mm" if is_array else "leave spacing_mm out, it is for arrays"
        raise RequestError(f"{name} is a {type(volume).__name__}: {advice}.")
    if isinstance(volume, np.ndarray) and spacing_mm is not None:
        return _placed(volume, name, np.diag(_checked_spacing(spacing_mm)), np.zeros(3))
    if isinstance(volume, sitk.Image):
        return volume
    if not (hasattr(volume, "affine") and hasattr(volume, "dataobj")):
        raise RequestError(
            f"{name} is a {type(volume).__name__}; a path, a SimpleITK or nibabel image, or an array was expected."
        )
    image = cast("SpatialImage", volume)
    affine = np.asarray(image.affine, dtype=np.float64)
    return _placed(np.asanyarray(image.dataobj), name, LPS @ affine[:3, :3], LPS @ affine[:3, 3])


def check_place(name: str, spacing: np.ndarray, axes: np.ndarray) -> None:
    """Refuse voxel sizes that are not above 0, and axes that are not at right angles."""
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        sizes = " x ".join(f"{size:g}" for size in spacing)
        raise invalid(name, f"gives a voxel size of {sizes}, positive numbers were expected")
    if not np.allclose(axes.T @ axes, np.eye(len(axes)), atol=AXES_TOLERANCE):
        raise invalid(name, "describes axes that are not at right angles")


def _checked_spacing(spacing_mm: Sequence[float]) -> np.ndarray:
    try:
        spacing = np.array(spacing_mm, float)
    except (TypeError, ValueError):
        spacing = np.empty(0)
    if spacing.shape != (3,) or not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise RequestError(f"spacing_mm is {spacing_mm!r}; three numbers above 0 were expected, (x, y, z) in mm.")
    return spacing


def _placed(voxels: np.ndarray, name: str, steps: np.ndarray, origin: np.ndarray) -> sitk.Image:
    """Return voxels (x, y, z) as an image; ``steps`` has a column in mm (LPS) per index axis."""
    if voxels.ndim == 4 and voxels.shape[3] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim != 3:
        raise not_3d(name, f"an array of {voxels.ndim} dimensions")
    spacing = np.linalg.norm(steps, axis=0)
    check_place(name, spacing, steps / np.where(spacing > 0, spacing, 1.0))
    if voxels.dtype.kind == "b" or voxels.dtype == np.float16:
        voxels = voxels.astype(np.uint8 if voxels.dtype.kind == "b" else np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T, dtype=voxels.dtype.newbyteorder("=")))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(origin.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    return image
