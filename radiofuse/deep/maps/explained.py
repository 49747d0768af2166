"""What a map explains: one number of a network's answer, and how it is asked without changing the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread
from radiofuse.errors import ImageError, RequestError


def log_odds(logits: Tensor, class_number: int) -> Tensor:
    """Return what speaks for a class, shape (n,), of logits (n, n_classes): higher, and the class is more probable.

    Of two classes the log-odds, its logit less that of the other; of more its logit.

    Examples
    --------
    >>> log_odds(torch.tensor([[1.0, 4.0]]), 1).item(), log_odds(torch.tensor([[1.0, 4.0, 9.0]]), 1).item()
    (3.0, 4.0)
    """
    if not 0 <= class_number < logits.shape[1]:
        raise RequestError(
            f"Class number {class_number} was asked of a network of {logits.shape[1]} classes, which are numbered "
            "from 0. Name one of them."
        )
    of_class = logits[:, class_number]
    return of_class - logits[:, 1 - class_number] if logits.shape[1] == 2 else of_class


def refuse_without_gradient(module: nn.Module) -> None:
    """Raise RequestError for a frozen encoder: there is no answer whose gradient could be taken."""
    if getattr(module, "frozen", False):
        raise RequestError(
            "A frozen encoder has no answer to explain and, where it came as a whole program (ONNX, TorchScript), no "
            "gradient: Grad-CAM and integrated gradients need a network that was trained here. Leave frozen out to "
            "train it, or ask for its attention maps, if it has some."
        )


def in_eval_batches(
    module: nn.Module,
    pictures: np.ndarray,
    work: Callable[[Tensor, slice], np.ndarray],
    *,
    device: str = "auto",
    batch_size: int = 16,
) -> np.ndarray:
    """Return what ``work`` makes of batches of pictures, one after the other, with the module in eval mode.

    The module is left in eval mode, on the device it ran on: no statistic of a normalization moves.

    Parameters
    ----------
    module : nn.Module
    pictures : ndarray of float32, shape (n, channels, …)
        Scaled as those the network learned from.
    work : callable
        From a batch and its place among the pictures to numbers, the batch first.
    device : str, default="auto"
    batch_size : int, default=16
        To begin with; halved where the memory does not hold it.

    Raises
    ------
    ImageError
        ``not_finite`` if a picture holds NaN or infinity.
    """
    if not np.isfinite(pictures).all():
        raise ImageError("not_finite", "A picture holds NaN or infinite values; there is no map of it. Make it again.")
    chosen = choose_device(device)
    module.to(chosen).eval()

    def batches(size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(pictures), size):
            place = slice(start, start + size)
            yield work(torch.from_numpy(np.array(pictures[place], dtype=np.float32)).to(chosen), place)

    with one_thread():
        return in_batches_that_fit(lambda size: np.concatenate(list(batches(size))), batch_size)


def resized(maps: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return maps (n, …) interpolated to the pixels of the pictures."""
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    return nn.functional.interpolate(maps[:, None], shape, mode=mode, align_corners=False)[:, 0]
