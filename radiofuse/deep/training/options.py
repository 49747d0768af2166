"""How an encoder is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from radiofuse.errors import RequestError

SCHEDULES = ("none", "cosine")
BALANCES = ("none", "weights", "sampler")


@dataclass(frozen=True)
class Training:
    """How an encoder is trained; the defaults are the published ones where the paper names them.

    Parameters
    ----------
    epochs : int, default=100
        The paper names no number.
    batch_size : int, default=16
        Crops in one step; an epoch's steps are of equal size, to one crop.
    learning_rate : float, default=1e-4
        Of Adam.
    weight_decay : float, default=0.0
        Of Adam: an L2 penalty.
    schedule : {"none", "cosine"}, default="none"
        "cosine" lets the learning rate fall to 0 over the epochs.
    balance : {"none", "weights", "sampler"}, default="none"
        "weights": both classes weigh the same in the loss. "sampler": crops are drawn with replacement,
        each class as often as the other.
    flips : bool, default=True
        Flip each axis of a crop with probability 1/2.
    rotation_deg : float, default=10.0
        Rotate each crop by an angle between minus and plus this.
    validation : float, default=0.0
        Share of the patients of each class that is not trained on; the epoch with the lowest loss on
        them is kept. 0: the last epoch is kept.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    mixed_precision : bool, default=True
        Compute in bfloat16 where a CUDA device does. The attention of an SA-Net stays in float32, so that of
        it this reaches the two last layers, embedding and classifier.

    Raises
    ------
    RequestError
        If a value is none of its kind.

    References
    ----------
    Adam with learning rate 1e-4 and batches of 16: Shi et al. (2023), section III.B.

    Examples
    --------
    >>> Training(epochs=15, learning_rate=1e-3).batch_size
    16
    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: Literal["none", "cosine"] = "none"
    balance: Literal["none", "weights", "sampler"] = "none"
    flips: bool = True
    rotation_deg: float = 10.0
    validation: float = 0.0
    patience: int = 10
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            self._check(name, _is_count(getattr(self, name)), "a whole number of 1 or more")
        for name in ("flips", "mixed_precision"):
            self._check(name, isinstance(getattr(self, name), bool), "true or false")
        for name, choices in (("schedule", SCHEDULES), ("balance", BALANCES)):
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        self._check("learning_rate", _is_number(self.learning_rate) and self.learning_rate > 0, "a number above 0")
        self._check("weight_decay", _is_number(self.weight_decay) and self.weight_decay >= 0, "0 or more")
        self._check("rotation_deg", _is_number(self.rotation_deg) and 0 <= self.rotation_deg <= 180, "0 to 180 degrees")
        self._check("validation", _is_number(self.validation) and 0 <= self.validation < 1, "a share of 0 to below 1")

    def _check(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise RequestError(f"The training option {name} is {getattr(self, name)!r}; expected {expected}.")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Training:
        """Return the training of named options; those left out keep their defaults.

        Raises
        ------
        RequestError
            If a name is unknown; the message lists the known ones.

        Examples
        --------
        >>> Training.from_options({"epochs": 15}).epochs
        15
        """
        known = [option.name for option in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise RequestError(f"No training option is called {unknown[0]!r}. Choose from {', '.join(known)}.")
        return cls(**options)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
