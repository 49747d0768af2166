"""What calibrating the mean of late fusion does, out of fold: slope, intercept, Brier score, log loss and AUC.

Run as ``python benchmarks/calibration.py [logistic] [brnn]``, the classifiers of the members. Every fold's members are
fitted once; the plain and the calibrated mean are of the same probabilities, the line being learned inside the training
patients. Two repeats of five folds, five inner ones; patients of TCGA (IDH, 1p/19q and WHO grade from four tables of
361 features) and of LGG-1p19qDeletion (two of 1,015). Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from several_outcomes import DATA, MODALITIES, table_of_tables
from sklearn.metrics import log_loss, roc_auc_score

from radiofuse import LateFusion, modality_classifier
from radiofuse.fuse.choices import rule_of
from radiofuse.patients import patient_splits
from radiofuse.statistics import auc
from radiofuse.statistics.calibration import logistic_line

REPEATS, FOLDS, INNER = 2, 5, 5


def tables() -> Iterator[tuple[str, pd.DataFrame, np.ndarray]]:
    """Yield the name of an outcome, the features of the patients in whom it is known, and their classes."""
    with tempfile.TemporaryDirectory() as folder:
        cohort = pd.read_csv(table_of_tables(Path(folder))).set_index("sample_id").sort_index()
    features = [c for c in cohort if c.split("__")[0] in MODALITIES]
    for outcome in ("idh", "codel_1p19q", "who_grade"):
        known = cohort[outcome].notna() & cohort[features].notna().any(axis=1)
        yield outcome, cohort.loc[known, features], np.unique(cohort.loc[known, outcome], return_inverse=True)[1]
    table = pd.read_csv(DATA / "radmlbench" / "LGG-1p19qDeletion.gz").set_index("ID")
    own = table[[c for c in table if c.startswith(("T1_", "T2_"))]]
    yield "LGG-1p19q", own.set_axis([c.lower()[:2] + "__" + c[3:] for c in own], axis=1), table["Target"].to_numpy(int)


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
    print(f"{'members':9}{'outcome':12}{'n':>5} {'mean':11}{numbers}")
    for classifier in classifiers:
        for outcome, X, y in tables():
            told, moved = answers(X, y, classifier)
            for name, repeats in told.items():
                s = scores(y, repeats)
                line = f"{s['slope']:6.2f}{s['intercept']:9.2f}" if y.max() == 1 else f"{'-':>6}{'-':>9}"
                head = f"{classifier:9}{outcome:12}{len(y):5} {name:11}"
                print(f"{head}{line}{s['brier']:7.3f}{s['log_loss']:10.3f}{s['auc']:7.3f}")
            if moved:
                print(f"  largest difference of an AUC within a fold: {max(map(abs, moved)):g}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["logistic", "brnn"])
