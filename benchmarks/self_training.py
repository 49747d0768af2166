"""Self-training and mixup where 60 % of the labels are hidden: what stage 2 gains, and how right its labels are.

Run as ``python benchmarks/self_training.py [tables] [images]``. Patients of TCGA: IDH mutation, grade 4 and 1p/19q
codeletion, from four tables of 361 features (162 patients) and from features of the images of 111 of them, 873 of each
sequence, computed first. All sequences together go through three-step selection into a logistic regression. In four
repeats of five folds, 60 % of the training patients' labels are hidden, class by class; every model of a fold is asked
about the same patients. Prints, by outcome: AUC with its interval, ECE and log loss of the regression on what is left
of the labels (supervised), of the mean of ten bootstraps (stage 1), of stage 2 with pseudo-labels at several gates, and
of all labels; the difference of each from supervised with its interval; and how many of the hidden labels each gate
kept, how many of those were right, and how many would have been had all been kept. Then the same of mixup. Needs
``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from several_outcomes import DATA, MODALITIES, OUTCOMES, table_of_tables, write_recipe

from radiofuse import modality_classifier
from radiofuse.classify import SelfTrainedClassifier
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.patients import patient_splits
from radiofuse.patients.hidden_labels import hidden_rows
from radiofuse.progress import silent
from radiofuse.statistics import calibration_error, compare_models, pseudo_labels, score_predictions

REPEATS, FOLDS, HIDDEN = 4, 5, 0.6
GATES: dict[str, dict[str, Any]] = {
    "stage 2 (.9, .05)": {},
    "stage 2 (.99, .01)": {"confidence": 0.99, "spread": 0.01},
    "stage 2 (.8, .15)": {"confidence": 0.8, "spread": 0.15},
    "stage 2 (.8, .15), balanced": {"confidence": 0.8, "spread": 0.15, "balance": True},
    "stage 2 (.8, any spread)": {"confidence": 0.8, "spread": 1.0},
}
POSITIVE = {"idh": "1", "who_grade": "4", "codel_1p19q": "1"}
Cohort = tuple[str, pd.DataFrame, np.ndarray]  # name, features of patients with a known class, and whether it is so


def of_tables() -> Iterator[Cohort]:
    """Yield the outcomes of 162 patients, by their four tables of features."""
    with tempfile.TemporaryDirectory() as folder:
        cohort = pd.read_csv(table_of_tables(Path(folder)), dtype=dict.fromkeys(OUTCOMES, str)).set_index("sample_id")
    features = [column for column in cohort if column.split("__")[0] in MODALITIES]
    for outcome, positive in POSITIVE.items():
        rows = cohort[cohort[outcome].notna() & cohort[features].notna().any(axis=1)].sort_index()
        yield f"{outcome}, tables", rows[features], (rows[outcome].str.removesuffix(".0") == positive).to_numpy(int)


def of_images() -> Iterator[Cohort]:
    """Yield the outcomes of 111 patients, by features of their images."""
    with tempfile.TemporaryDirectory() as name:
        folder, table = Path(name), str(DATA / "brats20_tcga_roi" / "cohort.csv")
        options = {"fusion": "", "models": "", "evaluation": "", "settings": "shi2023", "table": table}
        recipe = write_recipe(folder / "images.toml", list(OUTCOMES), further=["high_grade"], **options)
        rows = prepare_rows(read_recipe(recipe), folder, store=folder / "store", n_jobs=1, progress=silent)
    for outcome in rows.outcomes:
        labeled = rows.of(outcome)
        features = [column for block in rows.blocks.values() for column in block]
        positive = outcome.classes.index("4") if outcome.name == "who_grade" else 1
        yield f"{outcome.name}, images", labeled.X[features], (labeled.y == positive).astype(int)


def chain(**tuning: Any) -> Any:
    """Return the unfitted chain."""
    return modality_classifier("logistic", select="three_step", random_state=0, tuning=tuning or None)


def evaluate(X: pd.DataFrame, true: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the predictions of all models, and what each gate kept in each fold."""
    parts, gated = [], []
    for split in patient_splits(true, X.index, n_splits=FOLDS, n_repeats=REPEATS, random_state=0):
        train, test, y = X.iloc[split.train], X.iloc[split.test], true[split.train]
        seed = 100 * split.repeat + split.fold
        hidden = hidden_rows(y, HIDDEN, random_state=seed)
        partly = np.where(hidden, -1, y)
        fitted = SelfTrainedClassifier(chain(), random_state=seed).fit(train, partly)
        first = fitted.predict_proba_of_stages(test)
        told = np.stack([one.predict_proba(train[hidden]) for one in fitted.draws_])
        answers = {"supervised": first["supervised"], "stage 1": first["stage_1"]}
        for name, gate in GATES.items():
            kept = pseudo_labels(told, **gate)
            shares = {"coverage": kept.coverage, **kept.accuracy(y[hidden]), "used": not kept.one_sided}
            gated.append({"gate": name, **shares})
            partly[hidden] = kept.code
            own = partly >= 0
            taught = fitted.supervised_ if kept.one_sided else chain().fit(train[own], partly[own])
            answers[name] = taught.predict_proba(test)
        for alpha in (0.2, 1.0):
            answers[f"mixup {alpha:g}"] = chain(mixup=alpha).fit(train[~hidden], y[~hidden]).predict_proba(test)
            answers[f"all labels, mixup {alpha:g}"] = chain(mixup=alpha).fit(train, y).predict_proba(test)
        answers["all labels"] = chain().fit(train, y).predict_proba(test)
        parts += [tidy(name, answer[:, 1], split, X.index, true) for name, answer in answers.items()]
    return pd.concat(parts, ignore_index=True), pd.DataFrame(gated)


def tidy(name: str, probability: np.ndarray, split: Any, ids: pd.Index, true: np.ndarray) -> pd.DataFrame:
    """Return answers as a table of predictions."""
    own = ids[split.test].astype(str)
    return pd.DataFrame(
        {
            "sample_id": own,
            "patient_id": own,
            "repeat": split.repeat,
            "fold": split.fold,
            "model": name,
            "label": true[split.test],
            "probability": probability,
        }
    )


def report(name: str, predictions: pd.DataFrame, gated: pd.DataFrame, true: np.ndarray, n_rows: int) -> None:
    """Print the tables of one outcome."""
    print(f"\n{name}: {n_rows} patients, {true.sum()} of them positive")
    scores = score_predictions(predictions).set_index(["model", "metric"])
    for model in predictions["model"].unique():
        area = scores.loc[(model, "auc")]
        told = f"{model:28} AUC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})"
        own = predictions[predictions["model"] == model]
        error = np.mean([calibration_error(one["label"], one["probability"]) for _, one in own.groupby("repeat")])
        told += f"  ECE {error:.3f}  log loss {scores.loc[(model, 'log_loss'), 'value']:.3f}"
        against = "all labels" if model.startswith("all labels") else "supervised"
        if model != against:
            found = compare_models(predictions, model, against)
            told += f"  from {against}: {found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
        print(told)
    for gate, rows in gated.groupby("gate", sort=False):
        right = rows.loc[rows["kept"].notna(), "kept"]
        print(
            f"{gate:28} kept {rows['coverage'].mean():.2f} of the hidden, right in {right.mean():.3f} of these and in "
            f"{rows['all'].mean():.3f} of all; learned from in {rows['used'].sum()} of {len(rows)} folds"
        )


def main(*asked: str) -> None:
    """Print the tables of every outcome."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    warnings.simplefilter("ignore")
    for what in asked:
        for name, X, true in {"tables": of_tables, "images": of_images}[what]():
            started = time.process_time()
            predictions, gated = evaluate(X, true)
            report(name, predictions, gated, true, len(X))
            print(f"{time.process_time() - started:.0f} CPU seconds", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:] or ["tables", "images"])
