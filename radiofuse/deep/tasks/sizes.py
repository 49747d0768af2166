"""The sizes of a multi-task network by name: one that a CPU trains in minutes, and the published one."""

from __future__ import annotations

from typing import Any

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean

SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "widths": (8, 16, 32),
        "blocks": (1, 1, 1),
        "dim": 32,
        "layers": 1,
        "heads": 4,
        "mlp": 64,
        "of_bottom": 8,
        "of_tokens": 8,
        "shared": 16,
        "hidden": (16,),
    },
    # GMMAS as its public code has it, for patches of 128 voxels: levels of 128, 64, 32 and 16 voxels
    "gmmas": {
        "widths": (16, 32, 64, 128),
        "blocks": (1, 2, 2, 4),
        "dim": 512,
        "layers": 4,
        "heads": 8,
        "mlp": 4096,
        "of_bottom": 64,
        "of_tokens": 256,
        "shared": 320,
        "hidden": (512, 32),
    },
}


def sizes_of(preset: str, own: dict[str, Any]) -> dict[str, Any]:
    """Return the sizes of a preset with those of one's own in their place; None among these stands for the preset's.

    Raises
    ------
    RequestError
        If a size is none: levels that do not match, channels that heads do not divide.

    Examples
    --------
    >>> sizes_of("gmmas", {"layers": 2, "dim": None})["layers"], sizes_of("gmmas", {})["dim"]
    (2, 512)
    """
    if preset not in SIZES:
        raise RequestError(
            f"No multi-task network is called {preset!r}.{did_you_mean(preset, SIZES)} Choose from {', '.join(SIZES)}."
        )
    sizes = {**SIZES[preset], **{name: value for name, value in own.items() if value is not None}}
    for name, value in sizes.items():
        _check(name, value)
    if len(sizes["widths"]) != len(sizes["blocks"]):
        raise RequestError(
            f"widths has {len(sizes['widths'])} levels and blocks {len(sizes['blocks'])}; give each level both."
        )
    if sizes["dim"] % sizes["heads"]:
        raise RequestError(f"dim is {sizes['dim']}, which {sizes['heads']} heads do not divide; take a multiple.")
    return sizes


def _check(name: str, value: Any) -> None:
    several = name in ("widths", "blocks", "hidden")
    numbers = list(value) if several and isinstance(value, list | tuple) else [value]
    whole = all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in numbers)
    if not whole or (several and (not isinstance(value, list | tuple) or not (numbers or name == "hidden"))):
        expected = "whole numbers of 1 or more, such as [8, 16]" if several else "a whole number of 1 or more"
        raise RequestError(f"{name} is {value!r}; it takes {expected}.")
