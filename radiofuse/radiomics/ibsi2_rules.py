"""Image types of IBSI 2 in a parameter file: what each may be told, and what holds when it is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from radiofuse.radiomics.filters.boundaries import BOUNDARIES
from radiofuse.radiomics.setting_rules import (
    PER_IMAGE_TYPE,
    Rule,
    choice,
    integer,
    is_integer,
    is_number,
    number,
    numbers,
    switch,
)

# What textures of a filtered image read; the other keys of an image type are of pyradiomics' filters.
OF_TEXTURES = (
    "binWidth binCount distances force2D force2Ddimension voxelArrayShift symmetricalGLCM weightingNorm gldm_a".split()
)

# Laws' kernels, of which each is divided by its length: level, edge, spot, wave, ripple.
LAWS = {
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
}

_BOUNDARY = choice("mirror", tuple(BOUNDARIES))
_POOLING = ("max", "mean")
_DIMENSIONS = integer(None, 2, 3)
_WIDTHS = numbers(
    [],
    "a list of widths in mm, each above 0 and named once",
    lambda value: all(one > 0 for one in value) and _once(value),
)


def _once(value: list) -> bool:
    # 3 and 3.0 are one number, lists cannot stand in a set.
    return len({one if is_number(one) else str(one) for one in value}) == len(value)


def _list_of(wants: str, fits: Callable[[Any], bool]) -> Rule:
    return Rule(
        [],
        f"a list of {wants}, each named once",
        lambda value: isinstance(value, list) and all(map(fits, value)) and _once(value),
    )


_CUTOFF = Rule(4, "a number of sigmas above 0 and of at most 10", lambda value: is_number(value) and 0 < value <= 10)
_LEVELS = Rule(
    [1],
    "a list of levels, whole numbers of at least 1, each named once",
    lambda value: (
        isinstance(value, list) and value != [] and all(is_integer(one) and one > 0 for one in value) and _once(value)
    ),
)

IBSI2: dict[str, dict[str, Rule]] = {
    "Mean": {
        "support": _list_of(
            "odd whole numbers of voxels, of at least 3",
            lambda value: is_integer(value) and value >= 3 and value % 2 == 1,
        ),
        "dimensions": _DIMENSIONS,
        "boundary": _BOUNDARY,
    },
    "Laws": {
        "kernels": _list_of(
            f"two or three kernels each, as L5E5 or L5E5E5, of {', '.join(LAWS)}",
            lambda value: isinstance(value, str) and re.fullmatch(f"({'|'.join(LAWS)}){{2,3}}", value) is not None,
        ),
        "rotationInvariance": switch(False),
        "pooling": choice("max", _POOLING),
        "energyDistance": integer(None, 1),
        "boundary": _BOUNDARY,
    },
    "Gabor": {
        "sigma": _WIDTHS,
        "wavelength": _WIDTHS,
        "aspect": number(1, above=0),
        "angle": number(0),
        "rotationStep": Rule(
            None,
            "a number of degrees of which 360 are a multiple",
            lambda value: is_number(value) and 0 < value <= 360 and abs(360 / value - round(360 / value)) < 1e-9,
        ),
        "orthogonalPlanes": switch(False),
        "pooling": choice("mean", _POOLING),
        "boundary": _BOUNDARY,
    },
    "SeparableWavelet": {
        "wavelet": replace(PER_IMAGE_TYPE["wavelet"], default=""),
        "subbands": _list_of(
            "sub-bands as LLH, for two-dimensional wavelets as LH",
            lambda value: isinstance(value, str) and re.fullmatch("[LH]{2,3}", value) is not None,
        ),
        "level": _LEVELS,
        "rotationInvariance": switch(False),
        "pooling": choice("mean", _POOLING),
        "boundary": _BOUNDARY,
    },
    "LaplacianOfGaussian": {
        "sigma": _WIDTHS,
        "cutoff": _CUTOFF,
        "dimensions": _DIMENSIONS,
        "boundary": _BOUNDARY,
    },
}
_RIESZ = {
    "order": _list_of(
        "orders of two or three whole numbers, along x, y, z, that add up to 1 to 4",
        lambda value: (
            isinstance(value, list)
            and len(value) in (2, 3)
            and all(is_integer(one) and one >= 0 for one in value)
            and 1 <= sum(value) <= 4
        ),
    ),
    "alignmentSigma": number(None, above=0),
    "boundary": _BOUNDARY,
}
IBSI2 |= {
    "Simoncelli": {"level": _LEVELS, "dimensions": _DIMENSIONS, "boundary": choice("periodic", tuple(BOUNDARIES))},
    "RieszLaplacianOfGaussian": {"sigma": _WIDTHS, "cutoff": _CUTOFF, **_RIESZ},
    "RieszSimoncelli": {"level": _LEVELS, **_RIESZ},
}
# Without which an image type is none: the key, and what to write.
NEEDED = {
    "Mean": {"support": "{support: [5]}, in voxels"},
    "Gabor": {"sigma": "{sigma: [5]}, in mm", "wavelength": "{wavelength: [2]}, in mm"},
    "RieszLaplacianOfGaussian": {"sigma": "{sigma: [3]}, in mm", "order": "{order: [[1, 0, 0]]}"},
    "RieszSimoncelli": {"order": "{order: [[1, 0, 0]]}"},
    "Laws": {"kernels": "{kernels: [L5E5E5]}, or of two kernels to filter slice by slice"},
    "SeparableWavelet": {
        "wavelet": "{wavelet: db3}, a discrete wavelet of PyWavelets",
        "subbands": "{subbands: [LLH]}, or of two letters to filter slice by slice",
    },
    "LaplacianOfGaussian": {"sigma": "{sigma: [1, 3]}, in mm"},
}


def rules(name: str) -> dict[str, Rule]:
    """Return every key that an image type of IBSI 2 may have."""
    return IBSI2[name] | {key: PER_IMAGE_TYPE[key] for key in OF_TEXTURES}


def defaults(name: str) -> dict[str, Any]:
    """Return what holds for an image type's own keys; empty for pyradiomics' image types.

    Examples
    --------
    >>> defaults("Mean"), defaults("Original")
    ({'support': [], 'dimensions': None, 'boundary': 'mirror'}, {})
    """
    return {key: rule.default for key, rule in IBSI2.get(name, {}).items()}


def flaws(name: str, own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an image type of IBSI 2 cannot do without and does not have, and what would do nothing."""
    for key, example in NEEDED.get(name, {}).items():
        if own.get(key) in (None, [], ""):
            yield f" has no {key}; give it as {example}."
    if name in IBSI2 and "pooling" in own and not any(own.get(key) for key in _POOLED):
        known = " or ".join(f"{key}: {example}" for key, example in _POOLED.items() if key in IBSI2[name])
        yield f": pooling has no effect on a single response; give {known}, or leave it out."
    if own.get("rotationStep") in (180, 360):
        yield ": rotationStep has no effect from half a turn on, which gives the same response; give a smaller step."
    if own.get("angle") is not None and own.get("rotationStep") is not None:
        yield ": angle has no effect beside rotationStep, which takes all angles; keep one of the two."


_POOLED = {"rotationInvariance": "true", "rotationStep": "45", "orthogonalPlanes": "true"}
# Keys that other image types have, and what says the same here.
ELSEWHERE = {
    ("Gabor", "dimensions"): "It filters slice by slice; orthogonalPlanes: true averages three planes.",
    ("Laws", "dimensions"): "Its kernels say it: L5E5 is of two dimensions, L5E5E5 of three.",
    ("SeparableWavelet", "dimensions"): "Its subbands say it: LH is of two dimensions, LLH of three.",
    ("RieszLaplacianOfGaussian", "dimensions"): "Its order says it: [1, 0] is of two dimensions, [1, 0, 0] of three.",
    ("RieszSimoncelli", "dimensions"): "Its order says it: [1, 0] is of two dimensions, [1, 0, 0] of three.",
}


def works_in_slices(name: str, options: Mapping[str, Any]) -> bool:
    """Return whether an image type of IBSI 2 filters slices, whose plane ``force2Ddimension`` gives.

    Examples
    --------
    >>> works_in_slices("Laws", {"kernels": ["L5E5", "L5E5E5"]}), works_in_slices("Gabor", {"orthogonalPlanes": True})
    (True, False)
    """
    if name == "Gabor":
        return not options.get("orthogonalPlanes")
    if name == "Laws":
        return any(len(kernels) == 4 for kernels in options["kernels"])
    for key in ("subbands", "order"):
        if key in IBSI2[name]:
            return any(len(one) == 2 for one in options[key])
    return (options.get("dimensions") or (2 if options.get("force2D") else 3)) == 2
