"""Generated crops of 12 pixels, or so, and what it takes to train on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.imaging import CropIndex, Crops, row_type, write_crops

SIZE = 12
IDENTITY = {"cropping": {"size": SIZE, "slices": 2}, "versions": {"crop": 1}}
TINY = "tiny_encoder:Tiny"
TRAINING = {"epochs": 2, "learning_rate": 0.01, "flips": False, "rotation_deg": 0.0}


def make_crops(
    folder: Path, *, n=24, modalities=("t1",), signal=0.0, seed=0, identity=IDENTITY, keys=None, size=SIZE, names="s"
) -> Crops:
    """Noise of which odd samples are brighter by ``signal`` in the upper half; one row per sample and modality."""
    kind, rng = row_type(2, size), np.random.default_rng(seed)
    pairs = [(f"{names}{number:02d}", modality) for modality in modalities for number in range(n)]
    records = np.zeros(len(pairs), kind)
    for record, (sample_id, _) in zip(records, pairs, strict=True):
        record["count"] = count = rng.integers(1, 3)
        record["image"][:count] = rng.normal(100, 10, size=(count, size, size))
        record["image"][:count, : size // 2] += 10 * signal * (int(sample_id[1:]) % 2)
        record["mask"][:count] = 1
    keys = keys or [f"{seed}-{sample_id}-{modality}" for sample_id, modality in pairs]
    index = CropIndex(identity, [pair[0] for pair in pairs], [pair[1] for pair in pairs], keys)
    return Crops.open(write_crops(folder / "crops", index, kind, ((n, record) for n, record in enumerate(records))))


def labels(table: pd.DataFrame) -> np.ndarray:
    """1 for odd samples."""
    return np.array([int(sample_id[1:]) % 2 for sample_id in table.index])


def patients(table: pd.DataFrame) -> np.ndarray:
    """Samples s00 and s02 are of one patient, s01 and s03, s04 and s06, …: patients have one label each."""
    return np.array([f"p{int(i[1:]) // 4 * 2 + int(i[1:]) % 2}" for i in table.index])
