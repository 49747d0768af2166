"""Every fusion beside every single sequence, on the same folds, each tested against the best single sequence.

    python benchmarks/fusion_table.py [--cohort tables] [--repeats 1] [--jobs 1] [--outcomes idh who_grade codel_1p19q]

162 gliomas of TCGA, four tables of 361 features (``tables``), or 111 with images, 873 features of each of four
sequences (``images``, extracted once into ``--store``); three outcomes; five folds of whole patients, selection and
everything else inside them. *best* is the sequence with the highest AUC inside the training patients: a single modality
that nobody chose by the test patients. The difference of every model from it has a 95 % interval and a p-value of its
own, and one adjusted for all of them (Holm). *published* are the scores of a network that others trained on other
patients (PrognosAIs), as one more member, of the tables. *CPU s* is the processor's time for a whole model in the five
folds, its members fitted for it alone (a run fits members that models share once), of a late fusion with all its rules.
*rule, ms* is the processor's time for one rule by itself, fitted five times to the members' answers to all patients and
asked of them. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from several_outcomes import DATA, OUTCOMES, table_of_tables, write_recipe

from radiofuse.evaluate.fold_answers import answers_of
from radiofuse.evaluate.fold_runner import fit_alone, take_rows
from radiofuse.experiment import run_recipe
from radiofuse.experiment.deal import deal_splits
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.rows import LabeledRows
from radiofuse.fuse import COMBINERS
from radiofuse.fuse.choices import build_combiners, calibrated, fit_combiner, learns
from radiofuse.patients import Split
from radiofuse.progress import silent
from radiofuse.work.jobs import one_thread

SEQUENCES = ["t1", "t1ce", "t2", "flair"]
SCORES = ["IDH_mutated", "1p19q_codeleted", "grade_2", "grade_3", "grade_4"]
EVERY = ["mean", "best", *(name for name in COMBINERS if name not in ("mean", "best"))]
MODELS = f"""
[[models]]
modalities = {SEQUENCES}
combine = {EVERY}
[[models]]
name = "clinical_too"
modalities = {SEQUENCES}
clinical = true
combine = ["mean", "ridge_mean"]
[[models]]
name = "early"
kind = "early"
modalities = {SEQUENCES}
[[models]]
name = "early_after"
kind = "early"
joined = "after_selection"
modalities = {SEQUENCES}
[[models]]
name = "early_pca"
kind = "early"
joined = "after_selection"
select = {{ method = "pca" }}
modalities = {SEQUENCES}
[[models]]
name = "early_pls"
kind = "early"
joined = "after_selection"
select = {{ method = "pls" }}
modalities = {SEQUENCES}
[[models]]
name = "early_clinical"
kind = "early"
clinical = true
modalities = {SEQUENCES}
[[models]]
name = "weighting"
kind = "weighting"
modalities = {SEQUENCES}
[[models]]
name = "constraints"
kind = "constrained"
branches = "method2"
modalities = {SEQUENCES}
"""
PUBLISHED = f"""
[[models]]
name = "published_too"
modalities = {[*SEQUENCES, "published"]}
combine = ["mean", "ridge_mean"]
"""


def add_published(table: Path) -> None:
    """Put the published scores into the cohort table, as columns of a modality of their own."""
    told = pd.read_csv(DATA / "medimage_tcga_radiomics" / "PrognosAIs_predictions.csv").set_index("Patient")
    own = told[[f"Prediction_score_{name}" for name in SCORES]]
    own.columns = [f"published__{name.lower()}" for name in SCORES]
    rows = pd.read_csv(table, dtype={"sample_id": str}).set_index("sample_id")
    rows.join(own).to_csv(table)


def table_of(bundle: Path, outcome: str, seconds: pd.Series) -> pd.DataFrame:
    """Return a row per model: its AUC, what it has more than the best single sequence, and its times."""
    scores = pd.read_csv(bundle / "scores.csv", dtype={"class": str}).query("outcome == @outcome")
    whole = scores["class"].isna() if scores["class"].nunique() > 1 else scores["class"].notna()
    own = scores[whole].pivot_table(index="model", columns="metric", values=["value", "low", "high"], sort=False)
    against = pd.read_csv(bundle / "against_reference.csv").query("outcome == @outcome").set_index("a")
    rows = pd.DataFrame(index=own.index.rename(None))
    rows["AUC"] = [interval(own.loc[name], "auc") for name in own.index]
    rows["log-loss"] = own["value", "log_loss"].round(3)
    rows["minus best"] = [difference(against.loc[name]) if name in against.index else "" for name in own.index]
    rows["p, Holm"] = against["adjusted_p_value"].reindex(own.index).map("{:.3f}".format).replace("nan", "")
    answering = {"mean": "fusion", "clinical_too_mean": "clinical_too", "published_too_mean": "published_too"}
    told = seconds.reindex([answering.get(name, name) for name in own.index]).set_axis(own.index)
    rows["CPU s"] = told.map("{:.1f}".format).replace("nan", "")
    rows["rule, ms"] = rule_times(bundle, outcome).reindex(own.index).map("{:.1f}".format).replace("nan", "")
    return rows[[not name.endswith(tuple(f"_{one}" for one in SEQUENCES)) for name in rows.index]]


def times_alone(recipe: Path, folder: Path, store: Path, outcome: str) -> pd.Series:
    """Return the CPU seconds of each model of a recipe in its folds, fitted and asked by itself."""
    said = read_recipe(recipe)
    rows = prepare_rows(said, folder / "times", store=store, n_jobs=1, progress=silent)
    labeled = next(rows.of(one) for one in rows.outcomes if one.name == outcome)
    splits = [labeled.split(split) for split in deal_splits(said, rows.samples, rows.outcomes)]
    models = list_all_models(said, rows, labeled, splits)
    return pd.Series({name: seconds_alone(name, model, labeled, splits) for name, model in models.items()})


def seconds_alone(name: str, model: Any, labeled: LabeledRows, splits: list[Split]) -> float:
    """Return the CPU seconds of a model that is fitted and asked by itself, in some splits."""
    started = time.process_time()
    with one_thread(), warnings.catch_warnings(action="ignore"):
        models = fit_alone(model, labeled.X, labeled.y, splits, groups=labeled.groups)
        for split, fitted in zip(splits, models, strict=True):
            answers_of(fitted, name, take_rows(labeled.X, split.test), len(labeled.outcome.classes))
    return time.process_time() - started


def rule_times(bundle: Path, outcome: str) -> pd.Series:
    """Return the CPU time in milliseconds of each combiner by itself, as told above."""
    told = pd.read_csv(bundle / "predictions.csv", dtype={"class": str}).query("outcome == @outcome and repeat == 0")
    wide = told.pivot(index="sample_id", columns=["model", "class"], values="probability").dropna()[SEQUENCES]
    classes = told["class"].drop_duplicates().sort_values().tolist()
    P = wide.to_numpy().reshape(len(wide), len(SEQUENCES), -1)
    labels = told[told["model"].eq(SEQUENCES[0])].pivot(index="sample_id", columns="class", values="label")
    y = labels.loc[wide.index, classes].to_numpy()
    P, y = (P[:, :, 0], y[:, 0].astype(int)) if P.shape[2] == 1 else (P, y.argmax(axis=1))
    rules = calibrated(build_combiners(EVERY, taken=()))
    return pd.Series({name: 1000 * seconds_of_rule(rule, P, y) for name, rule in rules.items()})


def seconds_of_rule(rule: Any, P: np.ndarray, y: np.ndarray) -> float:
    """Return the CPU seconds of a combiner, fitted five times where it learns, and asked as often."""
    started = time.process_time()
    for _ in range(5):
        if learns(rule):
            fit_combiner(rule, P, y, np.arange(len(y)))
        rule.combine(P)
    return time.process_time() - started


def interval(row: pd.Series, metric: str) -> str:
    """Return a score with its interval."""
    value, low, high = (row[part, metric] for part in ("value", "low", "high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def difference(row: pd.Series) -> str:
    """Return a difference with its interval."""
    return f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"


def cohort_of(name: str, folder: Path) -> dict[str, Any]:
    """Return what the recipe says of a cohort: its table, its features, its models, and columns to leave out."""
    if name == "images":
        table = DATA / "brats20_tcga_roi" / "cohort.csv"
        return {"models": MODELS, "settings": "shi2023", "table": str(table), "further": ["high_grade"]}
    table = table_of_tables(folder)
    add_published(table)
    return {"models": MODELS + PUBLISHED, "settings": "none", "table": str(table)}


def main() -> None:
    """Run the recipe and print a table per outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", choices=["tables", "images"], default="tables")
    parser.add_argument("--store", type=Path, help="Feature store; left out, one that goes when this ends.")
    parser.add_argument("--outcomes", nargs="+", choices=list(OUTCOMES), default=list(OUTCOMES))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = f'folds = 5\nrepeats = {options.repeats}\nreference = "best"'
        parts = {"fusion": "", "evaluation": plan, **cohort_of(options.cohort, folder)}
        recipe = write_recipe(folder / "recipe.toml", options.outcomes, **parts)
        places = {"out": folder / "out", "store": options.store or folder / "store", "n_jobs": options.jobs}
        out = run_recipe(recipe, **places, report=False)
        for outcome in options.outcomes:
            seconds = times_alone(recipe, folder, places["store"], outcome)
            print(f"\n{outcome}\n{table_of(out / 'bundle', outcome, seconds).to_string()}", flush=True)


if __name__ == "__main__":
    main()
