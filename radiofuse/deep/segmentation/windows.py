"""A volume through a network in overlapping windows, and in all flips: what the network says, averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from radiofuse.errors import RequestError

Answer = TypeVar("Answer", Tensor, Mapping[str, Tensor])
"""What a network says: a tensor, or several by name."""

Box = tuple[slice, ...]

GAUSSIAN_SD = 1 / 8  # of a window's side, as in nnU-Net
LEAST_WEIGHT = 1e-3  # of the middle's: the corner of a volume is in one window alone


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """Return where windows begin along one axis; the last one ends where the volume ends.

    Examples
    --------
    >>> window_starts(10, 4, 0.5), window_starts(4, 4, 0.5)
    ([0, 2, 4, 6], [0])
    """
    step = max(1, int(window * (1 - overlap)))
    n = math.ceil(max(size - window, 0) / step) + 1
    return [min(number * step, size - window) for number in range(n)]


def in_windows(
    predict: Callable[[Tensor], Answer],
    volume: Tensor,
    window: Sequence[int],
    *,
    overlap: float = 0.5,
    batch_size: int = 4,
    gaussian: bool = True,
) -> Answer:
    """Return what a network says of one volume of any size, asked window by window.

    Parameters
    ----------
    predict : callable
        Takes windows (b, channels, *window) and returns a tensor, or a mapping of names to tensors: of maps, shape
        (b, k, *window), which are put together, or of numbers, shape (b, k), which are averaged over the windows.
    volume : Tensor, shape (channels, d, h, w)
        Smaller than a window, zeros are put around it and cut off again.
    window : sequence of three int
    overlap : float, default=0.5
        The share of a window that its neighbor covers too, from 0 to less than 1.
    batch_size : int, default=4
        Windows at a time.
    gaussian : bool, default=True
        Whether a voxel counts less the farther it lies from the middle of its window; else all count alike.

    Returns
    -------
    Tensor or mapping of str to Tensor
        Maps of shape (k, d, h, w), numbers of shape (k,).

    Raises
    ------
    RequestError
        If the overlap is no share, or the window has not three sides.

    References
    ----------
    Isensee et al. (2021). nnU-Net. Nature Methods 18:203, online methods (inference: windows that overlap by half,
    weighted by a Gaussian).

    Examples
    --------
    >>> volume = torch.arange(1 * 5 * 6 * 7.0).view(1, 5, 6, 7)
    >>> torch.allclose(in_windows(lambda x: x, volume, (4, 4, 4)), volume)
    True
    """
    _check(window, overlap)
    around = [max(side - size, 0) for side, size in zip(window, volume.shape[1:], strict=True)]
    padded = functional.pad(volume, [part for more in reversed(around) for part in (more // 2, more - more // 2)])
    begins = [window_starts(n, side, overlap) for n, side in zip(padded.shape[1:], window, strict=True)]
    weight = _gaussian(window) if gaussian else torch.ones(*window)
    total = _Total(padded.shape[1:], weight.to(volume.device))
    for places in _in_batches(list(product(*begins)), batch_size):
        boxes = [_box(place, window) for place in places]
        total.add(predict(_cut_out(padded, boxes)), boxes)
    return total.mean(_box([more // 2 for more in around], volume.shape[1:]))


def _cut_out(volume: Tensor, boxes: Sequence[Box]) -> Tensor:
    return torch.stack([volume[:, *box] for box in boxes])


def _box(start: Sequence[int], sides: Sequence[int]) -> Box:
    return tuple(slice(first, first + side) for first, side in zip(start, sides, strict=True))


def _check(window: Sequence[int], overlap: float) -> None:
    if len(window) != 3 or min(window) < 1 or not 0 <= overlap < 1:
        raise RequestError(
            f"A window has three sides of 1 or more voxels and overlaps its neighbor by a share from 0 to less than 1; "
            f"it is {tuple(window)} with overlap {overlap}."
        )


def _in_batches(places: list[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    return (places[start : start + size] for start in range(0, len(places), size))


def _gaussian(window: Sequence[int]) -> Tensor:
    """Return the weight of each voxel of a window, 1 in the middle."""
    weight = torch.ones(())
    for side in window:
        away = (torch.arange(side) - (side - 1) / 2) / (side * GAUSSIAN_SD)
        weight = weight[..., None] * torch.exp(-(away**2) / 2)
    return (weight / weight.max()).clamp_min(LEAST_WEIGHT)


class _Total:
    """Answers of windows, added where the windows lie."""

    def __init__(self, size: Sequence[int], weight: Tensor) -> None:
        self.size, self.weight = tuple(size), weight
        self.sums: dict[str, Tensor] = {}
        self.weights = torch.zeros(self.size, device=weight.device)
        self.n, self.is_one = 0, True

    def add(self, answer: Tensor | Mapping[str, Tensor], boxes: Sequence[Box]) -> None:
        self.is_one = isinstance(answer, Tensor)
        for name, values in ({"": answer} if isinstance(answer, Tensor) else answer).items():
            if values.ndim == 2:
                self.sums[name] = self.sums.get(name, 0) + values.sum(0)
                continue
            total = self.sums.setdefault(name, values.new_zeros(values.shape[1], *self.size))
            for one, box in zip(values, boxes, strict=True):
                total[:, *box] += one * self.weight
        for box in boxes:
            self.weights[box] += self.weight
        self.n += len(boxes)

    def mean(self, inside: Box) -> Tensor | Mapping[str, Tensor]:
        means = {
            name: values / self.n if values.ndim == 1 else (values / self.weights)[:, *inside]
            for name, values in self.sums.items()
        }
        return means[""] if self.is_one else means


def in_flips(predict: Callable[[Tensor], Answer], volume: Tensor) -> Answer:
    """Return the mean of what a network says of a volume and of its seven flips, each turned back.

    Parameters
    ----------
    predict : callable
        Takes a volume (channels, d, h, w) and returns a map (k, d, h, w), numbers (k,), or a mapping of names to
        these.
    volume : Tensor, shape (channels, d, h, w)

    Returns
    -------
    Tensor or mapping of str to Tensor
        As ``predict`` does.

    Examples
    --------
    >>> in_flips(lambda x: x, torch.arange(8.0).view(1, 2, 2, 2)).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    answers = []
    for axes in (axes for n in range(4) for axes in combinations((-3, -2, -1), n)):
        answer = predict(volume.flip(axes))
        named = {"": answer} if isinstance(answer, Tensor) else answer
        answers.append({name: one.flip(axes) if one.ndim > 1 else one for name, one in named.items()})
    means = {name: torch.stack([answer[name] for answer in answers]).mean(0) for name in answers[0]}
    return means[""] if isinstance(answer, Tensor) else means
