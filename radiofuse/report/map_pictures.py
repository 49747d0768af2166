"""Where a network looks, as a picture: the images side by side, the map beside them, the tumor's outline on both."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from radiofuse.report.look import FONT_PT, SMALL_PT, WIDTH_IN, style

MAP_COLORS = "cividis"  # dark blue, gray, yellow, ever lighter: above, at and below 0 stay apart in gray print
COLUMNS, PANEL_IN = 2, 2.3
DPI = 200
LINE_CHARACTERS = 62
STRONGEST = 0.5  # of the map's maximum, where a contour stands on the images
MARGIN = 0.25  # of the longer side of what was looked at, that is shown around it
SHOWN = (1.0, 99.0)  # percentiles of the pixels that are not 0, from black to white


@dataclass(frozen=True, eq=False)
class MapSlice:
    """A slice of a map and of the images under it.

    Attributes
    ----------
    images : mapping of str to ndarray of shape (h, w)
        By channel.
    maps : mapping of str to ndarray of shape (h, w)
        By channel, or one under "" for all of them.
    looked_at : ndarray of bool, shape (h, w)
    outline : ndarray of bool, shape (h, w), or None
        The tumor.
    is_signed : bool
    aspect : float
        Height of a pixel over its width.
    sides : tuple of two str
        Which side of the patient is on the left of the picture, and which on the right: R and L, or A and P.
    """

    images: Mapping[str, np.ndarray]
    maps: Mapping[str, np.ndarray]
    looked_at: np.ndarray
    outline: np.ndarray | None
    is_signed: bool
    aspect: float = 1.0
    sides: tuple[str, str] = ("", "")


def draw_map(shown: MapSlice, title: str, says: str) -> bytes:
    """Return a PNG of a map.

    Parameters
    ----------
    shown : MapSlice
    title : str
        Whose map of what.
    says : str
        What high values speak for; stands below the color bar.

    Examples
    --------
    >>> ramp = np.arange(64.0).reshape(8, 8)
    >>> shown = MapSlice({"t1": ramp}, {"": ramp}, ramp >= 0, ramp > 50, is_signed=False)
    >>> draw_map(shown, "P1", "More is higher")[1:4]
    b'PNG'
    """
    with style():
        figure = _figure(_zoomed(shown), title, says)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _zoomed(shown: MapSlice) -> MapSlice:
    """Return the part around what was looked at and the outline, so that a small square is large enough to read."""
    there = shown.looked_at if shown.outline is None else shown.looked_at | shown.outline
    if not there.any():
        return shown
    spans = [np.flatnonzero(there.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    margin = math.ceil(MARGIN * max(last - first + 1 for first, last in spans))
    box = tuple(slice(max(first - margin, 0), last + margin + 1) for first, last in spans)
    images, maps = ({name: one[box] for name, one in each.items()} for each in (shown.images, shown.maps))
    outline = None if shown.outline is None else shown.outline[box]
    return replace(shown, images=images, maps=maps, looked_at=shown.looked_at[box], outline=outline)


def _figure(shown: MapSlice, title: str, says: str) -> Figure:
    panels = _panels(shown)
    n_rows = math.ceil(len(panels) / COLUMNS)
    unbroken = says.replace(" = ", "\u00a0=\u00a0")
    words = textwrap.wrap(f"{unbroken}. {_marks(shown)}", LINE_CHARACTERS)
    height = shown.looked_at.shape[0] / shown.looked_at.shape[1] * shown.aspect * PANEL_IN + 0.3
    figure = Figure(figsize=(WIDTH_IN, n_rows * height + 0.9 + 0.2 * len(words)))
    figure.suptitle("\n".join(textwrap.wrap(title, LINE_CHARACTERS - 8)), fontsize=FONT_PT, fontweight="bold")
    cells = figure.subplots(n_rows, COLUMNS, squeeze=False).ravel()
    limits, mesh = _limits(shown), None
    for axes, (name, kind) in zip(cells, panels, strict=False):
        if kind == "image":
            _draw_image(axes, shown, name, limits[1])
        else:
            mesh = _draw_map(axes, shown, name, limits)
        _mark_sides(axes, shown.sides)
        axes.set_axis_off()
    for axes in cells[len(panels) :]:
        axes.set_axis_off()
    bar = figure.colorbar(mesh, ax=list(cells), orientation="horizontal", shrink=0.8, aspect=30, pad=0.02)
    bar.ax.tick_params(labelsize=SMALL_PT)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()
    bar.set_label("\n".join(words), fontsize=SMALL_PT)
    return figure


def _panels(shown: MapSlice) -> list[tuple[str, str]]:
    """Return what stands in each cell: every image, then the one map; or each image with its own map beside it."""
    if "" in shown.maps:
        return [*((name, "image") for name in shown.images), ("", "map")]
    return [(name, kind) for name in shown.images for kind in ("image", "map")]


def _limits(shown: MapSlice) -> tuple[float, float]:
    """Return the ends of the color bar; of a signed map 0 is its middle."""
    highest = max(float(np.abs(np.where(shown.looked_at, one, 0)).max()) for one in shown.maps.values()) or 1.0
    return (-highest if shown.is_signed else 0.0), highest


def _draw_image(axes: Axes, shown: MapSlice, name: str, highest: float) -> None:
    image = shown.images[name]
    filled = image[image != 0]
    low, high = np.percentile(filled, SHOWN) if filled.size else (0.0, 1.0)
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), aspect=shown.aspect)
    axes.set_title(name, fontsize=SMALL_PT)
    values = np.where(shown.looked_at, shown.maps.get(name, shown.maps.get("")), 0)
    _contour(axes, values > STRONGEST * highest, "solid")
    _contour(axes, shown.outline, "dashed")


def _draw_map(axes: Axes, shown: MapSlice, name: str, limits: tuple[float, float]) -> object:
    values = np.ma.masked_where(~shown.looked_at, shown.maps[name])
    mesh = axes.imshow(values, cmap=MAP_COLORS, vmin=limits[0], vmax=limits[1], aspect=shown.aspect)
    axes.set_title(f"map of {name}" if name else "map", fontsize=SMALL_PT)
    _contour(axes, shown.outline, "dashed")
    return mesh


def _mark_sides(axes: Axes, sides: tuple[str, str]) -> None:
    """Write beside a picture which side of the patient is where."""
    for side, x, align in zip(sides, (-0.02, 1.02), ("right", "left"), strict=True):
        axes.text(x, 0.5, side, transform=axes.transAxes, ha=align, va="center", fontsize=SMALL_PT)


def _contour(axes: Axes, region: np.ndarray | None, line: str) -> None:
    """Draw the border of a region white on black, so that it is seen on any ground."""
    if region is None or not region.any() or region.all():
        return
    for color, width in (("black", 2.6), ("white", 1.2)):
        styles = "solid" if color == "black" else line
        axes.contour(region.astype(float), levels=[0.5], colors=color, linewidths=width, linestyles=styles)


def _marks(shown: MapSlice) -> str:
    """Say what the lines are."""
    lines = [f"Solid line on the images: more than {STRONGEST:.0%} of the highest value"]
    lines += ["dashed line: outline of the segmentation"] if shown.outline is not None and shown.outline.any() else []
    return "; ".join(lines) + ". Colors are scaled to this map alone: never compare them across patients."
