"""Grad-CAM: where the last map of a convolutional network holds what speaks for a class.

References
----------
Selvaraju RR et al. Grad-CAM: visual explanations from deep networks via gradient-based localization. ICCV 2017, Eq. 1
and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.maps.explained import in_eval_batches, log_odds, refuse_without_gradient, resized
from radiofuse.errors import RequestError


def grad_cam(module: nn.Module, pictures: np.ndarray, class_number: int = 1, *, device: str = "auto") -> np.ndarray:
    """Return where the last convolutional map raises what speaks for a class; what lowers it is 0.

    Parameters
    ----------
    module : nn.Module
        An encoder. Where it names a layer, ``map_layer``, the map is what that layer returns; else it is the last
        output of any layer that still has pixels. ``images_last`` says that it stands (channels, h, w, n).
    pictures : ndarray of float32, shape (n, channels, …)
        Scaled as those the network learned from; of two or three dimensions.
    class_number : int, default=1
        The class, see ``log_odds``.
    device : str, default="auto"

    Returns
    -------
    ndarray of float32, shape (n, …)
        0 or more, in units of the logit per pixel of the last map; interpolated to the pixels of the pictures.

    Raises
    ------
    RequestError
        If the encoder is frozen, or no layer has a map on which the answer depends.

    Examples
    --------
    >>> from radiofuse.deep.encoders.by_name import make_encoder
    >>> net = make_encoder("mobilenet_v2", 0, options={"width": 0.25})
    >>> grad_cam(net, np.zeros((2, 1, 64, 64), np.float32)).shape
    (2, 64, 64)
    """
    refuse_without_gradient(module)

    def work(x: Tensor, place: slice) -> np.ndarray:
        return resized(_coarse(module, x, class_number), tuple(x.shape[2:])).float().cpu().numpy()

    return in_eval_batches(module, pictures, work, device=device)


def _coarse(module: nn.Module, x: Tensor, class_number: int) -> Tensor:
    """Return the map at its own size, (n, …)."""
    with torch.enable_grad(), _last_map(module, x.ndim) as seen:
        answer = log_odds(module(x.requires_grad_()), class_number)
        gradient = torch.autograd.grad(answer.sum(), seen, allow_unused=True)[0] if seen else None
    if gradient is None:
        raise RequestError(
            f"{type(module).__name__} has no layer with a map of pixels on which its answer depends. Name the layer: "
            'the attribute map_layer of the encoder\'s class, such as map_layer = "body.layer4".'
        )
    maps = seen[0].detach()
    if getattr(module, "images_last", False):
        maps, gradient = maps.moveaxis(-1, 0), gradient.moveaxis(-1, 0)  # (n, c, h, w)
    weights = gradient.flatten(2).mean(dim=2).view(*gradient.shape[:2], *[1] * (gradient.ndim - 2))  # Eq. 1
    return (weights * maps).sum(dim=1).relu()  # Eq. 2


@contextmanager
def _last_map(module: nn.Module, n_axes: int) -> Iterator[list[Tensor]]:
    """Hold the last output that is a map of more than one pixel, or that of the layer that the encoder names."""
    named, seen = getattr(module, "map_layer", ""), list[Tensor]()

    def note(layer: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == n_axes and (named or output[0, 0].numel() > 1):
            seen[:] = [output]

    layers = [module.get_submodule(named)] if named else [layer for layer in module.modules() if layer is not module]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
