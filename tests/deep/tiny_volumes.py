"""Volumes of 8 voxels a side with regions drawn in them, as files and as rows that networks read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from radiofuse.imaging.sample_arrays import sample_arrays
from radiofuse.imaging.stacks import VolumePatch
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from radiofuse.store.pictures import PictureRow, Pictures, write_pictures

SIDE = 8
SEQUENCES = ("t1", "flair")
SIZES = {"widths": [4, 8], "blocks": [1, 1], "dim": 8, "heads": 2, "mlp": 8}
SIZES |= {"of_bottom": 4, "of_tokens": 4, "shared": 4, "hidden": [4]}
TRAINING = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "rotation_deg": 0.0}


def write_cohort(folder: Path, n: int = 14, seed: int = 0, names: str = "s", labels=(1, 2, 4)) -> Path:
    """Write volumes and a table: tumors of odd patients are brighter in t1, idh is that, codel known of some."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(seed), []
    for number in range(n):
        name = f"{names}{number:02d}"
        mask = np.zeros((SIDE,) * 3, np.uint8)
        for label, at in zip(labels, rng.permutation(3) + 2, strict=False):
            mask[at : at + 2, 2:6, 2:6] = label
        row = {"sample_id": name, "patient_id": name, "idh": number % 2, "codel": number // 2 % 2}
        for sequence in SEQUENCES:
            voxels = 100 + rng.normal(0, 5, mask.shape) + 20 * (mask > 0)
            if sequence == "t1":
                voxels += 40 * (number % 2) * (mask > 0)
            row[f"{sequence}__image"] = _write(folder / f"{name}_{sequence}.nii.gz", voxels.astype(np.float32))
        row["mask"] = _write(folder / f"{name}_mask.nii.gz", mask)
        rows.append(row)
    table = pd.DataFrame(rows).astype({"codel": object})
    table.loc[:2, "codel"] = ""
    table.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def _write(path: Path, voxels: np.ndarray) -> str:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.0, 2.0))
    sitk.WriteImage(image, str(path))
    return path.name


def read_pictures(table: Path, store: Path, *, whole: int = 0) -> Pictures:
    """Return the patches of both sequences of a cohort with the parts of their masks, made in this process."""
    cohort, arrays, rows = pd.read_csv(table, dtype=str, keep_default_na=False), ArrayStore(store), []
    for sequence in SEQUENCES:
        spec = VolumePatch((sequence,), size=SIDE, parts=True, whole=whole)
        block = ArrayBlock("patch", spec.identity())
        for row in cohort.to_dict("records"):
            image, mask = (
                str(table.parent / row[name]) if row[name] else "" for name in (f"{sequence}__image", "mask")
            )
            made, files = sample_arrays(spec, {sequence: image}, mask, "any")
            arrays.write(block, block.key(files), made)
            rows.append(PictureRow(row["sample_id"], sequence, block, block.key(files)))
    return write_pictures(arrays, rows, {"patch": {**spec.identity()["patch"], "channels": 1}})


def outcomes_of(table: Path, index: pd.Index) -> pd.DataFrame:
    """Return the outcomes of a cohort, NaN where one is unknown."""
    return pd.read_csv(table).set_index("sample_id").loc[index, ["idh", "codel"]].astype(float)
