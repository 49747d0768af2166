"""What the usual shortcuts would have claimed for a real cohort: 162 gliomas of TCGA, three outcomes.

Run as ``python benchmarks/optimism_ledger.py [repeats] [times]``: the recipe of ``several_outcomes.py`` (four tables of
361 features, late fusion, 5 folds) with ``ledger = true``, and then the same recipe with labels permuted between
patients, so many times. Prints the ledger of every outcome, and what both sides find in noise. Needs
``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from several_outcomes import DATA, OUTCOMES, radiofuse, table_of_tables, write_recipe

EVALUATION = "folds = 5\nrepeats = {repeats}\nledger = true"
MODELS = """
[[models]]
combine = ["mean", "regression"]
[[models]]
name = "joined"
kind = "early"
[[models]]
name = "with_clinical"
clinical = true
combine = ["mean", "regression"]
"""


def print_ledger(bundle: Path) -> None:
    """Print both numbers of every shortcut, and the interval of the difference."""
    ledger = pd.read_csv(bundle / "ledger.csv", keep_default_na=False)
    for row in ledger.itertuples():
        gap = f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
        numbers = f"{row.honest:.2f} | {row.optimistic:.2f} | {gap}"
        print(f"| {row.outcome} | {row.title} | {row.model} | {row.metric} | {numbers} | {row.note} |")


def main(repeats: str = "5", times: str = "5") -> None:
    """Run the recipe with its ledger, then with permuted labels."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"fusion": "", "settings": "none", "table": str(table_of_tables(folder)), "models": MODELS}
        options["evaluation"] = EVALUATION.format(repeats=repeats)
        recipe = write_recipe(folder / "ledger.toml", list(OUTCOMES), **options)
        radiofuse("run", str(recipe), "--out", str(folder / "out"), "--store", str(folder / "store"), "--no-report")
        print_ledger(folder / "out" / "bundle")
        call = [sys.executable, "-m", "radiofuse", "selftest", "noise", str(recipe), "--times", times]
        if int(times):
            subprocess.run([*call, "--store", str(folder / "store")], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
