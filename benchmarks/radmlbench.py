"""Our default beside four plain models by the protocol of radMLBench, on every table of some folders.

    python benchmarks/radmlbench.py [FOLDER ...] [--repeats 1] [--smoke]

A table has columns ID, Target (0 or 1) and features; RADIOFUSE_DATA/radmlbench where no folder is named. Folds are
RepeatedStratifiedKFold(10, random_state=463), once (10x1) or ``--repeats 10``; all models see the same, and scaling and
selection are fitted inside them. AUC is the mean over folds and, pooled, that of all answers of a repeat together. The
difference to the default chain is over folds, its 95 % interval by Nadeau and Bengio. Time is a ratio to the default
chain's, CPU, one thread. ``--smoke``: a generated table, two folds, small forests.

The default chain reads all columns at once. The default recipe is late fusion of the modalities, taken from the first
word of the columns' names, up to an underscore or a dot; it is left out where there is one such word only, or more than
eight. How many columns each has is printed, to be looked at.

References
----------
A. Demircioğlu, radMLBench, https://github.com/aydindemircioglu/radMLBench.
C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003) 239-281.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import argparse
import re
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiofuse import LateFusion, modality_classifier

DEFAULT = "default chain"
SEED = 463  # the benchmark's
MOST_BLOCKS = 8


def smoke_table() -> pd.DataFrame:
    """Return a generated table of two modalities whose first feature tells the classes apart."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 12)), columns=[f"T{1 + i // 6}_f{i}" for i in range(12)])
    target = np.arange(40) % 2
    table["T1_f0"] += 3 * target
    return table.assign(ID=range(40), Target=target)


def read_tables(folders: list[Path]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and content of every table found."""
    for path in sorted(path for folder in folders for path in folder.glob("*.gz")):
        yield path.name.removesuffix(".gz"), pd.read_csv(path)


def blocks_of(columns: list[str]) -> dict[str, list[str]]:
    """Return the columns by the first word of their names."""
    blocks: dict[str, list[str]] = {}
    for column in columns:
        blocks.setdefault(re.split("[_.]", column)[0], []).append(column)
    return blocks


def models_for(columns: list[str], n_trees: int, seed: int = 0) -> dict[str, Any]:
    """Return the models by name, unfitted; the first is what the others are compared with."""
    lasso = LogisticRegression(l1_ratio=1, solver="liblinear", random_state=seed)
    forest = RandomForestClassifier(n_trees, n_jobs=1, random_state=seed)
    plain = {
        "L1 of 64, forest": [SelectFromModel(lasso, max_features=64, threshold=-np.inf), forest],
        "ridge": [LogisticRegression(max_iter=1000)],
        "SVM": [SVC(random_state=seed)],
        "forest": [forest],
    }
    models: dict[str, Any] = {DEFAULT: modality_classifier("logistic", random_state=seed)}
    blocks = blocks_of(columns)
    if 2 <= len(blocks) <= MOST_BLOCKS:
        members = [(name, modality_classifier("logistic", random_state=seed)) for name in blocks]
        models["default recipe"] = LateFusion(members, columns=blocks, cv=5, calibrate=True, random_state=seed)
    return models | {name: make_pipeline(SimpleImputer(), StandardScaler(), *steps) for name, steps in plain.items()}


def scores_of(model: Any, X: pd.DataFrame) -> np.ndarray:
    """Return one number for each row, larger for the second class."""
    return model.predict_proba(X)[:, 1] if hasattr(model, "predict_proba") else model.decision_function(X)


def run_table(table: pd.DataFrame, repeats: int, folds: int, n_trees: int) -> pd.DataFrame:
    """Return the AUC by fold, the pooled one and CPU time of every model."""
    X, y = table.drop(columns=["ID", "Target"]), table["Target"].to_numpy(int)
    splits = list(RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=SEED).split(X, y))
    rows = []
    for name, model in models_for(list(X), n_trees).items():
        start, answers, each = time.process_time(), np.empty((repeats, len(y))), []
        for i, (train, test) in enumerate(splits):
            fitted = clone(model).fit(X.iloc[train], y[train])
            answers[i // folds, test] = scores_of(fitted, X.iloc[test])
            each.append(roc_auc_score(y[test], answers[i // folds, test]))
        pooled = np.mean([roc_auc_score(y, answer) for answer in answers])
        rows.append({"model": name, "folds": each, "pooled": pooled, "seconds": time.process_time() - start})
    return pd.DataFrame(rows).set_index("model")


def interval_of(change: np.ndarray, test_to_train: float) -> tuple[float, float]:
    """Return the mean over folds and half the width of its interval, by Nadeau and Bengio's variance."""
    spread = np.sqrt((1 / len(change) + test_to_train) * np.var(change, ddof=1))
    return float(np.mean(change)), float(stdtrit(len(change) - 1, 0.975) * spread)


def print_table(name: str, found: pd.DataFrame, folds: int) -> None:
    """Print one line for each model."""
    ours = found.loc[DEFAULT]
    for model, row in found.iterrows():
        line = f"{name:20}{model:20}{np.mean(row.folds):8.3f}{row.pooled:8.3f}"
        if model != DEFAULT:
            difference, half = interval_of(np.subtract(row.folds, ours.folds), 1 / (folds - 1))
            line += f"{difference:+9.3f} ({difference - half:+.3f} to {difference + half:+.3f})"
            line += f"{row.seconds / ours.seconds:9.1f}"
        print(line, flush=True)


def main() -> None:
    """Print the table of all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--smoke", action="store_true")
    asked = parser.parse_args()
    data = os.environ.get("RADIOFUSE_DATA")
    folders = asked.folders or ([Path(data) / "radmlbench"] if data else [])
    if not folders and not asked.smoke:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds radmlbench, or name a folder of tables.")
    tables = [("smoke", smoke_table())] if asked.smoke else read_tables(folders)
    folds, n_trees = (2, 10) if asked.smoke else (10, 1000)
    print(f"{'table':20}{'model':20}{'folds':>8}{'pooled':>8}{'less the default chain':>28}{'time':>10}")
    for name, table in tables:
        blocks = blocks_of([column for column in table if column not in ("ID", "Target")])
        print(f"{name}: {len(table)} rows,", ", ".join(f"{word} {len(own)}" for word, own in blocks.items()))
        print_table(name, run_table(table, asked.repeats, folds, n_trees), folds)


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        main()
