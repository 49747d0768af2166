"""What changes from epoch to epoch of a training, as a checkpoint keeps it."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from radiofuse.deep.training.optimizers import make_optimizer
from radiofuse.deep.training.options import Training
from radiofuse.errors import RequestError


@dataclass
class Curves:
    """Numbers of every epoch so far.

    Attributes
    ----------
    losses : list of float
        Mean training loss.
    validation_losses, validation_aucs : list of float
        Of the patients held out; empty without validation.
    warm_up_losses, warm_up_spreads : list of float
        Of the epochs of the warm-up; empty without.
    """

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_aucs: list[float] = field(default_factory=list)
    warm_up_losses: list[float] = field(default_factory=list)
    warm_up_spreads: list[float] = field(default_factory=list)

    def watched(self, what: str) -> list[tuple[float, ...]]:
        """Return what tells the best epoch, the lower the better: of equal AUCs the one with the lower loss."""
        if what == "auc":
            return [(-auc, loss) for auc, loss in zip(self.validation_aucs, self.validation_losses, strict=True)]
        return [(loss,) for loss in self.validation_losses]


@dataclass(eq=False)
class State:
    """All that changes from epoch to epoch, as a checkpoint keeps it."""

    module: nn.Module
    training: Training
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    curves: Curves = field(default_factory=Curves)
    best: dict[str, Tensor] | None = None

    @classmethod
    def begin(cls, module: nn.Module, start: dict[str, Tensor], training: Training, seed: int) -> State:
        module.load_state_dict(start)
        return cls(module, training, make_optimizer(module, training), torch.Generator().manual_seed(seed))

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.curves.losses)

    @property
    def best_epoch(self) -> int:
        """The first epoch that is best on the patients held out, or without them the last; from 1."""
        watched = self.curves.watched(self.training.watch)
        return watched.index(min(watched)) + 1 if watched else self.epoch

    @property
    def is_over(self) -> bool:
        waited = self.epoch - self.best_epoch
        return self.epoch >= self.training.epochs or waited >= self.training.patience

    @property
    def plateau_numbers(self) -> list[float]:
        """What the schedule "plateau" looks at."""
        watched = self.curves.watched(self.training.watch)
        return [numbers[0] for numbers in watched] or self.curves.losses

    def add(self, loss: float, held_out: tuple[float, float] | None) -> None:
        """Note an epoch, loss and AUC of the patients held out, and its weights if they are the best so far."""
        self.curves.losses.append(loss)
        if not math.isfinite(loss + (held_out[0] if held_out else 0.0)):
            raise RequestError(
                f"The loss of epoch {self.epoch} is not a finite number. Lower learning_rate, or look at the "
                "intensities of the crops."
            )
        if held_out:
            self.curves.validation_losses.append(held_out[0])
            self.curves.validation_aucs.append(held_out[1])
            if self.best_epoch == self.epoch:
                self.best = copy.deepcopy(self.module.state_dict())

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        chance = {"generator": self.generator.get_state(), "layers": torch.get_rng_state()}
        if next(self.module.parameters()).is_cuda:
            chance["layers_cuda"] = torch.cuda.get_rng_state()
        parts = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict(), "best": self.best}
        return {**parts, **chance, "curves": asdict(self.curves)}

    def restore(self, content: dict[str, Any]) -> None:
        self.module.load_state_dict(content["module"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.generator.set_state(content["generator"])
        torch.set_rng_state(content["layers"])
        if "layers_cuda" in content:
            torch.cuda.set_rng_state(content["layers_cuda"])
        self.curves, self.best = Curves(**content["curves"]), content["best"]
