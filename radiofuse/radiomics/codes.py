"""Every reason for which features are refused after the gate let image and mask pass: a code and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from radiofuse.errors import ImageError, RadiofuseError

# Stores hold failures under these codes, so none is renamed.
FEATURE_ERROR_CODES: dict[str, str] = {
    "extraction_failed": "The engine could not compute the features.",
    "feature_not_finite": "A feature came out NaN or infinite.",
    "degenerate_intensity": "The whole image is constant, so it cannot be normalized.",
    "empty_after_resampling": "No voxel of the region is left on the new grid.",
    "empty_after_resegmentation": "No voxel of the region lies in the intensity range that was asked for.",
    "too_few_grey_levels": "Intensities of the region differ, but fall into one bin.",
    "too_many_grey_levels": "The bins are so narrow that the matrices would not fit into memory.",
    "image_too_small": "The image has too few voxels for the filter.",
    "no_intensity_scale": "The image is zero everywhere, so a filter that scales by its maximum has none.",
    "no_neighbors": "The region's box is too small for the distances at which neighbors are looked for.",
    "too_many_neighbors": "The distances at which neighbors are looked for reach more voxels than can be counted.",
    "not_whole_numbers": "An intensity-volume histogram without bins was asked of intensities with fractions.",
    "roi_too_large": "The region's box is too large for the sums over all pairs of its voxels.",
    "roi_not_flat": "Two-dimensional shape was asked of a region thicker than one voxel.",
}


@contextmanager
def costs_one_image(engine: str) -> Iterator[None]:
    """Turn what a library raises over one image into an ``ImageError``, so that the others go on."""
    try:
        yield
    except RadiofuseError:
        raise
    except (ValueError, RuntimeError, MemoryError, ArithmeticError, IndexError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError("extraction_failed", f"{engine} could not compute the features: {reason}") from error
