"""What a run of five models and two outcomes costs beside its parts: ten runs of one model and one outcome each.

Run as ``python benchmarks/many_models.py``: IDH and WHO grade 2/3/4 of 162 gliomas of TCGA, four tables of 361
features, 5 folds. Every run is a call of ``radiofuse run`` in one process of its own; CPU time, so that what else runs
meanwhile does not count. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from several_outcomes import DATA, table_of_tables, timed_run, write_recipe

ASKED = ["idh", "who_grade"]
MODELS = {
    "late": '[[models]]\ncombine = ["mean", "regression"]\n',
    "late with clinical": '[[models]]\nname = "with_clinical"\nclinical = true\ncombine = ["mean", "regression"]\n',
    "late of two": '[[models]]\nname = "two"\nmodalities = ["t1ce", "flair"]\ncombine = ["mean", "regression"]\n',
    "late, svm": '[[models]]\nname = "svm"\ncombine = ["mean"]\nclassify = { method = "svm" }\n',
    "early": '[[models]]\nname = "joined"\nkind = "early"\njoined = "after_selection"\n',
}


def seconds_of(folder: Path, outcomes: list[str], models: list[str]) -> float:
    """Return the CPU time of a run."""
    place = folder / f"run{len(list(folder.iterdir()))}"
    place.mkdir()
    options = {"fusion": "", "settings": "none", "table": str(folder / "cohort.csv")}
    options |= {"models": "".join(MODELS[name] for name in models), "evaluation": "folds = 5\nrepeats = 1"}
    return timed_run(write_recipe(place / "recipe.toml", outcomes, **options), place / "out", folder / "store")


def main() -> None:
    """Run everything together, then each part, and print both sides."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table_of_tables(folder)
        together = seconds_of(folder, ASKED, list(MODELS))
        parts = {model: sum(seconds_of(folder, [outcome], [model]) for outcome in ASKED) for model in MODELS}
    apart = sum(parts.values())
    print(f"One run of five models and two outcomes took {together / apart:.2f} of the time of ten runs:")
    for model, seconds in parts.items():
        print(f"  {model:20}{seconds / apart:.2f} of the ten")


if __name__ == "__main__":
    main()
