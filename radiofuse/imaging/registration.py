"""One image brought onto another: rigid or affine, by mutual information, the same numbers on every run.

Mattes et al. 2003, IEEE Trans Med Imaging 22:120-128 (the metric); Shi et al. 2023 register T1, T1CE and FLAIR to T2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.header import in_words

KINDS = ("rigid", "affine")
VERSION = 1  # raised by hand where the same images would be moved otherwise
BINS, SAMPLED, SEED = 50, 0.05, 7
SHRINK, SMOOTHING_VOX = (4, 2, 1), (2.0, 1.0, 0.0)
FEWEST = 4  # voxels along an axis, which smoothing needs
OUTSIDE = "All samples map outside"  # ITK's words where two images do not overlap
ITERATIONS, LEARNING_RATE, MIN_STEP = 200, 1.0, 1e-4


@dataclass(frozen=True)
class Registration:
    """How an image is moved onto another.

    Attributes
    ----------
    transform : SimpleITK.Transform
        From a place in the fixed image to the same place in the moving one, in mm.
    kind : {"rigid", "affine"}
    before, after : float
        Mutual information of both, in nats, as they came and as they lie now; the identity is kept where it is larger.
    worse : bool
        Whether registering found nothing better than leaving the images as they are.
    """

    transform: sitk.Transform
    kind: str
    before: float
    after: float

    @property
    def worse(self) -> bool:
        return self.after <= self.before


def register(
    moving: sitk.Image, fixed: sitk.Image, *, kind: str = "rigid", brain: sitk.Image | None = None
) -> Registration:
    """Find the transform that brings an image onto another.

    The search starts from the better of three places, the images as their headers place them, their centers one on
    the other, and their centers of mass, and goes through three resolutions. One thread, one seed: the same bits.

    Parameters
    ----------
    moving, fixed : SimpleITK.Image
        3-D.
    kind : {"rigid", "affine"}
        Six degrees of freedom, or twelve.
    brain : SimpleITK.Image, optional
        Where in the fixed image to look, as for a fixed image without its skull. On its grid.

    Returns
    -------
    Registration

    Raises
    ------
    ImageError
        ``registration_failed``: the images do not overlap, or one of them is constant.
    RequestError
        If there is no such kind.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> smooth = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.normal(size=(24, 24, 24))), 2.0)
    >>> shifted = sitk.Resample(smooth, sitk.TranslationTransform(3, (2.0, 0.0, 0.0)))
    >>> found = register(shifted, smooth)
    >>> [round(coordinate) for coordinate in found.transform.TransformPoint((12.0, 12.0, 12.0))]
    [10, 12, 12]
    """
    if kind not in KINDS:
        raise RequestError(f'A registration is "rigid" or "affine", not {kind!r}.')
    moving, fixed = (sitk.Cast(image, sitk.sitkFloat32) for image in (moving, fixed))
    _refuse_unfit((moving, fixed))
    with _one_thread():
        return _registered(moving, fixed, kind, brain)


def _refuse_unfit(images: tuple[sitk.Image, ...]) -> None:
    """Refuse what ITK would refuse in its own words, or in none."""
    for image in images:
        if min(image.GetSize()) < FEWEST:
            raise ImageError(
                "registration_failed",
                f"The image could not be registered: {in_words(image.GetSize())} voxels are no volume; {FEWEST} or "
                "more along each axis were expected.",
            )
        voxels = sitk.GetArrayViewFromImage(image)
        if voxels.min() == voxels.max():
            raise ImageError(
                "registration_failed",
                f"The image could not be registered: all voxels of one of the two are {voxels.max():g}. Check the "
                "file.",
            )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let ITK compute in one thread: sums over several differ in their last bits from run to run."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _registered(moving: sitk.Image, fixed: sitk.Image, kind: str, brain: sitk.Image | None) -> Registration:
    try:
        before = _information(moving, fixed, sitk.TranslationTransform(3), brain)
        starts = [(_information(moving, fixed, start, brain), start) for start in _starts(moving, fixed)]
        best, start = max(starts, key=lambda pair: pair[0])
        if not np.isfinite(best):
            raise ImageError("registration_failed", "The two images do not overlap in space. Check their headers.")
        transform = _searched(moving, fixed, start, brain)
        if kind == "affine":
            transform = _searched(moving, fixed, _as_affine(transform), brain)
        after = _information(moving, fixed, transform, brain)
    except RuntimeError as error:
        if OUTSIDE in str(error) and np.isfinite(before):  # a search that ran out of the image found nothing better
            return Registration(sitk.Euler3DTransform(), kind, before, before)
        reason = str(error).strip().splitlines()[-1].partition("): ")[2] or "no reason given"
        raise ImageError("registration_failed", f"The image could not be registered: {reason}") from None
    if after <= before:
        return Registration(sitk.Euler3DTransform(), kind, before, before)
    return Registration(transform, kind, before, after)


def moved(image: sitk.Image, grid: sitk.Image, transform: sitk.Transform, *, is_mask: bool = False) -> sitk.Image:
    """Return an image on the grid of another, linear between voxels; masks keep their labels (nearest neighbor).

    What lies outside the image becomes 0, or the least intensity if that is less than 0.
    """
    if is_mask:
        return sitk.Resample(image, grid, transform, sitk.sitkNearestNeighbor, 0, image.GetPixelID())
    least = float(sitk.GetArrayViewFromImage(image).min())
    return sitk.Resample(image, grid, transform, sitk.sitkLinear, min(0.0, least), sitk.sitkFloat32)


def _method(fixed: sitk.Image, brain: sitk.Image | None) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLED, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    if brain is not None:
        method.SetMetricFixedMask(sitk.Cast(brain != 0, sitk.sitkUInt8))
    return method


def _information(moving: sitk.Image, fixed: sitk.Image, transform: sitk.Transform, brain: sitk.Image | None) -> float:
    """Return the mutual information of two images, -inf where they do not overlap."""
    method = _method(fixed, brain)
    method.SetInitialTransform(transform, inPlace=False)
    try:
        return -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError as error:
        if OUTSIDE in str(error) or "Too many samples" in str(error):
            return -np.inf
        raise


def _starts(moving: sitk.Image, fixed: sitk.Image) -> list[sitk.Euler3DTransform]:
    as_placed = sitk.Euler3DTransform()
    as_placed.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()]))
    center = sitk.CenteredTransformInitializerFilter()
    found = [as_placed]
    for by in (center.GEOMETRY, center.MOMENTS):
        found.append(
            sitk.Euler3DTransform(sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), by))
        )
    return found


def _as_affine(rigid: sitk.Transform) -> sitk.AffineTransform:
    euler = sitk.Euler3DTransform(rigid)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(euler.GetCenter())
    affine.SetMatrix(euler.GetMatrix())
    affine.SetTranslation(euler.GetTranslation())
    return affine


def _searched(moving: sitk.Image, fixed: sitk.Image, start: sitk.Transform, brain: sitk.Image | None) -> sitk.Transform:
    method = _method(fixed, brain)
    method.SetInitialTransform(start, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(LEARNING_RATE, MIN_STEP, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(SMOOTHING_VOX)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    found = method.Execute(fixed, moving)
    return found.GetBackTransform() if isinstance(found, sitk.CompositeTransform) else found
