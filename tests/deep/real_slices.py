"""Eight slices and eight blocks of a real brain, for networks to learn by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from torch import nn

from radiofuse.deep.device import one_thread, own_chance


def eight_real_slices(data_dir: Path, size: int) -> torch.Tensor:
    """Return slices 10 to 17 of pyradiomics' brain1, shrunk to squares and scaled, shape (8, 1, size, size)."""
    slices = brain(data_dir)[10:18, None]  # (8, 1, h, w)
    x = nn.functional.interpolate(slices, (size, size), mode="bilinear", antialias=True)
    return (x - x.mean()) / x.std()


def eight_real_blocks(data_dir: Path, size: int) -> torch.Tensor:
    """Return eight parts of that brain, shrunk to cubes and scaled, shape (8, 1, size, size, size)."""
    shrunk = nn.functional.interpolate(brain(data_dir)[None, None], (size, 4 * size, 2 * size))[0, 0]
    x = shrunk.unflatten(1, (4, size)).unflatten(3, (2, size)).permute(1, 3, 0, 2, 4).flatten(0, 1)[:, None]
    return (x - x.mean()) / x.std()


def brain(data_dir: Path) -> torch.Tensor:
    """Return pyradiomics' brain1, float32 of shape (d, h, w)."""
    image = sitk.ReadImage(str(data_dir / "pyradiomics_testdata" / "brain1_image.nrrd"))
    return torch.from_numpy(sitk.GetArrayFromImage(image).astype(np.float32))


def loss_by_heart(net: nn.Module, x: torch.Tensor, *, steps: int, learning_rate: float = 3e-3) -> float:
    """Return the lowest training loss of alternating labels within some steps on all slices at once."""
    y = torch.arange(len(x)) % 2
    losses, optimizer = [], torch.optim.Adam(net.train().parameters(), learning_rate, fused=True)
    with one_thread(), own_chance(0, torch.device("cpu")):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return min(losses)
