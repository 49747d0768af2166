"""Pictures that are moved and brightened: chance (``draw_params``) apart from work (``apply``)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each picture of a batch; None does nothing.

    Attributes
    ----------
    flip_rows, flip_columns : Tensor of bool, shape (n,)
        Whether the picture is turned upside down, and left to right.
    angle : Tensor of float32, shape (n,), or None
        Rotation in radians, counterclockwise on the screen.
    flip_slices : Tensor of bool, shape (n,), or None
        Whether the slices of a 3-D patch come in reverse order.
    window : Tensor of float32, shape (3, n), or None
        The part that fills the picture afterwards: the length of its sides, and the place of its center by columns
        and by rows, where sides are 2 long around 0.
    gain, offset : Tensor of float32, shape (n, channels), or None
        What intensities are multiplied with, and what is added.
    noise : (float, int) or None
        Standard deviation and seed of noise in every pixel.
    """

    flip_rows: Tensor
    flip_columns: Tensor
    angle: Tensor | None
    flip_slices: Tensor | None = None
    window: Tensor | None = None
    gain: Tensor | None = None
    offset: Tensor | None = None
    noise: tuple[float, int] | None = None


def draw_params(
    generator: torch.Generator,
    n: int,
    *,
    flips: bool = True,
    rotation_deg: float = 10.0,
    crop: float = 1.0,
    scale: float = 0.0,
    intensity_gain: float = 0.0,
    intensity_shift: float = 0.0,
    noise: float = 0.0,
    channels: int = 1,
    n_axes: int = 2,
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
    crop : float, default=1.0
        A window somewhere in the picture fills it afterwards; its sides are between this and 1 of the picture's.
    scale : float, default=0.0
        Pictures are enlarged between 1 - scale and 1 + scale times.
    intensity_gain, intensity_shift : float, default=0.0
        Intensities of each channel are multiplied with 1, and moved, by up to this more or less.
    noise : float, default=0.0
        Standard deviation of normal noise.
    channels : int, default=1
    n_axes : int, default=2
        3 for 3-D patches, whose slices are moved together, in their own plane.

    Examples
    --------
    >>> drawn = draw_params(torch.Generator().manual_seed(0), 1000, rotation_deg=10)
    >>> bool((drawn.angle.abs() <= torch.pi / 18).all()), bool(400 < drawn.flip_rows.sum() < 600)
    (True, True)
    """
    flipped = torch.rand(n_axes, n, generator=generator) < (0.5 if flips else 0.0)  # (n_axes, n)

    def within(reach: float, *shape: int) -> Tensor | None:
        return (2 * torch.rand(*shape, generator=generator) - 1) * reach if reach else None

    angle = within(float(torch.deg2rad(torch.tensor(float(rotation_deg)))), n)
    window = _window(generator, n, crop, scale) if crop < 1 or scale else None
    gain, offset = within(intensity_gain, n, channels), within(intensity_shift, n, channels)
    seed = int(torch.randint(1 << 62, (), generator=generator)) if noise else 0
    moves = flipped[0], flipped[1], angle, flipped[2] if n_axes == 3 else None, window
    return Augmentation(*moves, None if gain is None else 1 + gain, offset, (noise, seed) if noise else None)


def _window(generator: torch.Generator, n: int, crop: float, scale: float) -> Tensor:
    """Return side and center of a window in each picture, shape (3, n)."""
    drawn = torch.rand(4, n, generator=generator)
    side = crop + (1 - crop) * drawn[0]
    enlarged = 1 - scale + 2 * scale * drawn[1]
    return torch.cat([(side / enlarged)[None], (2 * drawn[2:] - 1) * (1 - side)])


def apply(images: Tensor, params: Augmentation) -> Tensor:
    """Move each picture, and change its intensities.

    Parameters
    ----------
    images : Tensor, shape (n, channels, h, w) or (n, channels, d, h, w)
    params : Augmentation

    Returns
    -------
    Tensor, of the same shape
    """
    return brighten(move(images, params), params)


def move(images: Tensor, params: Augmentation, *, mode: str = "bilinear") -> Tensor:
    """Flip and then rotate each picture about its center, and fill it with its window; all its channels alike.

    Pictures are interpolated once, and repeat their border where what lies outside is turned in. With flips alone no
    pixel is changed.

    Parameters
    ----------
    images : Tensor, shape (n, channels, h, w) or (n, channels, d, h, w)
    params : Augmentation
    mode : {"bilinear", "nearest"}, default="bilinear"
        "nearest" for a mask, which then lies where its picture lies, and keeps its labels.

    Returns
    -------
    Tensor, of the same shape

    Examples
    --------
    >>> upside_down = Augmentation(torch.tensor([True]), torch.tensor([False]), None)
    >>> move(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), upside_down)
    tensor([[[[3., 4.],
              [1., 2.]]]])
    """
    if params.flip_slices is not None:
        images = _flip(images, params.flip_slices, -3)
    if params.angle is None and params.window is None:
        return _flip(_flip(images, params.flip_rows, -2), params.flip_columns, -1)
    slices = images.flatten(1, -3)  # (n, channels, h, w); the slices of a patch move as channels do
    theta = _sampling_matrix(params, *images.shape[-2:]).to(images.device)  # (n, 2, 3)
    grid = functional.affine_grid(theta, list(slices.shape), align_corners=False)  # (n, h, w, 2)
    moved = functional.grid_sample(slices, grid, mode=mode, padding_mode="border", align_corners=False)
    return moved.reshape(images.shape)


def brighten(images: Tensor, params: Augmentation) -> Tensor:
    """Multiply and shift the intensities of pictures, and add noise."""
    if params.gain is not None:
        images = images * _per_channel(params.gain, images)
    if params.offset is not None:
        images = images + _per_channel(params.offset, images)
    if params.noise is not None:
        sd, seed = params.noise
        generator = torch.Generator(images.device).manual_seed(seed)
        images = images + sd * torch.randn(images.shape, generator=generator, device=images.device)
    return images


def _per_channel(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device).view(*values.shape, *[1] * (images.ndim - 2))


def _flip(images: Tensor, chosen: Tensor, axis: int) -> Tensor:
    return torch.where(chosen.to(images.device).view(-1, *[1] * (images.ndim - 1)), images.flip(axis), images)


def _sampling_matrix(params: Augmentation, height: int, width: int) -> Tensor:
    """Return where each output pixel is read from, in coordinates of -1 to 1, shape (n, 2, 3).

    From the last step to the first: into the window, turned back, flipped.
    """
    over_columns = 1.0 - 2.0 * params.flip_columns.float()
    over_rows = 1.0 - 2.0 * params.flip_rows.float()
    angle = torch.zeros_like(over_rows) if params.angle is None else params.angle
    cos, sin = angle.cos(), angle.sin()  # (n,)
    x = torch.stack([over_columns * cos, -over_columns * sin * height / width, torch.zeros_like(cos)], dim=1)
    y = torch.stack([over_rows * sin * width / height, over_rows * cos, torch.zeros_like(cos)], dim=1)
    theta = torch.stack([x, y], dim=1)
    if params.window is None:
        return theta
    side, center = params.window[0, :, None, None], params.window[1:].T[:, :, None]  # (n, 1, 1), (n, 2, 1)
    turned = theta[:, :, :2]
    return torch.cat([turned * side, turned @ center], dim=2)
