"""What values the options of a training may have, and how a sentence says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from radiofuse.errors import RequestError

Options = TypeVar("Options")

CHOICES = {
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("none", "cosine", "step", "plateau", "poly"),
    "balance": ("none", "weights", "sampler", "oversampling"),
    "watch": ("loss", "auc"),
}
COUNTS = ("epochs", "batch_size", "patience", "schedule_epochs")
SWITCHES = ("flips", "mixed_precision", "shuffle", "deterministic")
# name: lowest and highest value, and how a sentence says it
RANGES = {
    "weight_decay": (0, math.inf, "0 or more"),
    "momentum": (0, 1, "0 to 1"),
    "schedule_factor": (0, 1, "a factor of 0 to 1"),
    "gradient_clip": (0, math.inf, "0 or more"),
    "focal_gamma": (0, math.inf, "0 or more"),
    "label_smoothing": (0, 1, "a share of 0 to 1"),
    "mixup": (0, math.inf, "0 or more"),
    "rotation_deg": (0, 180, "0 to 180 degrees"),
    "crop": (0.1, 1, "a share of 0.1 to 1"),
    "scale": (0, 0.9, "0 to 0.9"),
    "intensity_gain": (0, 1, "0 to 1"),
    "intensity_shift": (0, math.inf, "0 or more"),
    "noise": (0, math.inf, "0 or more"),
}
AUGMENTATIONS = ("flips", "rotation_deg", "crop", "scale", "intensity_gain", "intensity_shift", "noise")
# Options that stand in every key of a trained encoder; those that came later stand there where they are set, so that
# what was trained without them is found.
IN_EVERY_KEY = (
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "schedule",
    "balance",
    "flips",
    "rotation_deg",
    "validation",
    "patience",
    "mixed_precision",
)
# Those that leave the numbers comparable by which the best is chosen; dropout is the encoder's.
SEARCHED = (
    "learning_rate",
    "encoder_learning_rate",
    "weight_decay",
    "dropout",
    "batch_size",
    "optimizer",
    "momentum",
    "schedule",
    "label_smoothing",
    "mixup",
    "rotation_deg",
)


def check(name: str, value: Any, fits: bool, expected: str) -> None:
    """Raise RequestError unless a value fits."""
    if not fits:
        raise RequestError(f"The training option {name} is {value!r}; expected {expected}.")


def named(kind: type[Options], options: Mapping[str, Any], inside: str) -> Options:
    """Return dataclass options of their names; ``inside`` is the option they belong to."""
    known = [option.name for option in fields(kind)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        of = f" of {inside}" if inside else ""
        raise RequestError(f"No training option{of} is called {unknown[0]!r}. Choose from {', '.join(known)}.")
    return kind(**options)


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
