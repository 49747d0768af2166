"""Three outcomes of TCGA gliomas in one run: IDH, WHO grade 2/3/4 and 1p/19q; and what one run costs beside three.

Run as ``python benchmarks/several_outcomes.py tables`` (four tables of 361 features of 162 patients, clinical columns
of those patients whom another table knows), ``... sites`` (the same, each site tested on by models of the others) or
``... images`` (111 patients with images, features of the store computed first). Prints the scores of every outcome, of
the pooled folds and the mean of the folds, the AUC of every combination of modalities, and the CPU time of the one run
against that of three, each a call of ``radiofuse run`` in one process of its own on the same feature store. Needs
``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from radiofuse.report.kinds import DETAILS, SUBSET

DATA = Path(os.environ.get("RADIOFUSE_DATA", "")) if os.environ.get("RADIOFUSE_DATA") else None
ROOT = Path(__file__).resolve().parent.parent
MODALITIES = {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "T2F"}
OUTCOMES = {
    "idh": '[[outcomes]]\ncolumn = "idh"\nspellings = { wildtype = "0", mutant = "1" }\npositive = "mutant"\n',
    "who_grade": '[[outcomes]]\ncolumn = "who_grade"\nkind = "multiclass"\n',
    "codel_1p19q": '[[outcomes]]\ncolumn = "codel_1p19q"\nspellings = { intact = "0", codeleted = "1" }\n'
    'positive = "codeleted"\n',
}
RECIPE = """title = "IDH, WHO grade and 1p/19q of TCGA gliomas"
seed = 0
[cohort]
table = "{table}"
ignore = {ignore}
mask_label = "any"
{outcomes}
[radiomics]
settings = "{settings}"
[select]
method = "three_step"
[classify]
method = "logistic"
[fusion]
inner_folds = 3
{fusion}
[evaluation]
{evaluation}
{models}
"""
WITH_CLINICAL = """
[[models]]
subsets = "all"
combine = ["mean", "regression"]
[[models]]
name = "with_clinical"
clinical = true
combine = ["mean", "regression"]
"""


def table_of_tables(folder: Path) -> Path:
    """Write the cohort table of 162 patients, and return its path."""
    source = DATA / "medimage_tcga_radiomics"
    labels = pd.read_csv(source / "labels.csv", dtype=str).rename(columns={"tcga_id": "sample_id"})
    rows = labels[["sample_id", "site", "idh", "who_grade", "codel_1p19q"]].set_index("sample_id")
    for modality, name in MODALITIES.items():
        table = pd.read_csv(source / f"radiomics__{name}(gliomaTumorAuto)__image.csv.gz").set_index("PatientID")
        table.index = table.index.str.removeprefix("Glioma-")
        rows = rows.join(table.add_prefix(f"{modality}__"), how="left")
    clinical = pd.read_csv(DATA / "brats20_tcga_roi" / "labels.csv").set_index("tcga_id")[["age", "gender"]]
    rows = rows.join(clinical.set_axis(["clinical__age", "clinical__sex"], axis=1))
    rows["clinical__sex"] = rows["clinical__sex"].map({"female": "F", "male": "M"})
    rows.rename_axis("sample_id").to_csv(folder / "cohort.csv")
    return folder / "cohort.csv"


def write_recipe(path: Path, outcomes: list[str], **options: str) -> Path:
    """Write a recipe of some outcomes; the columns of the others are left out."""
    text = "".join(OUTCOMES[name] for name in outcomes)
    ignore = [name for name in [*OUTCOMES, *options.pop("further", [])] if name not in outcomes]
    path.write_text(RECIPE.format(outcomes=text, ignore=ignore, **options))
    return path


def radiofuse(*arguments: str) -> float:
    """Return the CPU time of a command of radiofuse, in seconds: what else runs meanwhile does not count."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    call, before = [sys.executable, "-m", "radiofuse", *arguments], cpu_seconds()
    subprocess.run(call, check=True, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.DEVNULL)
    return cpu_seconds() - before


def cpu_seconds() -> float:
    """Return the CPU time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed_run(recipe: Path, out: Path, store: Path) -> float:
    """Return the CPU time of ``radiofuse run``, in seconds; one process, since others are not counted."""
    return radiofuse("run", str(recipe), "--out", str(out), "--store", str(store), "--jobs", "1")


def print_scores(bundle: Path) -> None:
    """Print the AUC of the main models of every outcome, pooled and by fold, and kappa of ordered classes."""
    scores, folds = (pd.read_csv(bundle / f"{name}.csv", dtype={"class": str}) for name in ("scores", "fold_scores"))
    words = json.loads((bundle / "bundle.json").read_text())["protocol"]["words"]["models"]
    by_fold = folds[folds["metric"] == "auc"].groupby(["outcome", "model"])["value"].agg(["mean", "count"])
    for outcome, rows in scores.groupby("outcome", sort=False):
        several = rows["class"].nunique() > 1
        shown = ["auc", "balanced_accuracy", *(["weighted_kappa"] if several else [])]
        main = rows["model"].map(lambda model: words[model]["kind"] not in DETAILS)
        rows = rows[rows["metric"].isin(shown) & main & (rows["class"].isna() if several else True)]
        cells = [f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})" for row in rows.itertuples()]
        wide = rows.assign(cell=cells).pivot(index="model", columns="metric", values="cell")[shown]
        told = by_fold.loc[outcome].reindex(wide.index)
        wide["auc by fold"] = [f"{row['mean']:.2f} ({row['count']:.0f})" for _, row in told.iterrows()]
        wide["patients"] = rows.groupby("model")["n_patients"].max()
        print(f"\n{outcome}")
        print(wide.loc[rows["model"].drop_duplicates()].rename_axis(index=None, columns=None).to_string())


def print_subsets(bundle: Path) -> None:
    """Print the AUC of every combination of members, an outcome beside the other."""
    scores = pd.read_csv(bundle / "scores.csv", dtype={"class": str})
    words = json.loads((bundle / "bundle.json").read_text())["protocol"]["words"]["models"]
    several = scores.groupby("outcome")["class"].transform("nunique") > 1
    rows = scores[(scores["metric"] == "auc") & (scores["class"].isna() | ~several)]
    rows = rows[rows["model"].map(lambda model: words[model]["kind"] == SUBSET)]
    if rows.empty:
        return
    cells = [f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})" for row in rows.itertuples()]
    wide = rows.assign(cell=cells).pivot(index="model", columns="outcome", values="cell")
    wide = wide.loc[rows["model"].drop_duplicates(), list(OUTCOMES)]
    print("\nAUC by what is fused\n" + wide.rename_axis(index=None, columns=None).to_string())


def main(what: str) -> None:
    """Run one recipe of three outcomes, then one of each, and print both sides."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if what != "images":
            models = {"fusion": "", "models": WITH_CLINICAL, "settings": "none", "table": str(table_of_tables(folder))}
        else:
            fusion = 'combine = ["mean", "regression"]\n'
            table = DATA / "brats20_tcga_roi" / "cohort.csv"
            models = {"fusion": fusion, "models": "", "settings": "shi2023", "table": str(table)}
            models["further"] = ["high_grade"]
        split = (
            'split = "leave_one_site_out"\nsmallest_site = 8'
            if what == "sites"
            else "folds = 5\nrepeats = 1\nledger = true"
        )
        options = {"evaluation": split, **models}
        together = write_recipe(folder / "together.toml", list(OUTCOMES), **options)
        if what == "images":  # extraction is not what is compared
            radiofuse("extract", "--recipe", str(together), "--store", str(folder / "store"))
        seconds = timed_run(together, folder / "together", folder / "store")
        print_scores(folder / "together" / "bundle")
        print_subsets(folder / "together" / "bundle")
        apart = 0.0
        for outcome in OUTCOMES:
            recipe = write_recipe(folder / f"{outcome}.toml", [outcome], **options)
            apart += timed_run(recipe, folder / outcome, folder / "store")
        print(f"\nOne run of three outcomes took {seconds / apart:.2f} of the time of three runs.")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["tables"])
