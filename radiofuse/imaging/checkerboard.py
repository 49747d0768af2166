"""Two images of one place in tiles, before and after registration: where edges go on from tile to tile, they fit."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import SimpleITK as sitk

from radiofuse.imaging.registration import Registration
from radiofuse.imaging.resampling import upright_voxels
from radiofuse.imaging.squares import square_of_all

SIDE = 192  # pixels of one slice
TILES = 8  # along each side
SHOWN = (1.0, 99.0)  # percentiles of the voxels that are not 0, from black to white
GRAYS = 128  # of each image; a picture has 256 colors
TINT = (1.0, 0.8, 0.45)  # of the moved image, so that its tiles are told from the fixed one's
BORDER, LINE = 8, 16


def checkerboard(
    fixed: sitk.Image, as_came: sitk.Image, registered: sitk.Image, names: tuple[str, str], found: Registration
) -> str:
    """Return a figure as SVG: the middle slices of three planes, as the images came and as they lie now.

    Parameters
    ----------
    fixed, as_came, registered : SimpleITK.Image
        On one grid: the image registered to, and the other one before and after.
    names : (str, str)
        What the moved and the fixed image are called.
    found : Registration

    Examples
    --------
    >>> image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(4, 4, 4)))
    >>> still = Registration(sitk.Euler3DTransform(), "rigid", 0.5, 0.5)
    >>> "t1 on t2, rigid" in checkerboard(image, image, image, ("t1", "t2"), still)
    True
    """
    own, *others = map(_Volume.of, (fixed, as_came, registered))
    spacing = sitk.DICOMOrient(fixed, "LPS").GetSpacing()
    center = _center(own.voxels)
    rows = [_tiled(own, other, center, spacing) for other in others]
    gained = "nothing gained, left as it came" if found.worse else f"{found.after:.3f} after"
    title = f"{names[0]} on {names[1]}, {found.kind}: mutual information {found.before:.3f} before, {gained}"
    return _svg(title, names, np.vstack(rows))


@dataclass(frozen=True, eq=False)
class _Volume:
    """Voxels (x, y, z) along the body's axes, and what is black and white."""

    voxels: np.ndarray
    low: float
    high: float

    @classmethod
    def of(cls, image: sitk.Image) -> _Volume:
        voxels = upright_voxels(image)
        some = voxels[::2, ::2, ::2]  # enough for two percentiles
        shown = some[some != 0]
        low, high = np.percentile(shown, SHOWN) if shown.size else (0.0, 1.0)
        return cls(voxels, min(low, 0.0), high)  # what interpolation made of the border would move a low above 0

    def gray(self, across: int, at: int, pixel_mm: Sequence[float]) -> np.ndarray:
        """Return a slice as a square picture, front or top up, the patient's right on the left."""
        plane = self.voxels.take(at, axis=across)
        square = square_of_all(plane.shape, (pixel_mm[0], pixel_mm[1]), SIDE).linear(plane)
        gray = np.clip((square - self.low) / max(self.high - self.low, 1e-12), 0, 1) * (GRAYS - 1)
        upward = gray.T if across == 2 else gray.T[::-1]  # y runs to the back, z upward
        return np.round(upward).astype(int)


def _center(voxels: np.ndarray) -> tuple[int, ...]:
    """Return the middle of what is not background, of the whole where all is one."""
    shown = voxels != voxels.min()
    return tuple(
        int(at.mean()) if (at := np.flatnonzero(shown.any(axis=tuple({0, 1, 2} - {axis})))).size else n // 2
        for axis, n in enumerate(voxels.shape)
    )


def _tiled(fixed: _Volume, moved: _Volume, center: tuple[int, ...], spacing: Sequence[float]) -> np.ndarray:
    """Return the three planes side by side, colors as numbers of the palette."""
    tile = np.arange(SIDE) * TILES // SIDE
    board, planes = (tile[:, None] + tile) % 2 == 0, []
    for across, pixel_mm in ((2, spacing[:2]), (1, (spacing[0], spacing[2])), (0, spacing[1:])):
        one, other = (volume.gray(across, center[across], pixel_mm) for volume in (fixed, moved))
        planes.append(np.where(board, one, other + GRAYS))
    return np.hstack(planes).astype(np.uint8)


def _svg(title: str, names: tuple[str, str], picture: np.ndarray) -> str:
    width, height = picture.shape[1] + 2 * BORDER, picture.shape[0] + 2 * BORDER + 3 * LINE
    moved, fixed = map(escape, names)
    image = base64.b64encode(_png(picture)).decode()
    lines = [
        (BORDER + LINE - 4, escape(title)),
        (height - BORDER - LINE, "Above as they came, below as they lie now: middle slices of three planes."),
        (height - BORDER, f"Gray tiles: {fixed}. Amber tiles: {moved}. Edges go on from tile to tile where they fit."),
    ]
    texts = "".join(f'<text x="{BORDER}" y="{y}">{text}</text>' for y, text in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{texts}'
        f'<image x="{BORDER}" y="{BORDER + LINE}" width="{picture.shape[1]}" height="{picture.shape[0]}" '
        f'href="data:image/png;base64,{image}"/></svg>\n'
    )


def _png(picture: np.ndarray) -> bytes:
    """Return a picture of palette colors as PNG: one filter byte before each row, then compressed."""
    levels = np.linspace(0, 255, GRAYS)
    palette = np.vstack([np.repeat(levels[:, None], 3, axis=1), levels[:, None] * TINT]).round().astype(np.uint8)
    rows = np.pad(picture, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
