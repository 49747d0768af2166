"""A multi-task network of a few hundred weights, and rows of four sequences to train it on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from radiofuse.deep.tasks.batches import TaskRows, one_hot
from radiofuse.deep.tasks.network import MultiTaskNet
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from radiofuse.store.pictures import PictureRow, Pictures, write_pictures

SEQUENCES, SIDE, NAMES = 4, 6, ("t1", "t1ce", "t2", "flair")
SIZES = {"widths": (4, 8), "blocks": (1, 1), "dim": 8, "layers": 1, "heads": 2, "mlp": 8}
SIZES |= {"of_bottom": 2, "of_tokens": 2, "shared": 4, "hidden": (4,)}


def tiny_net(seed: int = 0, *, regions: int = 0, **options) -> MultiTaskNet:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        known = {"n_classes": 4, "outcomes": (2, 2), "regions": regions, "size": SIDE}
        return MultiTaskNet(SEQUENCES, **known, **SIZES, **options)


def tiny_rows(n: int, *, signal: float = 1.0, seed: int = 0, masks: bool = False) -> TaskRows:
    """Noise that is brighter in all sequences of odd rows, which tells idh; half the grades are known."""
    rng, idh = np.random.default_rng(seed), np.arange(n) % 2 * 1.0
    pictures = rng.normal(size=(n, SEQUENCES, SIDE, SIDE, SIDE)).astype(np.float32)
    pictures += signal * (idh + rng.normal(scale=0.5, size=n)).astype(np.float32)[:, None, None, None, None]
    grade = np.where(np.arange(n) % 4 < 2, idh, np.nan)
    maps = [(rng.random((SIDE,) * 3) < 0.3).astype(np.uint8) for _ in range(n)]
    drawn = RegionMaps(("tumor",), maps, [None] * n, [f"s{row}" for row in range(n)], (SIDE,) * 3) if masks else None
    targets = {"idh": one_hot(idh, 2), "grade": one_hot(grade, 2)}
    return TaskRows(pictures, np.ones((n, SEQUENCES)), targets, drawn)


def tiny_pictures(folder: Path, n: int, *, signal: float = 1.0) -> Pictures:
    """The same rows as patches in the store of a folder: samples s00, s01 and on, with their masks."""
    rows = tiny_rows(n, signal=signal, masks=True)
    store, block, index = ArrayStore(folder), ArrayBlock("patch", {}), []
    for at, name in [(at, name) for at in range(n) for name in NAMES]:
        mask = rows.regions.maps[at]
        arrays = {"image": rows.pictures[at, [NAMES.index(name)]], "mask": mask, "parts": mask}
        store.write(block, f"s{at:02d}-{name}", arrays)
        index.append(PictureRow(f"s{at:02d}", name, block, f"s{at:02d}-{name}"))
    return write_pictures(store, index, {})
