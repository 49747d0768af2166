"""Flips and rotations of pictures: chance (``draw_params``) apart from work (``apply``)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each picture of a batch.

    Attributes
    ----------
    flip_rows, flip_columns : Tensor of bool, shape (n,)
        Whether the picture is turned upside down, and left to right.
    angle : Tensor of float32, shape (n,), or None
        Rotation in radians, counterclockwise on the screen; None rotates nothing.
    flip_slices : Tensor of bool, shape (n,), or None
        Whether the slices of a 3-D patch come in reverse order; None for pictures.
    """

    flip_rows: Tensor
    flip_columns: Tensor
    angle: Tensor | None
    flip_slices: Tensor | None = None


def draw_params(
    generator: torch.Generator, n: int, *, flips: bool = True, rotation_deg: float = 10.0, n_axes: int = 2
) -> Augmentation:
    """Draw the augmentation of ``n`` pictures.

    Parameters
    ----------
    generator : torch.Generator
        Of the CPU; it draws the same numbers whatever device the pictures are on.
    n : int
    flips : bool, default=True
        Each axis is flipped with probability 1/2.
    rotation_deg : float, default=10.0
        Angles are uniform between minus and plus this.
    n_axes : int, default=2
        3 for 3-D patches, whose slices are rotated together, in their own plane.

    Examples
    --------
    >>> drawn = draw_params(torch.Generator().manual_seed(0), 1000, rotation_deg=10)
    >>> bool((drawn.angle.abs() <= torch.pi / 18).all()), bool(400 < drawn.flip_rows.sum() < 600)
    (True, True)
    """
    flipped = torch.rand(n_axes, n, generator=generator) < (0.5 if flips else 0.0)  # (n_axes, n)
    turn = torch.deg2rad(torch.tensor(float(rotation_deg)))
    angle = (2 * torch.rand(n, generator=generator) - 1) * turn if rotation_deg else None  # (n,)
    return Augmentation(flipped[0], flipped[1], angle, flipped[2] if n_axes == 3 else None)


def apply(images: Tensor, params: Augmentation) -> Tensor:
    """Flip and then rotate each picture about its center; all its channels alike.

    Rotated pictures are interpolated linearly, once, and repeat their border where the corners are
    turned in. Without rotation no pixel is changed.

    Parameters
    ----------
    images : Tensor, shape (n, channels, h, w) or (n, channels, d, h, w)
    params : Augmentation

    Returns
    -------
    Tensor, of the same shape

    Examples
    --------
    >>> upside_down = Augmentation(torch.tensor([True]), torch.tensor([False]), None)
    >>> apply(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), upside_down)
    tensor([[[[3., 4.],
              [1., 2.]]]])
    """
    if params.flip_slices is not None:
        images = _flip(images, params.flip_slices, -3)
    if params.angle is None:
        return _flip(_flip(images, params.flip_rows, -2), params.flip_columns, -1)
    slices = images.flatten(1, -3)  # (n, channels, h, w); the slices of a patch move as channels do
    theta = _sampling_matrix(params, *images.shape[-2:]).to(images.device)  # (n, 2, 3)
    grid = functional.affine_grid(theta, list(slices.shape), align_corners=False)  # (n, h, w, 2)
    moved = functional.grid_sample(slices, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved.reshape(images.shape)


def _flip(images: Tensor, chosen: Tensor, axis: int) -> Tensor:
    return torch.where(chosen.to(images.device).view(-1, *[1] * (images.ndim - 1)), images.flip(axis), images)


def _sampling_matrix(params: Augmentation, height: int, width: int) -> Tensor:
    """Return where each output pixel is read from, in coordinates of -1 to 1: turned back, then flipped, (n, 2, 3)."""
    cos, sin = params.angle.cos(), params.angle.sin()  # (n,)
    over_columns = 1.0 - 2.0 * params.flip_columns.float()
    over_rows = 1.0 - 2.0 * params.flip_rows.float()
    x = torch.stack([over_columns * cos, -over_columns * sin * height / width, torch.zeros_like(cos)], dim=1)
    y = torch.stack([over_rows * sin * width / height, over_rows * cos, torch.zeros_like(cos)], dim=1)
    return torch.stack([x, y], dim=1)
