"""Radiomics settings resolved into one typed plan, every default filled in: what the engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radiofuse.radiomics import ibsi2_rules
from radiofuse.radiomics.classes.intensity_volume_histogram import Steps
from radiofuse.radiomics.ibsi_names import complete_classes
from radiofuse.radiomics.setting_rules import DEFAULTS, FEATURE_CLASSES, deprecated_features, feature_names
from radiofuse.radiomics.settings import Settings


@dataclass(frozen=True)
class Preprocessing:
    """What is done to image and region before any filter.

    Attributes
    ----------
    normalize, normalize_scale, remove_outliers
        z-score the image; clip at ``remove_outliers`` standard deviations (None: not); multiply by the scale.
    resampled_spacing_mm : tuple of float or None
        Along x, y, z as in the file; 0 keeps the mask's own. None: not resampled.
    interpolator : str or int
        Of SimpleITK, for the image; the mask is taken from the nearest neighbor, under ``ibsi`` linearly.
    pre_crop : bool
        Cut the image to the region's box and ``pad_distance`` voxels round it.
    resegment_range : tuple of float or None
        The lowest, or the lowest and the highest intensity of the region, in ascending order.
    resegment_mode : {"absolute", "relative", "sigma"}
        Intensities, parts of the region's maximum, or standard deviations from the region's mean.
    resegment_shape : bool
        Describe the shape of the resegmented region.
    minimum_roi_dimensions, minimum_roi_size : int
        The region must extend along so many axes, and have more voxels than that size (None: any number).
    correct_mask, geometry_tolerance
        Carry a mask of another grid to the image's; what counts as another grid (None: ITK's tolerance).
    force2d, force2d_dimension
        The plane of two-dimensional shape.
    round_intensities : bool
        Round intensities to whole numbers once they are interpolated. This and what follows serves IBSI alone.
    mask_threshold : float
        The share of an interpolated voxel that the mask must cover.
    outlier_sigma : float or None
        Leave out intensities more standard deviations than this from the mean, both of those that
        ``resegment_range`` leaves.
    """

    normalize: bool
    normalize_scale: float
    remove_outliers: float | None
    resampled_spacing_mm: tuple[float, float, float] | None
    interpolator: str | int
    pre_crop: bool
    pad_distance: int
    resegment_range: tuple[float, ...] | None
    resegment_mode: str
    resegment_shape: bool
    label_channel: int
    minimum_roi_dimensions: int
    minimum_roi_size: int | None
    correct_mask: bool
    geometry_tolerance: float | None
    force2d: bool
    force2d_dimension: int
    round_intensities: bool = False
    mask_threshold: float = 0.5
    outlier_sigma: float | None = None


@dataclass(frozen=True)
class TextureSetting:
    """Gray levels and neighbors of one image type's images.

    Attributes
    ----------
    bin_width : float
        Used where ``bin_count`` is None.
    bin_count : int or None
    distances : tuple of int
        In voxels.
    symmetrical, weighting
        Of co-occurrences; the weighting serves the runs as well.
    gldm_a : int
        Largest difference of gray levels of voxels that depend on each other.
    voxel_array_shift : int
        Added to intensities for energies.
    flat_axis : int or None
        The axis (z, y, x) across which there are no neighbors; None: all 26.
    lower : float or None
        Intensity where the first bin starts; None: the region's minimum decides.
    slice_axis : int
        The axis (z, y, x) across which slices lie, for IBSI's classes in 2-D and 2.5-D.
    """

    bin_width: float = 25
    bin_count: int | None = None
    distances: tuple[int, ...] = (1,)
    symmetrical: bool = True
    weighting: str | None = None
    gldm_a: int = 0
    voxel_array_shift: int = 0
    flat_axis: int | None = None
    lower: float | None = None
    slice_axis: int = 0


@dataclass(frozen=True)
class ImageType:
    """One image type.

    Attributes
    ----------
    name : str
        As in the file: ``Original``, ``Wavelet``, ...
    options : dict
        Every setting that holds for it, defaults included, by pyradiomics' names.
    texture : TextureSetting
        The part of ``options`` that textures read.
    """

    name: str
    options: dict[str, Any] = field(hash=False)
    texture: TextureSetting


@dataclass(frozen=True)
class VoxelWise:
    """Windows of voxel-wise features: radius in voxels, whether only the region counts, the value elsewhere."""

    kernel_radius: int
    masked: bool
    init_value: float


@dataclass(frozen=True)
class Plan:
    """What to compute.

    Attributes
    ----------
    preprocessing : Preprocessing
    image_types : tuple of ImageType
        In the order of the file.
    classes : dict of str to tuple of str
        Names of the features of each class, both in the order in which pyradiomics gives them. ``shape2D`` is
        there only with ``force2D``.
    voxel_wise : VoxelWise
    ibsi : bool
        Follow IBSI where pyradiomics departs from it.
    histogram_steps : Steps
        Of the intensity-volume histogram.
    """

    preprocessing: Preprocessing
    image_types: tuple[ImageType, ...]
    classes: dict[str, tuple[str, ...]] = field(hash=False)
    voxel_wise: VoxelWise
    ibsi: bool = False
    histogram_steps: Steps = Steps()


def resolve(settings: Settings) -> Plan:
    """Return the plan that settings stand for.

    Parameters
    ----------
    settings : Settings
        As `read_settings` returns them.

    Returns
    -------
    Plan

    Notes
    -----
    As in pyradiomics ``voxelSetting`` goes before ``setting``, and the settings of an image type before both.

    Examples
    --------
    >>> from radiofuse.radiomics import read_settings
    >>> plan = resolve(read_settings({"imageType": {"Original": {}, "LoG": {"sigma": [1], "binWidth": 10}}}))
    >>> [(image_type.name, image_type.texture.bin_width) for image_type in plan.image_types]
    [('Original', 25), ('LoG', 10)]
    """
    parts = settings.parameters
    general = DEFAULTS | (parts.get("setting") or {}) | (parts.get("voxelSetting") or {})
    types = parts.get("imageType") or {"Original": {}}
    return Plan(
        preprocessing=_preprocessing(general, settings),
        image_types=tuple(
            _image_type(name, general | ibsi2_rules.defaults(name) | (own or {}), settings.ibsi)
            for name, own in types.items()
        ),
        classes=complete_classes()
        if settings.ibsi1_complete
        else _classes(parts.get("featureClass"), general["force2D"]),
        histogram_steps=_histogram_steps(general, settings),
        voxel_wise=VoxelWise(general["kernelRadius"], general["maskedKernel"], general["initValue"]),
        ibsi=settings.ibsi,
    )


def _preprocessing(general: Mapping[str, Any], settings: Settings) -> Preprocessing:
    # pyradiomics takes ``interpolator: null`` for "do not resample".
    resampled = general["resampledPixelSpacing"] if general["interpolator"] is not None else None
    return Preprocessing(
        normalize=general["normalize"],
        normalize_scale=general["normalizeScale"],
        remove_outliers=general["removeOutliers"],
        resampled_spacing_mm=None if resampled is None else tuple(resampled),
        interpolator=general["interpolator"],
        pre_crop=general["preCrop"],
        pad_distance=general["padDistance"],
        resegment_range=None if general["resegmentRange"] is None else tuple(sorted(general["resegmentRange"])),
        resegment_mode=general["resegmentMode"],
        resegment_shape=general["resegmentShape"],
        label_channel=general["label_channel"],
        minimum_roi_dimensions=general["minimumROIDimensions"],
        minimum_roi_size=general["minimumROISize"],
        correct_mask=general["correctMask"],
        geometry_tolerance=general["geometryTolerance"],
        force2d=general["force2D"],
        force2d_dimension=general["force2Ddimension"],
        round_intensities=settings.round_intensities,
        mask_threshold=settings.mask_threshold,
        outlier_sigma=settings.outlier_sigma,
    )


def _histogram_steps(general: Mapping[str, Any], settings: Settings) -> Steps:
    bounds = general["resegmentRange"] if general["resegmentMode"] == "absolute" else None
    ends = None if bounds is None else (min(bounds), max(bounds) if len(bounds) == 2 else None)
    return Steps(settings.ivh_bin_width, settings.ivh_bin_count, ends)


def _image_type(name: str, options: dict[str, Any], ibsi: bool) -> ImageType:
    texture = TextureSetting(
        bin_width=options["binWidth"],
        bin_count=options["binCount"],
        distances=tuple(options["distances"]),
        symmetrical=options["symmetricalGLCM"],
        weighting=options["weightingNorm"],
        gldm_a=options["gldm_a"],
        voxel_array_shift=options["voxelArrayShift"],
        flat_axis=options["force2Ddimension"] if options["force2D"] else None,
        lower=_first_bin(options) if ibsi and name == "Original" else None,
        slice_axis=options["force2Ddimension"],
    )
    return ImageType(name, options, texture)


def _first_bin(options: Mapping[str, Any]) -> float | None:
    """Return where bins of a fixed size start after resegmentation to a range of intensities (IBSI Q3RU)."""
    bounds = options["resegmentRange"]
    return min(bounds) if bounds is not None and options["resegmentMode"] == "absolute" else None


def _classes(named: Mapping[str, Sequence[str] | None] | None, force2d: bool) -> dict[str, tuple[str, ...]]:
    wanted = named or dict.fromkeys(FEATURE_CLASSES)  # none named: all
    return {of: _features(of, names) for of, names in wanted.items() if of != "shape2D" or force2d}


def _features(feature_class: str, names: Sequence[str] | None) -> tuple[str, ...]:
    if not names:
        return feature_names(feature_class)
    computed = {*feature_names(feature_class), *deprecated_features(feature_class)}
    # Each once, however often it is named; withdrawn features are allowed in a file and left out here.
    return tuple(name for name in dict.fromkeys(names) if name in computed)
