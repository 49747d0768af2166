"""Every fusion beside every single sequence, on the same folds, each tested against the best single sequence.

    python benchmarks/fusion_table.py [--repeats 1] [--jobs 1] [--outcomes idh who_grade codel_1p19q]

162 gliomas of TCGA, four tables of 361 features, three outcomes; five folds of whole patients, selection and everything
else inside them. *best* is the sequence with the highest AUC inside the training patients: a single modality that
nobody chose by the test patients. The difference of every model from it has a 95 % interval and a p-value of its own,
and one adjusted for all of them (Holm). *published* are the scores of a network that others trained on other patients
(PrognosAIs), as one more member. Seconds are of a model in its folds, members that models share counted once, where
they were fitted first. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd
from several_outcomes import DATA, OUTCOMES, table_of_tables, write_recipe

from radiofuse.experiment import run_recipe
from radiofuse.fuse import COMBINERS

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
name = "published_too"
modalities = {[*SEQUENCES, "published"]}
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
name = "weighting"
kind = "weighting"
modalities = {SEQUENCES}
[[models]]
name = "constraints"
kind = "constrained"
branches = "method2"
modalities = {SEQUENCES}
"""


def add_published(table: Path) -> None:
    """Put the published scores into the cohort table, as columns of a modality of their own."""
    told = pd.read_csv(DATA / "medimage_tcga_radiomics" / "PrognosAIs_predictions.csv").set_index("Patient")
    own = told[[f"Prediction_score_{name}" for name in SCORES]]
    own.columns = [f"published__{name.lower()}" for name in SCORES]
    rows = pd.read_csv(table, dtype={"sample_id": str}).set_index("sample_id")
    rows.join(own).to_csv(table)


def table_of(bundle: Path, outcome: str) -> pd.DataFrame:
    """Return a row per model: its AUC, what it has more than the best single sequence, and its seconds."""
    scores = pd.read_csv(bundle / "scores.csv", dtype={"class": str}).query("outcome == @outcome")
    whole = scores["class"].isna() if scores["class"].nunique() > 1 else scores["class"].notna()
    own = scores[whole].pivot_table(index="model", columns="metric", values=["value", "low", "high"], sort=False)
    against = pd.read_csv(bundle / "against_reference.csv").query("outcome == @outcome").set_index("a")
    times = pd.read_csv(bundle / "run_times.csv").query("outcome == @outcome and model == model")
    rows = pd.DataFrame(index=own.index.rename(None))
    rows["AUC"] = [interval(own.loc[name], "auc") for name in own.index]
    rows["log-loss"] = own["value", "log_loss"].round(3)
    rows["minus best"] = [difference(against.loc[name]) if name in against.index else "" for name in own.index]
    rows["p, Holm"] = against["adjusted_p_value"].reindex(own.index).map("{:.3f}".format).replace("nan", "")
    rows["seconds"] = seconds_of(times.set_index("model")["seconds"], list(own.index))
    return rows[[not name.endswith(tuple(f"_{one}" for one in SEQUENCES)) for name in rows.index]]


def seconds_of(times: pd.Series, answers: list[str]) -> list[str]:
    """Return the seconds of each model behind its answering one; those of the late fusion behind "mean"."""
    answering = {"mean": "fusion", "clinical_too_mean": "clinical_too", "published_too_mean": "published_too"}
    own = [times.get(answering.get(name, name)) for name in answers]
    return ["" if value is None else f"{value:.1f}" for value in own]


def interval(row: pd.Series, metric: str) -> str:
    """Return a score with its interval."""
    value, low, high = (row[part, metric] for part in ("value", "low", "high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def difference(row: pd.Series) -> str:
    """Return a difference with its interval."""
    return f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"


def main() -> None:
    """Run the recipe and print a table per outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outcomes", nargs="+", choices=list(OUTCOMES), default=list(OUTCOMES))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = table_of_tables(folder)
        add_published(table)
        plan = f'folds = 5\nrepeats = {options.repeats}\nreference = "best"'
        parts = {"fusion": "", "models": MODELS, "settings": "none", "table": str(table), "evaluation": plan}
        recipe = write_recipe(folder / "recipe.toml", options.outcomes, **parts)
        out = run_recipe(recipe, out=folder / "out", store=folder / "store", n_jobs=options.jobs, report=False)
        for outcome in options.outcomes:
            print(f"\n{outcome}\n{table_of(out / 'bundle', outcome).to_string()}")


if __name__ == "__main__":
    main()
