"""What a recipe's table ``[images]`` may ask for, checked before any image is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar

from radiofuse.errors import RequestError
from radiofuse.imaging.intensities import SCALES
from radiofuse.imaging.landmarks import PERCENTILES
from radiofuse.imaging.registration import KINDS
from radiofuse.names import did_you_mean

NYUL = "nyul"
OVER = ("image", "brain", "region")
ROOM = "a number of 0 or more was expected"


@dataclass(frozen=True)
class Steps:
    """What is done to the images of a sample; a recipe's table ``[images]`` has these entries."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    register_to: str = ""
    """A modality that the others are brought onto; left out, none."""
    atlas: str = ""
    """The path of an image that this modality is brought onto in turn, and the others with it; or "mni152"."""
    transform: str = "rigid"
    """Six degrees of freedom, or "affine", twelve."""
    n4: bool = False
    """Whether N4 takes the slow change of intensity out of every image."""
    spacing_mm: tuple[float, ...] | None = None
    """The grid, three numbers; left out, that of the image registered to, or each image's own."""
    brain_command: str = ""
    """What makes a mask of the brain where brain_mask is empty: "mri_synthstrip -i {image} -m {brain}"."""
    skull: bool = True
    """False: what the mask of the brain leaves out becomes 0."""
    largest_piece: bool = False
    """Whether the mask of the tumor keeps its largest piece alone."""
    fill_holes: bool = False
    """Whether holes in the mask of the tumor are filled."""
    least_mm3: float = 0.0
    """Pieces of the mask of less volume are left out."""
    margin_mm: float | None = None
    """Cut to the tumor and so much around it; left out, nothing is cut."""
    clip: tuple[float, ...] | None = None
    """Two percentiles at which intensities are cut; left out, none."""
    scale: str = ""
    """z_score, white_stripe, unit_range or nyul; left out, intensities stay."""
    landmarks: Mapping[str, tuple[float, ...]] | None = None
    """For nyul: where the percentiles 1, 10, 20, …, 90, 99 of each modality come to lie."""
    divide_by: Mapping[str, float] | None = None
    """A number given for each modality, in place of scale: intensities over it, as {t1 = 8690, t1ce = 17118}."""
    over: str = "image"
    """Of which voxels: those that are not 0 ("image"), the "brain"'s or the "region"'s, the tumor's."""

    def __post_init__(self) -> None:
        problems = [
            (bool(self.atlas) and not self.register_to, "atlas needs register_to: the modality that looks like it"),
            (self.transform not in KINDS, f'transform is "rigid" or "affine", not {self.transform!r}'),
            (self.scale not in ("", *SCALES, NYUL), f"scale is one of {', '.join([*SCALES, NYUL])}"),
            ((self.scale == NYUL) != (self.landmarks is not None), "nyul and landmarks need one another"),
            (_is_no_scale(self.landmarks), f"landmarks are {len(PERCENTILES)} ascending numbers for each modality"),
            (self.over not in OVER, f"over is one of {', '.join(OVER)}, not {self.over!r}"),
            (_is_no_spacing(self.spacing_mm), f"spacing_mm is three numbers above 0, not {self.spacing_mm}"),
            (_are_no_numbers(self.divide_by), f"divide_by is a number above 0 for each modality, not {self.divide_by}"),
            (bool(self.scale) and self.divide_by is not None, "give either scale or divide_by"),
            (_is_no_range(self.clip), f"clip is two percentiles in ascending order, not {self.clip}"),
            (self.margin_mm is not None and not _are_from(0, self.margin_mm), f"margin_mm is {self.margin_mm}; {ROOM}"),
            (not _are_from(0, self.least_mm3), f"least_mm3 is {self.least_mm3}; {ROOM}"),
        ]
        sentences = [what for is_wrong, what in problems if is_wrong]
        if sentences:
            raise RequestError(f"[images]: {'; '.join(sentences)}.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Steps:
        """Return the steps that a recipe's table lists.

        Raises
        ------
        RequestError
            If an entry is unknown or of another kind.

        Examples
        --------
        >>> Steps.of({"spacing_mm": [1, 1, 1], "scale": "z_score"}).scale
        'z_score'
        """
        known = {field.name: field.default for field in fields(cls)}
        unknown = [name for name in options if name not in known]
        if unknown:
            raise RequestError(
                f"[images] has no entry {unknown[0]!r}.{did_you_mean(unknown[0], known)} It has {', '.join(known)}."
            )
        for name, value in options.items():
            if isinstance(known[name], bool) != isinstance(value, bool) or isinstance(known[name], str) != isinstance(
                value, str
            ):
                raise RequestError(f"[images] {name} is {value!r}; its default is {known[name]!r}.")
        given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in options.items()}
        return cls(**given)


def _are_from(least: float, *values: object) -> bool:
    """Say whether all are finite numbers, from one on; a recipe may hold text or a list in their place."""
    return all(isinstance(one, int | float) and not isinstance(one, bool) and least <= one < math.inf for one in values)


def _are_no_numbers(constants: Mapping[str, float] | None) -> bool:
    return constants is not None and not all(
        isinstance(number, int | float) and 0 < number < float("inf") for number in constants.values()
    )


def _is_no_scale(landmarks: Mapping[str, tuple[float, ...]] | None) -> bool:
    return landmarks is not None and not all(
        isinstance(places, list | tuple)
        and len(places) == len(PERCENTILES)
        and _are_from(-math.inf, *places)
        and all(low <= high for low, high in pairwise(places))
        for places in landmarks.values()
    )


def _is_no_spacing(spacing: tuple[float, ...] | None) -> bool:
    if spacing is None:
        return False
    return not (isinstance(spacing, tuple) and len(spacing) == 3 and _are_from(0, *spacing) and all(spacing))


def _is_no_range(clip: tuple[float, ...] | None) -> bool:
    if clip is None:
        return False
    return not (isinstance(clip, tuple) and len(clip) == 2 and _are_from(0, *clip) and clip[0] < clip[1] <= 100)
