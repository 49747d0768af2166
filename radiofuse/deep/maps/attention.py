"""The attention maps of encoders that have some, at the size of their pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.maps.explained import in_eval_batches, resized
from radiofuse.errors import RequestError


def has_attention(module: nn.Module) -> bool:
    """Say whether an encoder has maps of its own; a frozen one where the encoder inside it has."""
    return callable(getattr(getattr(module, "inner", module), "attention", None))


def attention_maps(module: nn.Module, pictures: np.ndarray, *, device: str = "auto") -> dict[str, np.ndarray]:
    """Return how much of each pixel passes an encoder's gates; of whichever class.

    Parameters
    ----------
    module : nn.Module
        With ``attention(x)``, a dict of maps (n, 1, …).
    pictures : ndarray of float32, shape (n, channels, …)
        Scaled as those the network learned from.
    device : str, default="auto"

    Returns
    -------
    dict of str to ndarray of float32, shape (n, …)
        By the name of the gate; interpolated to the pixels of the pictures.

    Raises
    ------
    RequestError
        If the encoder has no attention maps.

    Examples
    --------
    >>> from radiofuse.deep.encoders.by_name import make_encoder
    >>> net = make_encoder("vgg16_attention", 0, options={"width": 0.125})
    >>> {name: maps.shape for name, maps in attention_maps(net, np.zeros((2, 1, 64, 64), np.float32)).items()}
    {'pool3': (2, 64, 64), 'pool4': (2, 64, 64)}
    """
    if not has_attention(module):
        raise RequestError(
            f"{type(module).__name__} has no attention maps; vgg16_attention has. Grad-CAM and integrated gradients "
            "exist for every trained encoder."
        )
    names: list[str] = []

    def work(x: Tensor, place: slice) -> np.ndarray:
        with torch.no_grad():
            maps = module.attention(x)
        names[:] = list(maps)
        return torch.stack([resized(one[:, 0].float(), tuple(x.shape[2:])) for one in maps.values()], 1).cpu().numpy()

    stacked = in_eval_batches(module, pictures, work, device=device)  # (n, maps, …)
    return {name: stacked[:, number] for number, name in enumerate(names)}
