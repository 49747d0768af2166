"""Every key of a pyradiomics parameter file: what it may hold, and what holds when it is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from numbers import Integral, Real
from typing import Any

from radiofuse.names import on_first_use
from radiofuse.radiomics.ibsi_names import IBSI_CLASSES, ibsi_features

pywt = on_first_use("pywt")

IMAGE_TYPES = (
    "Original",
    "Exponential",
    "Gradient",
    "LBP2D",
    "LBP3D",
    "LoG",
    "Logarithm",
    "Square",
    "SquareRoot",
    "Wavelet",
)
# In the order in which pyradiomics takes them when a file names none.
FEATURE_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")
# Names that pyradiomics 3.0.1 still accepts and computes nothing for.
WITHDRAWN_FEATURES = {
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}
INTERPOLATORS = {
    "sitkNearestNeighbor": 1,
    "sitkLinear": 2,
    "sitkGaussian": 4,
    "sitkLabelGaussian": 5,
    "sitkHammingWindowedSinc": 6,
    "sitkCosineWindowedSinc": 7,
    "sitkWelchWindowedSinc": 8,
    "sitkLanczosWindowedSinc": 9,
    "sitkBlackmanWindowedSinc": 10,
    "sitkBSpline": None,  # its number differs between versions of SimpleITK
}


@dataclass(frozen=True)
class Rule:
    """What one key may hold.

    Attributes
    ----------
    default : object
        What holds when the key is left out. Where it is None the key may hold None, too.
    wants : str
        In words, after "must be".
    fits : callable
        Whether a value will do.
    names : tuple of str
        What it may be, where it is one of several names.
    """

    default: Any
    wants: str
    fits: Callable[[Any], bool]
    names: tuple[str, ...] = ()

    def admits(self, value: object) -> bool:
        """Return whether the key may hold a value."""
        return (value is None and self.default is None) or self.fits(value)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number, true and false excepted."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_integer(value: Any) -> bool:
    """Return whether a value is a whole number, true and false excepted."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def number(default: Any, *, above: float = -math.inf) -> Rule:
    """Return the rule of a number above a bound."""
    wants = "a number" if above == -math.inf else f"a number above {above:g}"
    return Rule(default, wants, lambda value: is_number(value) and value > above)


def integer(default: Any, least: int | None = None, most: int | None = None) -> Rule:
    """Return the rule of a whole number within bounds."""
    bounds = [f"of at least {least}" if most is None else f"from {least} to {most}"] if least is not None else []
    low, high = (-math.inf if least is None else least), (math.inf if most is None else most)
    return Rule(
        default, " ".join(["a whole number", *bounds]), lambda value: is_integer(value) and low <= value <= high
    )


def switch(default: bool) -> Rule:
    """Return the rule of a key that is true or false."""
    return Rule(default, "true or false", lambda value: isinstance(value, bool))


def choice(default: str | None, names: Iterable[str]) -> Rule:
    """Return the rule of one of several names."""
    known = tuple(names)
    return Rule(default, f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known, known)


def numbers(default: Any, wants: str, fits: Callable[[list], bool]) -> Rule:
    """Return the rule of a list of numbers."""
    return Rule(default, wants, lambda value: isinstance(value, list) and all(map(is_number, value)) and fits(value))


def _is_interpolator(value: Any) -> bool:
    if value is None or isinstance(value, str):
        return value is None or value in INTERPOLATORS
    return is_integer(value) and value in INTERPOLATORS.values()


def _is_discrete_wavelet(value: Any) -> bool:
    return isinstance(value, str) and value in pywt.wavelist(kind="discrete")


# What is done to image and region before any filter: the same for all image types.
PREPROCESSING = {
    "minimumROIDimensions": integer(2, 1, 3),
    "minimumROISize": integer(None, 1),
    "geometryTolerance": number(None, above=0),
    "correctMask": switch(False),
    "additionalInfo": switch(True),
    "label": integer(1, 1),
    "label_channel": integer(0, 0),
    "normalize": switch(False),
    "normalizeScale": number(1, above=0),
    "removeOutliers": number(None, above=0),
    "resampledPixelSpacing": numbers(
        None,
        "a list of three spacings in mm, x, y and z, where 0 keeps the mask's own",
        lambda value: len(value) == 3 and min(value) >= 0,
    ),
    "interpolator": Rule("sitkBSpline", f"null (no resampling) or one of {', '.join(INTERPOLATORS)}", _is_interpolator),
    "padDistance": integer(5, 0),
    "preCrop": switch(False),
    "resegmentRange": numbers(
        None,
        "a list of one number (the lowest intensity) or two (lowest and highest)",
        lambda value: 1 <= len(value) <= 2,
    ),
    "resegmentMode": choice("absolute", ("absolute", "relative", "sigma")),
    "resegmentShape": switch(False),
}
# Filters, gray levels and textures: an image type may have its own.
PER_IMAGE_TYPE = {
    "binWidth": number(25, above=0),
    "binCount": integer(None, 1),
    "distances": numbers(
        [1],
        "a list of whole numbers, each of at least 1 and named once",
        lambda value: (
            value != []
            and all(is_integer(distance) and distance > 0 for distance in value)
            and len(set(value)) == len(value)
        ),
    ),
    "force2D": switch(False),
    "force2Ddimension": integer(0, 0, 2),
    "sigma": numbers(
        [],
        "a list of widths in mm, each above 0 and named once",
        lambda value: all(sigma > 0 for sigma in value) and len(set(map(str, value))) == len(value),
    ),
    "start_level": integer(0, 0),
    "level": integer(1, 1),
    "wavelet": Rule(
        "coif1", "a discrete wavelet of PyWavelets, for instance coif1, haar, db2 or sym4", _is_discrete_wavelet
    ),
    "gradientUseSpacing": switch(True),
    "lbp2DRadius": number(1, above=0),
    "lbp2DSamples": integer(8, 1),
    "lbp2DMethod": choice("uniform", ("default", "ror", "uniform", "var")),
    "lbp3DLevels": integer(2, 1),
    "lbp3DIcosphereRadius": number(1, above=0),
    "lbp3DIcosphereSubdivision": integer(1, 0),
    "voxelArrayShift": integer(0),
    "symmetricalGLCM": switch(True),
    "weightingNorm": choice(None, ("euclidean", "manhattan", "infinity", "no_weighting")),
    "gldm_a": integer(0, 0),
}
VOXEL = {
    "kernelRadius": integer(1, 1),
    "maskedKernel": switch(True),
    "initValue": Rule(0, "a number or .nan", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    "voxelBatch": integer(-1, 1),
}
SETTINGS = PREPROCESSING | PER_IMAGE_TYPE
DEFAULTS = {key: rule.default for key, rule in (SETTINGS | VOXEL).items()}


@cache
def feature_names(feature_class: str) -> tuple[str, ...]:
    """Return a class' features as pyradiomics computes them when none is named: alphabetically, withdrawn ones not.

    Examples
    --------
    >>> feature_names("ngtdm")
    ('Busyness', 'Coarseness', 'Complexity', 'Contrast', 'Strength')
    """
    if feature_class in IBSI_CLASSES:
        return tuple(ibsi_features(feature_class))
    return _module(feature_class).FEATURES


@cache
def deprecated_features(feature_class: str) -> tuple[str, ...]:
    """Return the features of a class that are computed only when they are named.

    Examples
    --------
    >>> deprecated_features("firstorder")
    ('StandardDeviation',)
    """
    return () if feature_class in IBSI_CLASSES else getattr(_module(feature_class), "DEPRECATED", ())


def known_features(feature_class: str) -> tuple[str, ...]:
    """Return every name that a class' list may hold, withdrawn features included."""
    return (
        *feature_names(feature_class),
        *deprecated_features(feature_class),
        *WITHDRAWN_FEATURES.get(feature_class, ()),
    )


def _module(feature_class: str) -> Any:
    return import_module(f"radiofuse.radiomics.classes.{feature_class.lower()}")
