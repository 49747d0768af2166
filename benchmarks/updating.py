"""A model at a shifted site: does an update on half of its patients mend slope and intercept of the other half?

Run as ``python benchmarks/updating.py [SPLITS]``: 361 features of four sequences of TCGA gliomas whose IDH status is
known. In each split (default 12) four tenths of the patients make a bundle (late fusion of logistic regressions), three
tenths are a site that updates it, and three tenths, seen by neither, are scored before and after. The patients of both
halves of the site are as they are, or all shifted alike: columns of another scale (x 1.5 and 0.5 standard deviations
more), noise of one standard deviation (of the patients that made the bundle), another share (of the patients without
the mutation half are gone). Prints, over the splits, median slope and intercept, mean Brier score and AUC of the scored
half before and after, in how many splits their intervals hold 1 and 0, and which methods the tests chose. Needs
``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from several_outcomes import DATA, table_of_tables, write_recipe

from radiofuse.bundle import Bundle, evaluate_cohort, load_bundle, update_bundle
from radiofuse.errors import CohortError
from radiofuse.experiment import run_recipe

Rows = pd.DataFrame
N_SPLITS = 12


def columns_of(table: Rows) -> list[str]:
    """Return the columns of features."""
    return [name for name in table if "__" in name and not name.startswith("clinical__")]


def as_they_are(rows: Rows, made: Rows, rng: np.random.Generator) -> Rows:
    """Leave the patients as they are."""
    return rows


def of_another_scale(rows: Rows, made: Rows, rng: np.random.Generator) -> Rows:
    """Stretch every column around its mean among the patients that made the bundle, and move it."""
    names = columns_of(rows)
    mean, sd = made[names].mean(), made[names].std()
    return rows.assign(**(mean + 1.5 * (rows[names] - mean) + 0.5 * sd))


def with_noise(rows: Rows, made: Rows, rng: np.random.Generator) -> Rows:
    """Add noise to every column."""
    names = columns_of(rows)
    return rows.assign(**(rows[names] + rng.normal(size=(len(rows), len(names))) * made[names].std().to_numpy()))


def of_another_share(rows: Rows, made: Rows, rng: np.random.Generator) -> Rows:
    """Leave out half of the patients without the mutation."""
    return rows[(rows["idh"] == "1") | (rng.random(len(rows)) < 1 / 2)]


SHIFTS: dict[str, Callable[[Rows, Rows, np.random.Generator], Rows]] = {
    "as they are": as_they_are,
    "another scale": of_another_scale,
    "noise": with_noise,
    "another share": of_another_share,
}


def one_split(whole: Rows, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Return what the scored patients say of both answers, a row per shift."""
    rng = np.random.default_rng(seed)
    part = np.empty(len(whole), dtype=int)
    for value in ("0", "1"):
        of_class = rng.permutation(np.flatnonzero(whole["idh"] == value))
        part[of_class] = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])[np.arange(len(of_class)) % 10]
    made, others = whole[part == 0], whole[part > 0]
    made.to_csv(folder / "made.csv", index=False)
    options = {
        "fusion": 'combine = ["mean"]',
        "models": "",
        "settings": "none",
        "evaluation": "folds = 2\nrepeats = 1\nresamples = 200",
    }
    recipe = write_recipe(folder / "made.toml", ["idh"], table=str(folder / "made.csv"), **options)
    run_recipe(recipe, out=folder / "made", store=folder / "store", report=False)
    bundle = load_bundle(folder / "made")
    rows = []
    for name, shift in SHIFTS.items():
        shifted = shift(others, made, rng)
        updating = shifted[part[shifted.index] == 1]
        updating.to_csv(folder / "updating.csv", index=False)
        shifted[part[shifted.index] == 2].to_csv(folder / "scored.csv", index=False)
        rows.append({"shift": name, **_both(bundle, folder)})
    return rows


def _both(bundle: Bundle, folder: Path) -> dict[str, Any]:
    try:
        update = update_bundle(bundle, folder / "updating.csv", folder / "new", store=folder / "store")
    except CohortError as refused:
        return {"method": "refused", "why": str(refused)}
    told: dict[str, Any] = {"method": update.told["idh"]["method"]}
    evaluation = evaluate_cohort(load_bundle(folder / "new"), folder / "scored.csv", store=folder / "store")
    lines = evaluation.tables["calibration"].set_index("model")
    scores = evaluation.tables["scores"].set_index(["model", "metric"])["value"]
    for when, model in (("before", "mean"), ("after", "mean_updated")):
        line = lines.loc[model]
        for measure, ideal in (("slope", 1.0), ("intercept", 0.0)):
            told[measure, when] = line[measure]
            told[f"{measure} held", when] = line[f"{measure}_low"] <= ideal <= line[f"{measure}_high"]
        told |= {(metric, when): scores[model, metric] for metric in ("brier", "auc")}
    return told


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the means over the splits, before and after."""
    for name in SHIFTS:
        own = pd.DataFrame([row for row in rows if row["shift"] == name and row["method"] != "refused"])
        methods = Counter(row["method"] for row in rows if row["shift"] == name)
        print(f"\n{name}: {', '.join(f'{method} {n}' for method, n in methods.most_common())}")
        for when in ("before", "after") if len(own) else ():
            finite = own[[("slope", when), ("intercept", when)]].replace([np.inf, -np.inf], np.nan)
            slope, intercept = finite.median()
            held = [int(own[f"{measure} held", when].sum()) for measure in ("slope", "intercept")]
            print(
                f"  {when:<7} slope {slope:.2f} (1 within the interval in {held[0]} of {len(own)}), intercept "
                f"{intercept:+.2f} (0 in {held[1]}), Brier {own['brier', when].mean():.3f}, AUC "
                f"{own['auc', when].mean():.3f}"
            )


def main() -> None:
    """Split, make, update and score again and again, and print what came of it."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    n_splits, rows = int(sys.argv[1]) if len(sys.argv) > 1 else N_SPLITS, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = pd.read_csv(table_of_tables(folder), dtype={"sample_id": str, "site": str})
        whole = whole[whole["idh"].isin([0, 1])].reset_index(drop=True)
        whole["idh"] = whole["idh"].astype(int).astype(str)
        further = [one for one in whole if one.startswith("clinical__")]
        whole = whole.drop(columns=[*further, "who_grade", "codel_1p19q"])
        print(f"{len(whole)} patients, {(whole['idh'] == '1').sum()} with the mutation; {n_splits} splits.")
        for split in range(n_splits):
            rows += one_split(whole, split, folder)
    print_table(rows)


if __name__ == "__main__":
    main()
