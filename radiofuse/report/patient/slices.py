"""Pictures as a page holds them: slices as ``data:`` addresses, outlines as SVG paths, maps as colors over them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from contourpy import LineType, contour_generator
from PIL import Image

from radiofuse.imaging.viewing import SeenMap, Viewing
from radiofuse.report.map_pictures import MAP_COLORS
from radiofuse.report.patient.drawn import key_of

QUALITY = 78  # of WebP: a slice of 200 pixels takes two to four kilobytes
MOST_OPAQUE, LEAST_SEEN = 0.8, 0.04  # of the highest value of a map
HEAD = "data:image/webp;base64,"


@dataclass(frozen=True)
class Tile:
    """A slice of a sequence on paper: its number from 1, the picture, and a path for each region."""

    number: int
    uri: str
    outlines: tuple[str, ...]


def slices_json(viewing: Viewing) -> dict[str, Any]:
    """Return all that the page's script shows: pictures without their common head, paths, maps.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> ramp = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    >>> told = slices_json(Viewing(sitk.Image(8, 8, 2, sitk.sitkUInt8), {"t1": ramp}, {"ET": ramp > 100}))
    >>> [*told], [len(one) for one in told["sequences"].values()], told["regions"]["ET"][0]
    (['head', 'shape', 'sequences', 'regions', 'maps'], [2], '')
    """
    return {
        "head": HEAD,
        "shape": list(_shape(viewing)),
        "sequences": {name: [_webp(one) for one in slices] for name, slices in viewing.sequences.items()},
        "regions": {
            name: [outline(one) for one in slices] for own in region_groups(viewing) for name, slices in own.items()
        },
        "maps": [_map(one) for one in viewing.maps],
    }


def region_groups(viewing: Viewing) -> list[dict[str, np.ndarray]]:
    """Return the regions by key: those of the segmentation, then those of each network that drew some."""
    drawn = [{key_of(network, name): one for name, one in own.items()} for network, own in viewing.drawn.items()]
    return [viewing.regions, *drawn]


def printed(viewing: Viewing) -> dict[str, list[Tile]]:
    """Return some slices of each sequence, for paper and where no script runs."""
    numbers = viewing.printed
    on_paper = [viewing.regions] if viewing.regions else region_groups(viewing)  # a network's where there are no others
    outlines = {number: tuple(outline(one[number]) for own in on_paper for one in own.values()) for number in numbers}
    return {
        name: [Tile(number + 1, HEAD + _webp(slices[number]), outlines[number]) for number in numbers]
        for name, slices in viewing.sequences.items()
    }


def outline(region: np.ndarray) -> str:
    """Return the border of a region as an SVG path in pixels, "" where there is none.

    >>> outline(np.eye(3, dtype=bool)[:1])
    'M0 .5L.5 0L1 .5L.5 1L0 .5Z'
    """
    if not region.any():
        return ""
    framed = np.pad(region.astype(np.float32), 1)
    lines = contour_generator(z=framed, line_type=LineType.Separate).lines(0.5)
    return "".join(_path(np.asarray(line)) for line in lines)


def _path(points: np.ndarray) -> str:
    """Return a closed line; the middle of the first pixel lies at half a pixel, and the frame took one."""
    inside = np.round(points - 0.5, 1)
    kept = inside[np.r_[True, _turns(inside), True]]
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in kept) + "Z"


def _turns(points: np.ndarray) -> np.ndarray:
    """Return at which points between the ends a line turns."""
    steps = np.diff(points, axis=0)
    return np.asarray(steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0])


def _short(value: float) -> str:
    return f"{value:g}".removeprefix("0") or "0" if value else "0"


def _shape(viewing: Viewing) -> tuple[int, int, int]:
    width, height, depth = viewing.grid.GetSize()
    return depth, height, width


def _map(one: SeenMap) -> dict[str, Any]:
    """Return the slices of a map as colors that are the more opaque the higher it is; None where it is nowhere high."""
    colors = mpl.colormaps[MAP_COLORS]
    slices = []
    for values in one.values:
        if values.max() < LEAST_SEEN:
            slices.append(None)
            continue
        painted = np.asarray(colors(values, bytes=True)).copy()
        painted[..., 3] = np.rint(255 * MOST_OPAQUE * np.sqrt(np.clip(values, 0, 1)))
        slices.append(_webp(painted))
    return {"title": one.title, "slices": slices}


def _webp(pixels: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY, method=2)
    return base64.b64encode(file.getvalue()).decode()
