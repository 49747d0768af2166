"""Image types: from a prepared image, each filtered image's values in a box round the region."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiofuse.names import on_first_use
from radiofuse.radiomics.filters import laplacian_of_gaussian, pointwise
from radiofuse.radiomics.ibsi2_rules import IBSI2
from radiofuse.radiomics.parameters import ImageType
from radiofuse.radiomics.region import Region

# What the image types need that are asked for: transforms and wavelets of other libraries take a while to import.
ibsi2_images = on_first_use("radiofuse.radiomics.ibsi2_images")
gradient, lbp2d, lbp3d, wavelet = (
    on_first_use(f"radiofuse.radiomics.filters.{name}") for name in ("gradient", "lbp2d", "lbp3d", "wavelet")
)

POINTWISE = {"Square": "square", "SquareRoot": "squareroot", "Logarithm": "logarithm", "Exponential": "exponential"}
Box = tuple[slice, slice, slice]
Named = Iterator[tuple[str, np.ndarray]]
Filter = Callable[["Source", dict[str, Any]], Named]


@dataclass(frozen=True, eq=False)
class Source:
    """What filters read.

    Attributes
    ----------
    volume : ndarray, shape (z, y, x)
        The prepared image.
    region : Region
        The voxels whose values are wanted.
    kept_subbands : collection of str or None
        The wavelet sub-bands that are wanted; None wants all.
    """

    volume: np.ndarray
    region: Region
    kept_subbands: Collection[str] | None = None

    @property
    def box(self) -> Box:
        """The region's box, where values are computed."""
        return self.region.box


def filtered(source: Source, image_type: ImageType) -> Named:
    """Yield name and values, shape of the box, of every image that an image type stands for."""
    if image_type.name in IBSI2:
        return ibsi2_images.filtered(source, image_type.name, image_type.options)
    return FILTERS[image_type.name](source, image_type.options)


def names(image_type: ImageType, kept_subbands: Collection[str] | None = None) -> list[str]:
    """Return the names of the images that an image type stands for, in the order they are made."""
    options = image_type.options
    if image_type.name in IBSI2:
        return list(ibsi2_images.images(image_type.name, options))
    if image_type.name == "Wavelet":
        return wavelet.names(**_levels(options), flat_axis=_flat_axis(options), keep=kept_subbands)
    if image_type.name == "LoG":
        return [laplacian_of_gaussian.name(sigma) for sigma in options["sigma"]]
    if image_type.name == "LBP3D":
        return lbp3d.names_3d(options["lbp3DLevels"])
    fixed = {"Original": "original", "Gradient": "gradient", "LBP2D": "lbp-2D", **POINTWISE}
    return [fixed[image_type.name]]


def _original(source: Source, options: dict[str, Any]) -> Named:
    yield "original", source.volume[source.box]


def _wavelet(source: Source, options: dict[str, Any]) -> Named:
    return wavelet.wavelet_in_box(
        source.volume,
        source.box,
        wavelet=options["wavelet"],
        **_levels(options),
        flat_axis=_flat_axis(options),
        keep=source.kept_subbands,
    )


def _log(source: Source, options: dict[str, Any]) -> Named:
    sigmas_mm = options["sigma"]
    images = laplacian_of_gaussian.logs_in_box(source.volume, source.region.spacing_mm, sigmas_mm, source.box)
    yield from zip(map(laplacian_of_gaussian.name, sigmas_mm), images, strict=True)


def _gradient(source: Source, options: dict[str, Any]) -> Named:
    use_spacing = options["gradientUseSpacing"]
    yield (
        "gradient",
        gradient.gradient_in_box(source.volume, source.region.spacing_mm, source.box, use_spacing=use_spacing),
    )


def _pointwise(name: str) -> Filter:
    def of_name(source: Source, options: dict[str, Any]) -> Named:
        yield name, pointwise.pointwise_in_box(name, source.volume, source.box)

    return of_name


def _lbp2d(source: Source, options: dict[str, Any]) -> Named:
    yield (
        "lbp-2D",
        lbp2d.lbp2d_in_box(
            source.volume,
            source.box,
            axis=options["force2Ddimension"],
            radius=options["lbp2DRadius"],
            samples=options["lbp2DSamples"],
            method=options["lbp2DMethod"],
        ),
    )


def _lbp3d(source: Source, options: dict[str, Any]) -> Named:
    return lbp3d.lbp3d_in_box(
        source.volume,
        source.region,
        levels=options["lbp3DLevels"],
        radius=options["lbp3DIcosphereRadius"],
        subdivision=options["lbp3DIcosphereSubdivision"],
    )


def _levels(options: dict[str, Any]) -> dict[str, int]:
    return {"start_level": options["start_level"], "level": options["level"]}


def _flat_axis(options: dict[str, Any]) -> int | None:
    return options["force2Ddimension"] if options["force2D"] else None


# Generators: an image is computed when the one before it has been described, so that one at a time is in memory.
FILTERS: dict[str, Filter] = {
    "Original": _original,
    "Wavelet": _wavelet,
    "LoG": _log,
    "Gradient": _gradient,
    "LBP2D": _lbp2d,
    "LBP3D": _lbp3d,
    **{image_type: _pointwise(name) for image_type, name in POINTWISE.items()},
}
