"""What the constraints of the constraint fusion do, on the IDH labels of TCGA gliomas.

    python benchmarks/constraint_fusion.py [--seeds 2] [--folds 5] [--jobs 2]

RADIOFUSE_DATA names the folder that holds medimage_tcga_radiomics/. Features are selected inside the folds. For each
input method: the AUC of each seed, which deals the folds and draws the weights; the difference of the mean AUC from
that without any constraint, by DeLong's test, adjusted over the whole table; and the mean distance of a branch's
invariant and specific code in held-out rows. The constraints: the orthogonality loss with all weights .7 (the
default), equation 4 as it is printed, the central moment discrepancy in place of the divergence, the training as
published; then all weights, and each weight by itself, at 0, .1 and 1.
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
from radiofuse.statistics import auc, delong_test
from radiofuse.statistics.multiplicity import adjust_pvalues
from radiofuse.tables import columns

TABLES = {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "T2F"}
METHODS = ("method1", "method2", "method3")
TERMS = {"similarity": "alpha", "difference": "beta", "reconstruction": "gamma"}
NONE = "all terms 0"
CONSTRAINTS = {
    "orthogonality": {},
    "literal_norm": {"difference": "literal_norm"},
    "cmd": {"similarity": "cmd"},
    "as_published": {"training": "as_published"},
    "as_published, literal_norm": {"training": "as_published", "difference": "literal_norm"},
    **{f"all terms {weight}": dict.fromkeys(TERMS.values(), weight) for weight in (0, 0.1, 1)},
    **{f"{term} {weight}": {name: weight} for term, name in TERMS.items() for weight in (0, 0.1, 1)},
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


def list_models(seed: int) -> dict[str, ConstraintFusion]:
    """Return the unfitted fusions, called by input method and constraint."""
    chains = [(modality, modality_classifier("logistic", random_state=seed)) for modality in TABLES]
    return {
        f"{method} {constraint}": ConstraintFusion(chains, method=method, random_state=seed, **given)
        for method in METHODS
        for constraint, given in CONSTRAINTS.items()
    }


def answers(X: pd.DataFrame, y: np.ndarray, n_folds: int, seed: int, n_jobs: int) -> tuple[pd.DataFrame, pd.Series]:
    """Return the probability of every held-out row, and the mean distance of the codes, by method and constraint."""
    models = list_models(seed)
    splits = patient_splits(y, X.index, n_splits=n_folds, random_state=seed)
    folds = run_folds(models, X, y, splits=splits, n_jobs=n_jobs, inspect=distance)
    rows = gather_predictions(folds).pivot(index="sample_id", columns="model", values="probability")
    return rows.loc[X.index], pd.Series({name: np.mean([fold.findings[name] for fold in folds]) for name in models})


def table_of(y: np.ndarray, seeds: list[tuple[pd.DataFrame, pd.Series]]) -> pd.DataFrame:
    """Return AUCs, their difference from no constraint with its adjusted p-value, and distances of the codes."""
    found = {}
    for name in list_models(0):
        bare_name = f"{name.split()[0]} {NONE}"
        own, without = (np.stack([rows[asked] for rows, _ in seeds], axis=1) for asked in (name, bare_name))
        aucs, bare = ([float(auc(y, column)) for column in given.T] for given in (own, without))
        found[name] = {
            **{f"AUC, seed {seed}": value for seed, value in enumerate(aucs)},
            "less none": np.mean(aucs) - np.mean(bare),
            "p": np.nan if name == bare_name else delong_test(y, own, without)[1],
            "distance": np.mean([distances[name] for _, distances in seeds]),
        }
    table = pd.DataFrame(found).T
    return table.assign(p=adjust_pvalues(table["p"], "holm")).rename(columns={"p": "adjusted p"})


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
    seeds = [answers(X, y, options.folds, seed, options.jobs) for seed in range(options.seeds)]
    seconds = time.perf_counter() - start
    print(
        f"{len(y)} patients, {y.sum()} IDH-mutant, {options.folds} folds, {seconds:.0f} s; "
        f"radiofuse {radiofuse.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(table_of(y, seeds).round(2).to_string())


if __name__ == "__main__":
    main()
