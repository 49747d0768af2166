"""Voxels outside the field of view, which scanners and resampling fill with a constant far below all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.wording import counted

PADDED = "Voxels filled with a constant far below all others: "  # how a note begins that the run tells of its images
HIGHEST_PADDING = -1000.0  # air in CT; -1024, -2000, -3024 and -32768 are met as padding, in MRI as well
LEAST_SHARE = 1e-4  # of the voxels: a few outliers are no padding
FAR = 0.25  # of the range of the others: noise of air lies within it
SAMPLED = 100_000  # voxels that tell the range of the others


def padding(intensities: np.ndarray, region: np.ndarray, *, outside_is_read: bool) -> tuple[str, ...]:
    """Note a constant that fills what was not imaged, where the region holds it or a setting reads it.

    Values stay as they are: what lies outside the field of view is for the user to say.

    Parameters
    ----------
    intensities : ndarray
    region : ndarray of bool, same shape
    outside_is_read : bool
        Whether anything reads voxels outside the region.

    Examples
    --------
    >>> voxels = np.where(np.arange(1000) < 250, -32768, np.arange(1000) % 400)
    >>> padding(voxels, np.arange(1000) >= 245, outside_is_read=False)
    ('Voxels filled with a constant far below all others: 25.0% of the image hold -32768, 5 voxels in the region.',)
    >>> padding(voxels, np.arange(1000) >= 250, outside_is_read=False)
    ()
    """
    lowest = np.nanmin(intensities)
    if not lowest <= HIGHEST_PADDING:
        return ()
    filled = intensities == lowest
    share, n_inside = np.count_nonzero(filled) / filled.size, np.count_nonzero(filled & region)
    if share < LEAST_SHARE or not (n_inside or outside_is_read) or not _lies_far_below(lowest, intensities[~filled]):
        return ()
    inside = counted(int(n_inside), "voxel") if n_inside else "none"
    return (f"{PADDED}{_percent(share)} of the image hold {lowest:.10g}, {inside} in the region.",)


def _lies_far_below(lowest: float, others: np.ndarray) -> bool:
    """Compare with the bulk of the others: resampling leaves a few values between padding and tissue."""
    others = others[:: max(1, others.size // SAMPLED)]
    others = others[np.isfinite(others)]
    if not others.size:
        return False
    low, high = np.percentile(others.astype(float), (5, 95))
    return low - float(lowest) > max(FAR * (high - low), 1.0)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else f"{share:.2%}"


@contextmanager
def padding_told(notes: Sequence[str]) -> Iterator[None]:
    """Add to a refusal of intensities too alike what the image is filled with: normalization reads it as tissue."""
    try:
        yield
    except ImageError as error:
        told = [note for note in notes if note.startswith(PADDED)]
        if error.code != "too_few_grey_levels" or not told:
            raise
        to_do = "Crop the image or set them to the background's value."
        raise ImageError("too_few_grey_levels", f"{error} {told[0]} {to_do}") from None
