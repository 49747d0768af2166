"""The last map of pixels inside an encoder, which joins that gate channels read in place of its embedding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from radiofuse.errors import RequestError

BLANK = {2: 96, 3: 64}  # pixels of a side: three or two are left behind five halvings


def find_map(encoder: nn.Module, channels: int) -> tuple[str, int]:
    """Return which layer of an encoder has its last map of more than one pixel, and how many channels the map has.

    Where the encoder names a layer, ``map_layer``, it is that one; else a blank picture tells.

    Raises
    ------
    RequestError
        If there is none.
    """
    named, dimensions = getattr(encoder, "map_layer", ""), getattr(encoder, "dimensions", 2)
    seen: list[tuple[str, Tensor]] = []
    names = {layer: name for name, layer in encoder.named_modules() if name and (name == named or not named)}

    def note(layer: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == dimensions + 2 and (named or output[0, 0].numel() > 1):
            seen.append((names[layer], output))

    hooks = [layer.register_forward_hook(note) for layer in names]
    try:
        with torch.no_grad():
            encoder.eval().embed(torch.zeros(1, channels, *[BLANK[dimensions]] * dimensions))
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise RequestError(
            f'fusion = "channel_attention" gates maps of pixels, and {type(encoder).__name__} has none. Take another '
            "fusion, or an encoder of convolutions."
        )
    name, output = seen[-1]
    encoder.train()
    return name, (output.shape[0] if getattr(encoder, "images_last", False) else output.shape[1])


def map_of(encoder: nn.Module, layer: str, x: Tensor) -> Tensor:
    """Return the map (b, channels, …) that a layer has of pictures, while they pass the encoder."""
    seen: list[Tensor] = []
    hook = encoder.get_submodule(layer).register_forward_hook(lambda _, given, output: seen.append(output))
    try:
        encoder.embed(x)
    finally:
        hook.remove()
    return seen[-1].movedim(-1, 0) if getattr(encoder, "images_last", False) else seen[-1]
