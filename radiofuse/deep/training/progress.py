"""What changes from epoch to epoch of a training, as a checkpoint keeps it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.training.options import Training
from radiofuse.errors import RequestError


@dataclass(eq=False)
class Progress:
    """All that changes from epoch to epoch, as a checkpoint keeps it."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @classmethod
    def begin(cls, module: nn.Module, start: dict[str, Tensor], training: Training, seed: int) -> Progress:
        module.load_state_dict(start)
        optimizer = torch.optim.Adam(module.parameters(), weight_decay=training.weight_decay, fused=True)
        return cls(module, optimizer, torch.Generator().manual_seed(seed))

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss, or without validation the last; from 1."""
        return int(np.argmin(self.validation_losses)) + 1 if self.validation_losses else len(self.losses)

    def is_over(self, training: Training) -> bool:
        waited = len(self.losses) - self.best_epoch
        return len(self.losses) >= training.epochs or waited >= training.patience

    def add(self, loss: float, validation_loss: float | None) -> None:
        """Note an epoch, and its weights if they are the best so far."""
        self.losses.append(loss)
        if not math.isfinite(loss + (validation_loss or 0.0)):
            raise RequestError(
                f"The loss of epoch {len(self.losses)} is not a finite number. Lower learning_rate, or look at the "
                "intensities of the crops."
            )
        if validation_loss is not None:
            self.validation_losses.append(validation_loss)
            if self.best_epoch == len(self.losses):
                self.best = copy.deepcopy(self.module.state_dict())

    def state(self) -> dict[str, Any]:
        chance = {"generator": self.generator.get_state(), "layers": torch.get_rng_state()}
        if next(self.module.parameters()).is_cuda:
            chance["layers_cuda"] = torch.cuda.get_rng_state()
        parts = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {**parts, **chance, "epochs": (self.losses, self.validation_losses, self.best)}

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["layers"])
        if "layers_cuda" in state:
            torch.cuda.set_rng_state(state["layers_cuda"])
        self.losses, self.validation_losses, self.best = state["epochs"]
