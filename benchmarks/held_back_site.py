"""A whole site held back: IDH and WHO grade learned on the other sites of TCGA, evaluated on the patients of DU.

Run as ``python benchmarks/held_back_site.py``: four tables of 361 features of 162 patients, late fusion of four
modalities, 5 folds. Prints what ``radiofuse evaluate`` says of the site. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from several_outcomes import DATA, ROOT, table_of_tables, write_recipe

SITE = "DU"


def radiofuse(*arguments: str) -> None:
    """Run a command of radiofuse and let it print its results."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    call = [sys.executable, "-m", "radiofuse", *arguments]
    subprocess.run(call, check=True, env=os.environ | {"PYTHONPATH": paths}, cwd=ROOT)


def main() -> None:
    """Split the table by site, run the recipe on one side, evaluate its bundle on the other."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = pd.read_csv(table_of_tables(folder), dtype=str, keep_default_na=False)
        held_back = whole["site"] == SITE
        whole[~held_back].to_csv(folder / "others.csv", index=False)
        whole[held_back].to_csv(folder / f"{SITE}.csv", index=False)
        options = {"fusion": 'combine = ["mean", "regression"]', "models": "", "settings": "none"}
        options["evaluation"] = "folds = 5\nrepeats = 1"
        recipe = write_recipe(folder / "others.toml", ["idh", "who_grade"], table=str(folder / "others.csv"), **options)
        places = ["--store", str(folder / "store")]
        radiofuse("run", str(recipe), "--out", str(folder / "others"), "--no-report", *places)
        out = ["--out", sys.argv[1] if len(sys.argv) > 1 else str(folder / SITE)]
        print(f"\nOn the {held_back.sum()} patients of {SITE}:", flush=True)
        radiofuse("evaluate", str(folder / "others"), str(folder / f"{SITE}.csv"), *out, *places)


if __name__ == "__main__":
    main()
