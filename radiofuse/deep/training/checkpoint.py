"""The state of a training on disk, for the same training and no other."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from radiofuse.files.aside import write_aside

log = logging.getLogger(__name__)

_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(eq=False)
class Checkpoint:
    """A file that starts with a SHA-256 over the training's identity and the state that follows.

    So a damaged file, and one that another training left, are told apart from a good one without being parsed.

    Parameters
    ----------
    path : Path
    identity : bytes
        Of all that the state depends on.
    every_s : float
        Seconds between two writes, at least.
    """

    path: Path
    identity: bytes
    every_s: float
    written_s: float = field(default_factory=time.monotonic)

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None if there is none of this training."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        digest, state = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if digest != self._digest(state):
            log.warning("%s is damaged or another training's; this training starts at its first epoch.", self.path)
            return None
        return torch.load(io.BytesIO(state), weights_only=True)

    def keep(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state aside and rename it, if the last write is long enough ago; training goes on without."""
        if time.monotonic() - self.written_s < self.every_s:
            return
        buffer = io.BytesIO()
        torch.save(state(), buffer)
        try:
            with write_aside(self.path) as file:
                file.write(self._digest(buffer.getvalue()) + buffer.getvalue())
        except OSError as error:
            log.warning("%s could not be written (%s); training goes on without it.", self.path, error.strerror)
        self.written_s = time.monotonic()

    def remove(self) -> None:
        """Remove the file: the training is at its end."""
        self.path.unlink(missing_ok=True)

    def _digest(self, state: bytes) -> bytes:
        return hashlib.sha256(self.identity + state).digest()


def identity_of(
    settings: dict[str, Any], arrays: Sequence[np.ndarray], start: dict[str, Tensor], pixels: bytes
) -> bytes:
    """Return a SHA-256 of all that a training depends on: options, rows, first weights, and the digest of pictures."""
    digest = hashlib.sha256(json.dumps([torch.__version__, settings], sort_keys=True).encode() + pixels)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    for name, tensor in start.items():
        content = tensor.cpu().flatten().view(torch.uint8).numpy().tobytes()
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + content)
    return digest.digest()
