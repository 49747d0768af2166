"""An encoder that kills its process once, named by its path as a user's own would be."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import torch
from tiny_encoder import Tiny


class DyingOnce(Tiny):
    """The first answer in the process of a worker ends that process; a file says that it was given."""

    def __init__(self, sign: str = ""):
        super().__init__()
        self.sign = sign

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if multiprocessing.parent_process() is not None:
            try:
                Path(self.sign).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return super().forward(x)
