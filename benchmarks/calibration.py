"""What calibrating the mean of late fusion does, out of fold: slope, intercept, Brier score, log loss and AUC.

Run as ``python benchmarks/calibration.py [logistic] [brnn]``, the classifiers of the members. Every fold's members are
fitted once; the plain and the calibrated mean are of the same probabilities, the line being learned inside the training
patients. Two repeats of five folds, five inner ones; patients of TCGA (IDH, 1p/19q and WHO grade from four tables of
361 features, and from four of 873 of those with images), of LGG-1p19qDeletion (two tables of 1,015 features) and of
Sasaki2019 (MGMT, four of 98 to 154). Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from several_outcomes import DATA, MODALITIES, OUTCOMES, table_of_tables, write_recipe
from sklearn.metrics import log_loss, roc_auc_score

from radiofuse import LateFusion, modality_classifier
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.fuse.choices import rule_of
from radiofuse.patients import patient_splits
from radiofuse.progress import silent
from radiofuse.statistics import auc
from radiofuse.statistics.calibration import logistic_line

REPEATS, FOLDS, INNER = 2, 5, 5
Cohort = tuple[str, pd.DataFrame, np.ndarray]  # name, features of the patients with a known class, and the classes


def tables() -> Iterator[Cohort]:
    """Yield every cohort and outcome."""
    with tempfile.TemporaryDirectory() as folder:
        cohort = pd.read_csv(table_of_tables(Path(folder))).set_index("sample_id").sort_index()
    yield from of_outcomes("tables", cohort, [c for c in cohort if c.split("__")[0] in MODALITIES])
    yield from images()
    yield benchmark_table("LGG-1p19q", "LGG-1p19qDeletion", {"T1": "t1", "T2": "t2"})
    yield benchmark_table("MGMT", "Sasaki2019", {"T1": "t1", "T1Gd": "t1ce", "T2": "t2", "FLAIR": "flair"})


def of_outcomes(of: str, cohort: pd.DataFrame, features: list[str]) -> Iterator[Cohort]:
    """Yield the patients of TCGA for each outcome in whom it is known."""
    for outcome in OUTCOMES:
        known = cohort[outcome].notna() & cohort[features].notna().any(axis=1)
        codes = np.unique(cohort.loc[known, outcome], return_inverse=True)[1]
        yield f"{outcome} {of}", cohort.loc[known, features], codes


def images() -> Iterator[Cohort]:
    """Yield the patients of TCGA with images, whose features are computed here."""
    with tempfile.TemporaryDirectory() as name:
        folder, table = Path(name), str(DATA / "brats20_tcga_roi" / "cohort.csv")
        options = {"fusion": "", "models": "", "evaluation": "", "settings": "shi2023", "table": table}
        recipe = write_recipe(folder / "images.toml", list(OUTCOMES), further=["high_grade"], **options)
        rows = prepare_rows(read_recipe(recipe), folder, store=folder / "store", n_jobs=1, progress=silent)
        features = [c for c in rows.X if c.split("__")[0] in MODALITIES]
        yield from of_outcomes("images", rows.X.join(rows.y), features)


def benchmark_table(name: str, file: str, modalities: dict[str, str]) -> Cohort:
    """Return a table of radMLBench, columns by modality."""
    table = pd.read_csv(DATA / "radmlbench" / f"{file}.gz").set_index("ID")
    parts = {c: c.split("_", 1) for c in table}
    own = {c: f"{modalities[first]}__{rest[0]}" for c, (first, *rest) in parts.items() if first in modalities}
    return name, table[list(own)].rename(columns=own), table["Target"].to_numpy(int)


def answers(X: pd.DataFrame, y: np.ndarray, classifier: str) -> tuple[dict[str, list[np.ndarray]], list[float]]:
    """Return the plain and the calibrated mean of each repeat, (n, K), and the AUC within folds that differ."""
    modalities = list(dict.fromkeys(c.split("__")[0] for c in X))
    members = [(name, modality_classifier(classifier, random_state=0)) for name in modalities]
    n_classes, patients = y.max() + 1, np.asarray(X.index)
    told = {name: [np.empty((len(y), n_classes)) for _ in range(REPEATS)] for name in ("plain", "calibrated")}
    moved = []
    for split in patient_splits(y, patients, n_splits=FOLDS, n_repeats=REPEATS, random_state=0):
        fusion = LateFusion(members, cv=INNER, calibrate=True, random_state=0)
        fusion.fit(X.iloc[split.train], y[split.train], groups=patients[split.train])
        each, rule = fusion.predict_proba_each(X.iloc[split.test]), fusion.combiners_["mean"]
        P = each.drop(columns="mean").to_numpy()
        P = P if n_classes == 2 else P.reshape(len(P), -1, n_classes)
        for name, combiner in {"plain": rule_of(rule), "calibrated": rule}.items():
            probability = combiner.combine(P)
            both = probability if probability.ndim == 2 else np.column_stack([1 - probability, probability])
            told[name][split.repeat][split.test] = both
        if n_classes == 2:
            areas = [auc(y[split.test], told[name][split.repeat][split.test, 1]) for name in told]
            moved.append(float(areas[1] - areas[0]))
    return told, moved


def scores(y: np.ndarray, repeats: list[np.ndarray]) -> dict[str, float]:
    """Return the mean of the repeats of each number."""
    found = []
    for P in repeats:
        row = {"brier": ((P - np.eye(P.shape[1])[y]) ** 2).sum(axis=1).mean() / (2 if P.shape[1] == 2 else 1)}
        row["log_loss"] = log_loss(y, P)
        row["auc"] = float(auc(y, P[:, 1])) if P.shape[1] == 2 else roc_auc_score(y, P, multi_class="ovr")
        intercept, slope = logistic_line(y, P[:, 1]) if P.shape[1] == 2 else (np.nan, np.nan)
        found.append({"slope": slope, "intercept": intercept, **row})
    return pd.DataFrame(found).mean().to_dict()


def main(classifiers: list[str]) -> None:
    """Print a row per classifier, outcome and answer."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    warnings.simplefilter("ignore")
    numbers = f"{'slope':>6}{'interc.':>9}{'Brier':>7}{'log loss':>10}{'AUC':>7}"
    print(f"{'members':9}{'outcome':18}{'n':>5} {'mean':11}{numbers}")
    for classifier in classifiers:
        for outcome, X, y in tables():
            told, moved = answers(X, y, classifier)
            for name, repeats in told.items():
                s = scores(y, repeats)
                line = f"{s['slope']:6.2f}{s['intercept']:9.2f}" if y.max() == 1 else f"{'-':>6}{'-':>9}"
                head = f"{classifier:9}{outcome:18}{len(y):5} {name:11}"
                print(f"{head}{line}{s['brier']:7.3f}{s['log_loss']:10.3f}{s['auc']:7.3f}")
            if moved:
                print(f"  largest difference of an AUC within a fold: {max(map(abs, moved)):g}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["logistic", "brnn"])
