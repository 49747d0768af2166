"""What a long training says of itself: losses, the AUC of the patients held out, the time left."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field

from radiofuse.deep.training.state import State
from radiofuse.wording import counted

log = logging.getLogger(__name__)

EVERY_S = 30.0  # at least, so that a training of seconds says nothing


@dataclass
class Narration:
    """Says a sentence on the last epoch, from time to time.

    Parameters
    ----------
    first_epoch : int
        How many epochs were done before this process began.
    """

    first_epoch: int
    begun_s: float = field(default_factory=time.monotonic)
    said_s: float = field(default_factory=time.monotonic)

    def tell(self, state: State) -> None:
        """Log how far the training is, if the last sentence is long enough ago."""
        now = time.monotonic()
        if now - self.said_s < EVERY_S:
            return
        self.said_s = now
        left_s = (now - self.begun_s) / (state.epoch - self.first_epoch) * (state.training.epochs - state.epoch)
        log.info(
            "Epoch %d of %d: loss %.3f%s; %s left at most.",
            state.epoch,
            state.training.epochs,
            state.curves.losses[-1],
            _held_out(state),
            counted(f"{left_s / 60:.0f}", "minute") if left_s > 90 else counted(f"{left_s:.0f}", "second"),
        )


def _held_out(state: State) -> str:
    if not state.curves.validation_losses:
        return ""
    loss, auc = state.curves.validation_losses[-1], state.curves.validation_aucs[-1]
    told = f", of the patients held out {loss:.3f}"
    return told if math.isnan(auc) else f"{told} with an AUC of {auc:.2f}"  # several tasks have no one AUC
