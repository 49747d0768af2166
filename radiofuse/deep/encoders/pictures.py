"""What encoders ask of the pictures and of the options that they are handed."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from radiofuse.errors import RequestError


def check_pictures(x: Tensor, channels: int, smallest: int, dimensions: int = 2) -> None:
    """Raise unless pictures have as many channels and axes as an encoder takes, and pixels enough.

    Parameters
    ----------
    x : Tensor of shape (n, channels, h, w) or (n, channels, d, h, w)
    channels : int
    smallest : int
        Pixels of the shortest side that leave one pixel behind the last stage.
    dimensions : int, default=2

    Raises
    ------
    RequestError
        If they have another shape, or are smaller.
    """
    axes = ", ".join("dhw"[3 - dimensions :])
    if x.ndim != dimensions + 2 or x.shape[1] != channels:
        raise RequestError(
            f"Images of shape (n, {channels}, {axes}) were expected, the shape is {tuple(x.shape)}. "
            "Pass images with that many channels, or say how many there are: channels in the encoder's options."
        )
    if min(x.shape[2:]) < smallest:
        raise RequestError(
            f"This encoder halves images until nothing is left of sides under {smallest} pixels, and these have "
            f"{' x '.join(map(str, x.shape[2:]))}. Crop to a larger size."
        )


def check_number(option: str, number: Any, lowest: float, below: float) -> None:
    """Raise a RequestError unless an option is a number of a range."""
    numeric = isinstance(number, int | float) and not isinstance(number, bool)
    if not numeric or not lowest <= number < below:
        raise RequestError(
            f"The encoder's option {option} = {number!r} was refused; a number from {lowest:g} to under {below:g} was "
            "expected. Correct it in the encoder's options."
        )


def check_choice(option: str, chosen: Any, known: tuple[Any, ...]) -> None:
    """Raise a RequestError unless an option is one of those that there are."""
    if chosen not in known:
        raise RequestError(
            f"The encoder's option {option} = {chosen!r} was refused. Choose from {', '.join(map(str, known))}."
        )


def narrowed(n_channels: int, width: float, divisor: int = 1) -> int:
    """Return a layer's channels times a factor, to the nearest multiple of ``divisor`` and no less than that.

    Examples
    --------
    >>> narrowed(64, 0.25), narrowed(24, 0.35, divisor=8), narrowed(64, 0.001)
    (16, 8, 1)
    """
    return max(divisor, int(n_channels * width / divisor + 0.5) * divisor)
