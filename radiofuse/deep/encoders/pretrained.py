"""Weights to begin with: read from a file without running code in it, fitted to the channels, or refused."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from radiofuse.deep.encoders.options import DOWNLOAD
from radiofuse.errors import RequestError

log = logging.getLogger(__name__)

HEAD = "classify."  # of other classes as a rule: it stays fresh where its shape differs
WRAPPER = "module."  # of DataParallel
COUNTER = ".num_batches_tracked"  # of batch normalization; files of old versions of torch lack it
SHOWN = 3  # keys that differ, in a refusal


def begin_with(module: nn.Module, weights: str, *, complete: bool = False) -> None:
    """Give a module the weights of a file, but for a classifier of another number of classes.

    Parameters
    ----------
    module : nn.Module
        Where it knows the names that other libraries give its weights, with ``from_elsewhere(tensors)``; with
        ``may_be_fresh`` where parts of it, by the beginning of their keys, need not be in the file.
    weights : str
        A ``.safetensors`` file, or a state dict that torch saved.
    complete : bool, default=False
        Whether the file must have all weights but the classifier's.

    Raises
    ------
    RequestError
        If there is no such file, it is no such file, the weights are those of another architecture, or they were
        trained here on labels.
    """
    refuse_labels_inside(weights)
    wanted = module.state_dict()
    tensors = _without_wrapper(read_weights(weights), wanted)
    tensors = getattr(module, "from_elsewhere", lambda same: same)(tensors)
    tensors = fitted_to_channels(tensors, wanted)
    fresh = _parts_to_be_trained(() if complete else getattr(module, "may_be_fresh", ()), tensors, wanted)
    tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(fresh)}
    of_file = {key: tensor for key, tensor in wanted.items() if not key.startswith(fresh)}
    _refuse_another_architecture(type(module).__name__, weights, tensors, of_file)
    module.load_state_dict(tensors, strict=False)
    if fresh:
        log.info("%s has no weights for %s: trained from scratch.", weights, ", ".join(part[:-1] for part in fresh))


def refuse_labels_inside(weights: str) -> None:
    """Raise a RequestError if a file of weights is an encoder that was trained here, as the card beside it says.

    Labels of its samples are in it, and a fold that tests one of them would not be told.
    """
    try:
        card = json.loads(Path(weights).with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(card, dict) and card.get("training_ids"):
        raise RequestError(
            f"The weights {weights} were trained here on the labels of {len(card['training_ids'])} samples, as the "
            "card beside them says. EmbeddingExtractor takes them and refuses these samples. If none of them is in "
            "the table, copy the weights to where the card is not."
        )


def _without_wrapper(tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors without the name that torch puts in front of those of a module spread over several devices."""
    wrapped = all(key.startswith(WRAPPER) for key in tensors) and not any(key.startswith(WRAPPER) for key in wanted)
    return {key.removeprefix(WRAPPER): tensor for key, tensor in tensors.items()} if wrapped else tensors


def _parts_to_be_trained(
    may_be_fresh: tuple[str, ...], tensors: dict[str, Tensor], wanted: dict[str, Tensor]
) -> tuple[str, ...]:
    """Return the beginnings of keys that keep their fresh weights: the classifier of other classes, what is lacking."""
    lacking = tuple(part for part in may_be_fresh if not any(k.startswith(part) for k in tensors))
    of_head = [key for key in wanted if key.startswith(HEAD)]
    same = all(_shape(tensors, key) == _shape(wanted, key) for key in of_head)
    return lacking if same else (HEAD, *lacking)


def read_weights(weights: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of a state dict that torch saved; no code in it is run."""
    path = Path(weights)
    if weights == DOWNLOAD:
        raise RequestError(
            'Only networks of torchvision and timm come with weights to download, such as "torchvision:resnet50". '
            "Name one of those, or a file of weights."
        )
    if not path.is_file():
        raise RequestError(
            f"There is no file {weights} with weights to begin with. Give the path of a .safetensors file or of a "
            "state dict that torch saved, or leave weights out to begin with random ones."
        )
    try:
        tensors = load_file(path) if path.suffix == ".safetensors" else _saved_by_torch(path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise RequestError(
            f"{weights} cannot be read as weights ({str(error).splitlines()[0]}). A .safetensors file or a state dict "
            "that torch saved was expected: tensors by name, and no objects."
        ) from error
    odd = [key for key, tensor in tensors.items() if not isinstance(tensor, Tensor)]
    if odd:
        raise RequestError(
            f"{weights} holds a {type(tensors[odd[0]]).__name__} under {odd[0]!r}; tensors by name were expected. "
            "Save the state dict alone: torch.save(module.state_dict(), path)."
        )
    return tensors


def _saved_by_torch(path: Path) -> dict[str, Tensor]:
    saved = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(saved, dict) and isinstance(saved.get("state_dict"), dict):  # as some training programs nest it
        saved = saved["state_dict"]
    if not isinstance(saved, dict):
        raise ValueError(f"it holds a {type(saved).__name__}")
    return saved


def fitted_to_channels(tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors whose first kernel takes as many channels as the one that is wanted, if it alone differs.

    Every channel gets the average of the kernels, times how many there were over how many there are, so that the
    response to channels that are all equal stays what it was.

    Examples
    --------
    >>> rgb = {"first": torch.tensor([[[[1.0]], [[2.0]], [[6.0]]]])}
    >>> fitted_to_channels(rgb, {"first": torch.zeros(1, 1, 1, 1)})["first"].flatten()
    tensor([9.])
    """
    odd = [key for key in wanted if not key.startswith(HEAD) and _differ_in_channels_alone(tensors, wanted, key)]
    if len(odd) != 1:  # more than one: another architecture
        return tensors
    found, target = tensors[odd[0]], wanted[odd[0]]
    average = found.float().mean(dim=1, keepdim=True)  # (out, 1, k, k)
    rescaled = average * (found.shape[1] / target.shape[1])
    return tensors | {odd[0]: rescaled.expand(target.shape).to(found.dtype)}


def _differ_in_channels_alone(tensors: dict[str, Tensor], wanted: dict[str, Tensor], key: str) -> bool:
    found, target = _shape(tensors, key) or (), _shape(wanted, key) or ()
    same = len(found) == len(target) > 1 and (found[0], found[2:]) == (target[0], target[2:])
    return same and found[1] != target[1]


def _shape(tensors: dict[str, Tensor], key: str) -> tuple[int, ...] | None:
    return tuple(tensors[key].shape) if key in tensors else None


def _refuse_another_architecture(
    name: str, weights: str, tensors: dict[str, Tensor], wanted: dict[str, Tensor]
) -> None:
    """Raise unless names and shapes are those of the module."""
    keys = [key for key in dict.fromkeys([*wanted, *tensors]) if not key.endswith(COUNTER)]
    odd = [key for key in keys if _shape(tensors, key) != _shape(wanted, key)]
    if odd:
        shown = "; ".join(
            f"{key} (expected {_shape(wanted, key) or 'nothing'}, got {_shape(tensors, key) or 'nothing'})"
            for key in odd[:SHOWN]
        )
        raise RequestError(
            f"The weights {weights} are those of another architecture: {len(odd)} tensors do not fit {name}, first "
            f"{shown}. Name the encoder and the options that they belong to."
        )
