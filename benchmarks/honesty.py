"""What labels without meaning score: selection inside the folds, as radiofuse does it, and before the split.

    python benchmarks/honesty.py pipelines/idh_tcga.toml [--permutations 10] [--jobs 2]

The labels are permuted between the patients, so that nothing can be learned and an honest AUC is 0.5. The second
column selects features once, on all rows, and cross-validates on what is left: the leak of many published pipelines.
"""

from __future__ import annotations

import argparse
import logging
import platform
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd

import radiofuse
from radiofuse.classify.modality import modality_classifier
from radiofuse.commands import terminal
from radiofuse.experiment.evaluation import evaluate_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows
from radiofuse.patients import permuted
from radiofuse.progress import silent
from radiofuse.tables import columns


def mean_auc(recipe: Recipe, study: Rows, n_jobs: int) -> pd.Series:
    """Return each model's AUC in one repeat of the recipe's cross-validation."""
    scores = evaluate_models(recipe, study, n_jobs=n_jobs, progress=silent).scores
    return scores[scores["metric"] == "auc"].set_index("model")["value"]


def select_before_splitting(study: Rows, seed: int) -> Rows:
    """Return the study with the columns that the three steps select on all of its rows."""
    kept = columns.by_modality(study.X.columns).get(columns.CLINICAL, [])
    for modality in study.modalities:
        block = study.X[columns.by_modality(study.X.columns)[modality]].dropna()
        rows = study.X.index.get_indexer(block.index)
        chain = modality_classifier("logistic", random_state=seed).fit(block, study.y[rows])
        kept += list(chain[:-1].get_feature_names_out())
    return replace(study, X=study.X[kept])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--permutations", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", default="feature_store")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    recipe = read_recipe(options.recipe)
    recipe = recipe.model_copy(
        update={"evaluation": recipe.evaluation.model_copy(update={"repeats": 1, "resamples": 100})}
    )
    unselected = recipe.model_copy(
        update={"select": recipe.select.model_copy(update={"method": "none", "options": {}})}
    )
    study = prepare_rows(
        recipe, Path("out/honesty"), store=options.store, n_jobs=options.jobs, progress=terminal.progress
    )
    inside, before = [], []
    with terminal.progress("Permuting", "permutations") as on_done:
        for seed in range(options.permutations):
            shuffled = replace(study, y=permuted(study.y, study.groups, random_state=seed))
            inside.append(mean_auc(recipe, shuffled, options.jobs))
            before.append(mean_auc(unselected, select_before_splitting(shuffled, seed), options.jobs))
            on_done(seed + 1, options.permutations)
    means = {"selected inside the folds": inside, "selected before the split": before}
    table = pd.DataFrame({name: pd.concat(aucs, axis=1).mean(axis=1) for name, aucs in means.items()})
    print(f"radiofuse {radiofuse.__version__}, Python {platform.python_version()}, {options.permutations} permutations")
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
