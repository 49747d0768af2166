"""Which mask values make the region, and which can be no labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Literal

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.wording import counted, some

MaskLabel = Literal["any"] | int | Sequence[int]

MAX_LABELS = 20  # segmentations of tumors hold a few; more distinct values look like intensities
UNITED = 'Label "any" united '  # how a note begins that the run tells of all its regions


def labeled(values: np.ndarray, label: MaskLabel, voxel_mm3: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return where a mask holds the wanted labels, as booleans, and a note on what "any" united.

    Parameters
    ----------
    values : ndarray
        Whole numbers, 0 is background.
    label : "any", int or list of int
    voxel_mm3 : float
        Volume of a voxel, for the sentence of a refusal.

    Raises
    ------
    ImageError
        ``empty_roi``, ``label_not_found`` or ``labels_implausible``.
    RequestError
        If ``label`` is none of the three.

    Examples
    --------
    >>> labeled(np.array([0, 1, 4, 4]), "any", 1.0)
    (array([False,  True,  True,  True]), ('Label "any" united 1, 4.',))
    """
    wanted = _wanted(label)
    region = values != 0 if wanted is None else values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)
    if not region.any():
        raise _not_found(values, wanted or [])
    if wanted is not None:
        return region, ()
    present, n_voxels = np.unique(values[region], return_counts=True)
    if present[0] < 0 or len(present) > MAX_LABELS:
        raise _implausible(present, n_voxels * voxel_mm3)
    return region, (UNITED + ", ".join(f"{value:.15g}" for value in present) + ".",) if len(present) > 1 else ()


def _wanted(label: MaskLabel) -> list[int] | None:
    if isinstance(label, str) and label == "any":
        return None
    labels = [label] if isinstance(label, Integral) else label
    valid = isinstance(labels, Sequence) and labels and not isinstance(labels, str)
    if not valid or not all(isinstance(one, Integral) and one and not isinstance(one, bool) for one in labels):
        raise RequestError(f'The mask label is {label!r}; expected "any", a non-zero integer, or a list of them.')
    return [int(one) for one in labels]


def _not_found(values: np.ndarray, wanted: Sequence[int]) -> ImageError:
    present = [int(value) for value in np.unique(values) if value != 0]
    if not present:
        return ImageError("empty_roi", "The mask is zero everywhere. Draw the region, or empty the image cell.")
    named = f"label {wanted[0]}" if len(wanted) == 1 else f"any of the labels {wanted}"
    if len(present) > MAX_LABELS:
        advice = "So many look like intensities: check that image and mask are not exchanged"
    else:
        advice = (
            f"Choose label {present[0]} (--label {present[0]}, mask_label = {present[0]} in the recipe, "
            f"label={present[0]} in Python), or correct the mask"
        )
    return ImageError(
        "label_not_found", f"The mask has no voxel with {named}; it holds the labels [{some(present)}]. {advice}."
    )


def _implausible(present: np.ndarray, volumes_mm3: np.ndarray) -> ImageError:
    """Refuse to unite values that are no labels: below 0, or so many that they look like intensities."""
    named = [f"{value:.15g} ({_volume(volume)})" for value, volume in zip(present, volumes_mm3, strict=True)]
    return ImageError(
        "labels_implausible",
        f"The mask holds {counted(len(present), 'label')}: {some(named)}; at most {MAX_LABELS}, all above 0, were "
        "expected. Choose the tumor's label (--label 1; lesions with numbers of their own: --label 1,2,3), or check "
        "that image and mask are not exchanged.",
    )


def _volume(volume_mm3: float) -> str:
    """Return a volume as people write it.

    >>> _volume(14316.0), _volume(1.5)
    ('14,316 mm3', '1.5 mm3')
    """
    return f"{volume_mm3:,.0f} mm3" if volume_mm3 >= 100 else f"{volume_mm3:.3g} mm3"
