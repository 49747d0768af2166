"""What a recipe's table ``[images]`` may ask for, checked before any image is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.imaging.intensities import SCALES
from radiofuse.imaging.registration import KINDS
from radiofuse.names import did_you_mean

OVER = ("image", "brain", "region")


@dataclass(frozen=True)
class Steps:
    """What is done to the images of a sample.

    Attributes
    ----------
    register_to : str
        A modality that the others are brought onto; "" for none.
    atlas : str
        The path of an image that this modality is brought onto in turn, and the others with it.
    transform : {"rigid", "affine"}
    n4 : bool
        Whether the slow change of intensity is taken out of every image.
    spacing_mm : tuple of three floats, or None
        The grid; left out, that of the image registered to, or each image's own.
    skull : bool
        False: what the mask of the brain leaves out becomes 0.
    largest_piece, fill_holes : bool
    least_mm3 : float
        What the mask of the tumor keeps.
    margin_mm : float or None
        Cut to the tumor and so much around it; left out, nothing is cut.
    clip : tuple of two floats, or None
        Percentiles at which intensities are cut.
    scale : {"", "z_score", "white_stripe", "unit_range"}
    over : {"image", "brain", "region"}
        Of which voxels: the nonzero ones, the brain's or the tumor's.
    """

    register_to: str = ""
    atlas: str = ""
    transform: str = "rigid"
    n4: bool = False
    spacing_mm: tuple[float, ...] | None = None
    skull: bool = True
    largest_piece: bool = False
    fill_holes: bool = False
    least_mm3: float = 0.0
    margin_mm: float | None = None
    clip: tuple[float, ...] | None = None
    scale: str = ""
    over: str = "image"

    def __post_init__(self) -> None:
        problems = [
            (bool(self.atlas) and not self.register_to, "atlas needs register_to: the modality that looks like it"),
            (self.transform not in KINDS, f'transform is "rigid" or "affine", not {self.transform!r}'),
            (self.scale not in ("", *SCALES), f"scale is one of {', '.join(SCALES)}"),
            (self.over not in OVER, f"over is one of {', '.join(OVER)}, not {self.over!r}"),
            (_is_no_spacing(self.spacing_mm), f"spacing_mm is three numbers above 0, not {self.spacing_mm}"),
            (_is_no_range(self.clip), f"clip is two percentiles in ascending order, not {self.clip}"),
        ]
        told = [what for is_wrong, what in problems if is_wrong]
        if told:
            raise RequestError(f"[images]: {'; '.join(told)}.")

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


def _is_no_spacing(spacing: tuple[float, ...] | None) -> bool:
    return spacing is not None and (len(spacing) != 3 or not all(one > 0 for one in spacing))


def _is_no_range(clip: tuple[float, ...] | None) -> bool:
    return clip is not None and (len(clip) != 2 or not 0 <= clip[0] < clip[1] <= 100)
