"""What the constraints of the constraint fusion do, on the IDH labels of TCGA gliomas.

    python benchmarks/constraint_fusion.py [--seeds 2] [--folds 5] [--jobs 2]

RADIOFUSE_DATA names the folder that holds medimage_tcga_radiomics/. Features are selected inside the folds. For each
input method: the AUC, and the mean distance of a branch's invariant and specific code in held-out rows, with the
orthogonality loss, with equation 4 as it is printed, and without any constraint; with the central moment discrepancy
in place of the divergence; trained as published; with other weights; and with each term left out.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import radiofuse
from radiofuse.classify.modality import modality_classifier
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.fuse import ConstraintFusion
from radiofuse.patients import patient_splits
from radiofuse.statistics import auc
from radiofuse.tables import columns

TABLES = {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "T2F"}
METHODS = ("method1", "method2", "method3")
NONE = {"alpha": 0.0, "beta": 0.0, "gamma": 0.0}
CONSTRAINTS = {
    "orthogonality": {},
    "literal_norm": {"difference": "literal_norm"},
    "none": NONE,
    "cmd": {"similarity": "cmd"},
    "as_published": {"training": "as_published"},
    "as_published, literal_norm": {"training": "as_published", "difference": "literal_norm"},
    "all weights .1": {"alpha": 0.1, "beta": 0.1, "gamma": 0.1},
    "all weights 1": {"alpha": 1.0, "beta": 1.0, "gamma": 1.0},
    "without similarity": {"alpha": 0.0},
    "without difference": {"beta": 0.0},
    "without reconstruction": {"gamma": 0.0},
}


def read_table(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the features of the patients whose IDH status is known, and the status."""
    blocks = []
    for modality, name in TABLES.items():
        block = pd.read_csv(folder / f"radiomics__{name}(gliomaTumorAuto)__image.csv.gz", index_col="PatientID")
        blocks.append(block.dropna(axis=1, how="all").add_prefix(columns.join(modality, "")))
    table = pd.concat(blocks, axis=1).rename(index=lambda patient: patient.removeprefix("Glioma-"))
    idh = pd.read_csv(folder / "labels.csv", index_col="tcga_id")["idh"].reindex(table.index)
    return table[idh.notna()], idh.dropna().to_numpy(int)


def distance(model: ConstraintFusion, X: pd.DataFrame, y: np.ndarray) -> float:
    """Return the mean distance of a branch's invariant and specific code."""
    codes = model.codes(X).to_numpy().reshape(len(X), -1, 2, 2)
    return float(np.linalg.norm(codes[:, :, 0] - codes[:, :, 1], axis=2).mean())


def list_models(seed: int) -> dict[tuple[str, str], ConstraintFusion]:
    """Return the unfitted fusions by input method and kind of constraint."""
    chains = [(modality, modality_classifier("logistic", random_state=seed)) for modality in TABLES]
    return {
        (method, constraint): ConstraintFusion(chains, method=method, random_state=seed, **given)
        for method in METHODS
        for constraint, given in CONSTRAINTS.items()
    }


def evaluate(X: pd.DataFrame, y: np.ndarray, n_folds: int, seed: int, n_jobs: int) -> pd.DataFrame:
    """Return AUC and mean distance of the codes by input method and kind of constraint."""
    models = {" ".join(key): model for key, model in list_models(seed).items()}
    splits = patient_splits(y, X.index, n_splits=n_folds, random_state=seed)
    folds = run_folds(models, X, y, splits=splits, n_jobs=n_jobs, inspect=distance)
    pooled = gather_predictions(folds).groupby("model", sort=False)
    return pd.DataFrame(
        {
            f"AUC, seed {seed}": pooled.apply(lambda rows: float(auc(rows["label"], rows["probability"]))),
            f"distance, seed {seed}": {name: np.mean([fold.findings[name] for fold in folds]) for name in models},
        }
    )


def main() -> None:
    """Cross-validate every input method with every kind of constraint and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    X, y = read_table(Path(os.environ["RADIOFUSE_DATA"]) / "medimage_tcga_radiomics")
    start = time.perf_counter()
    tables = [evaluate(X, y, options.folds, seed, options.jobs) for seed in range(options.seeds)]
    seconds = time.perf_counter() - start
    print(
        f"{len(y)} patients, {y.sum()} IDH-mutant, {options.folds} folds, {seconds:.0f} s; "
        f"radiofuse {radiofuse.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    table = pd.concat(tables, axis=1)
    print(table.sort_index(axis=1).round(2).to_string())


if __name__ == "__main__":
    main()
