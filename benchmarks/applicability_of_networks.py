"""Do limits of a network's own training patients hold for new ones? Its embeddings know those it learned from.

Run as ``RADIOFUSE_DATA=/path python benchmarks/applicability_of_networks.py [epochs]``, with the folder of
``brats20_tcga_roi``. In each of five folds ``vgg16_attention`` at an eighth of its width learns IDH from the tumor
crops of t1ce of the patients of the others; limits come from their embeddings, and those held back are compared: by
nearest patients, by mean and covariance, and both in the embeddings of the same network with fresh weights, as they are
and with noise of 30 % of the standard deviation of each crop.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from applicability import verdicts
from several_outcomes import DATA

from radiofuse.deep import CropClassifier, embed, make_encoder
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.patients import patient_splits
from radiofuse.progress import silent
from radiofuse.statistics.nearest_patients import EDGE, INSIDE, OUTSIDE, NearestPatients, telling_columns
from radiofuse.statistics.shrunk_distance import spread_of

SIZE, OPTIONS = 48, {"width": 0.125}
RECIPE = f"""seed = 0
[cohort]
table = "{{table}}"
label = "idh"
ignore = ["high_grade", "who_grade", "codel_1p19q"]
modalities = ["t1ce"]
mask_label = "any"
[radiomics]
settings = "none"
[deep]
encoder = "vgg16_attention"
size = {SIZE}
"""


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a crop of t1ce of each patient, the labels and the patients."""
    (folder / "recipe.toml").write_text(RECIPE.format(table=Path(DATA, "brats20_tcga_roi", "cohort.csv")))
    recipe, places = read_recipe(folder / "recipe.toml"), {"store": folder / "store", "n_jobs": 1}
    rows = prepare_rows(recipe, folder / "out", progress=silent, **places)
    labeled = rows.of(rows.outcomes[0])
    there = labeled.X["t1ce__crop"].notna().to_numpy()
    pointers = labeled.X.loc[there, "t1ce__crop"].astype(int).tolist()
    return np.asarray(rows.source.crops.pictures(pointers)), labeled.y[there], labeled.groups[there]


def embeddings(module: torch.nn.Module, scaled: np.ndarray) -> pd.DataFrame:
    """Return what a network makes of pictures."""
    found, _ = embed(module.eval(), scaled, np.ones(len(scaled), int), batch_size=16, device="cpu")
    return pd.DataFrame(np.asarray(found, float)).add_prefix("t1ce__network1_")


def compared(train: pd.DataFrame, new: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the verdicts by both distances."""
    chosen, own = telling_columns(train), list(range(len(train)))
    new = new.set_axis([f"new {one}" for one in new.index])
    return {
        "nearest patients": verdicts(NearestPatients(train[chosen], own), new),
        "mean, covariance": verdicts(spread_of(train[chosen], own), new),
    }


def main(epochs: int) -> None:
    """Print the shares of each verdict."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, y, patients = read(Path(folder))
    rng, told = np.random.default_rng(0), []
    noisy = pictures + rng.normal(size=pictures.shape) * 0.3 * pictures.std(axis=(1, 2, 3), keepdims=True)
    for split in patient_splits(y, patients, n_splits=5, random_state=0):
        model = CropClassifier("vgg16_attention", options=OPTIONS, training={"epochs": epochs}, random_state=0)
        model.fit(pictures[split.train], y[split.train], groups=patients[split.train])
        fresh = make_encoder("vgg16_attention", 0, 2, OPTIONS)
        for weights, module in (("trained", model.encoder_.module()), ("fresh", fresh)):
            scale = model.encoder_.scaling.apply
            train = embeddings(module, scale(pictures[split.train].astype(np.float32)))
            for cohort, shown in (("held back", pictures), ("noise 30 %", noisy)):
                new = embeddings(module, scale(shown[split.test].astype(np.float32)))
                told += [(weights, cohort, by, one) for by, found in compared(train, new).items() for one in found]
    table = pd.DataFrame(told, columns=["weights", "cohort", "by", "verdict"])
    print(f"{len(y)} patients, {epochs} epochs\n{'':42}{'inside':>9}{'edge':>9}{'outside':>9}")
    for (weights, cohort, by), own in table.groupby(["weights", "cohort", "by"], sort=False)["verdict"]:
        shares = "".join(f"{(own == verdict).mean():9.1%}" for verdict in (INSIDE, EDGE, OUTSIDE))
        print(f"{weights:10}{cohort:14}{by:18}{shares}")


if __name__ == "__main__":
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
