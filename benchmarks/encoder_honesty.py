"""How much an encoder pretends when its training rows carry embeddings fitted to their own labels.

    python benchmarks/encoder_honesty.py pipelines/shi2023_idh.toml --modality t1ce [--permutations 20] [--jobs 2]

For one modality's crops, encoder features alone, under permuted and under real labels, each as AUC:

    inside     what cross-validation among the training patients says, on the features that they carry
    held out   what the held-out patients say

    crossfit      training rows carry outputs of encoders that never saw their patient
    as published  training rows carry embeddings by the encoder that was trained on them
    once for all  one encoder trained on every patient, its embeddings then taken for ready-made features

``--figure FILE`` draws the permuted part as SVG.
"""

from __future__ import annotations

import argparse
import logging
import platform
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

import radiofuse
from radiofuse.classify.modality import modality_classifier
from radiofuse.commands import terminal
from radiofuse.deep import CropEncoder
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows
from radiofuse.patients import permuted
from radiofuse.tables import columns

CROSSFIT, AS_PUBLISHED, ONCE = "crossfit", "as published", "once for all"


def encoder(recipe: Recipe, study: Rows, *, protocol: str, output: str, seed: int) -> CropEncoder:
    deep, source = recipe.deep, study.source
    return CropEncoder(
        deep.encoder,
        crops=source.crops,
        cache=source.cache,
        protocol=protocol,
        output=output,
        cv=deep.folds,
        training=deep.training,
        device=deep.device,
        random_state=seed,
    )


def chain(recipe: Recipe, seed: int) -> Pipeline:
    return modality_classifier(recipe.classify.method, select=recipe.select.method, random_state=seed)


def folds(y: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(np.zeros(len(y)), y, groups)


def cross_validated_auc(model: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray, seed: int) -> float:
    answers = np.full(len(y), np.nan)
    for train, test in folds(y, groups, 5, seed):
        answers[test] = clone(model).fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])[:, 1]
    return roc_auc_score(y, answers)


def in_the_folds(features: CropEncoder, model: Pipeline, X, y, groups, seed: int) -> tuple[float, float]:
    """Return the AUC inside, mean over the outer folds, and held out."""
    answers, inside = np.full(len(y), np.nan), []
    for train, test in folds(y, groups, 5, seed):
        fitted = clone(features)
        training = fitted.fit_transform(X.iloc[train], y[train], groups=groups[train])
        inside.append(cross_validated_auc(model, training, y[train], groups[train], seed))
        answers[test] = clone(model).fit(training, y[train]).predict_proba(fitted.transform(X.iloc[test]))[:, 1]
    return float(np.mean(inside)), roc_auc_score(y, answers)


def once_for_all(features: CropEncoder, model: Pipeline, X, y, groups, seed: int) -> tuple[float, float]:
    everyone = clone(features).fit_transform(X, y, groups=groups)
    return np.nan, cross_validated_auc(model, everyone, y, groups, seed)


def one_seed(recipe: Recipe, study: Rows, modality: str, y: np.ndarray, seed: int, output: str) -> list[tuple]:
    X, model, rows = study.X[[columns.join(modality, columns.CROP)]], chain(recipe, seed), []
    tasks = [(CROSSFIT, "crossfit", in_the_folds), (AS_PUBLISHED, "as_published", in_the_folds)]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, protocol, run in [*tasks, (ONCE, "as_published", once_for_all)]:
            features = encoder(recipe, study, protocol=protocol, output=output, seed=seed)
            rows.append((name, seed, *run(features, model, X, y, study.groups, seed)))
    return rows


def measure(recipe: Recipe, study: Rows, modality: str, labels: list[np.ndarray], output: str, jobs: int, label: str):
    calls = (delayed(one_seed)(recipe, study, modality, y, seed, output) for seed, y in enumerate(labels))
    rows = []
    with terminal.progress(label, "cohorts") as on_done:
        for done, found in enumerate(Parallel(jobs, return_as="generator_unordered")(calls), start=1):
            rows += found
            on_done(done, len(labels))
    return pd.DataFrame(rows, columns=["protocol", "seed", "inside", "held out"]).sort_values(["protocol", "seed"])


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, and the 2.5 and 97.5 percentiles, over the seeds."""
    cells = {}
    for place in ("inside", "held out"):
        values = table.groupby("protocol")[place]
        low, high = values.quantile(0.025), values.quantile(0.975)
        cells[place] = [f"{m:.2f} ({a:.2f} to {b:.2f})" for m, a, b in zip(values.mean(), low, high, strict=True)]
    shown = pd.DataFrame(cells, index=sorted(table["protocol"].unique()))
    return shown.loc[[CROSSFIT, AS_PUBLISHED, ONCE]].replace("nan (nan to nan)", "-")


def draw(table: pd.DataFrame, path: Path, title: str) -> None:
    """Draw each permutation as a dot, by protocol, held out and inside."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    rng = np.random.default_rng(0)
    styles = {
        "inside": ("#b35806", "^", 0.14, "cross-validated among the training patients"),
        "held out": ("#2166ac", "o", -0.14, "held out from the classifier"),
    }
    for place, (color, marker, shift, words) in styles.items():
        for height, protocol in enumerate([ONCE, AS_PUBLISHED, CROSSFIT]):
            values = table.loc[table["protocol"] == protocol, place].dropna()
            jitter = height + shift + rng.uniform(-0.06, 0.06, len(values))
            axes.plot(values, jitter, marker, color=color, ms=4.5, alpha=0.8, label=words if height == 2 else None)
    axes.axvline(0.5, color="0.3", lw=1, ls="--")
    axes.set(yticks=range(3), yticklabels=[ONCE, AS_PUBLISHED, CROSSFIT], xlim=(0.2, 1.02), xlabel="AUC", title=title)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--modality", default="t1ce")
    parser.add_argument("--permutations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5, help="Partitions and encoder seeds under the real labels.")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    recipe = read_recipe(options.recipe)
    without_radiomics = {
        "radiomics": recipe.radiomics.model_copy(update={"settings": "none"}),
        "evaluation": recipe.evaluation.model_copy(update={"arms": ()}),
        "tables": (),
    }
    recipe = recipe.model_copy(update=without_radiomics)
    study = prepare_rows(
        recipe, Path("out/encoder_honesty"), store=options.store, n_jobs=options.jobs, progress=terminal.progress
    )
    shared = {"jobs": options.jobs}
    print(
        f"radiofuse {radiofuse.__version__}, torch {torch.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}; {recipe.deep.encoder}, {options.modality}, {len(study.y)} patients"
    )
    shuffled = [permuted(study.y, study.groups, random_state=seed) for seed in range(options.permutations)]
    noise = measure(recipe, study, options.modality, shuffled, recipe.deep.output, label="Permuted", **shared)
    print(f"\nPermuted labels, {options.permutations} permutations: mean (2.5 to 97.5 percentile)")
    print(summarize(noise).to_string())
    for output in ("embedding", "logit"):
        real = measure(recipe, study, options.modality, [study.y] * options.seeds, output, label=output, **shared)
        print(f"\nReal labels, output = {output}, {options.seeds} seeds: mean (2.5 to 97.5 percentile)")
        print(summarize(real).to_string())
    if options.figure:
        draw(noise, options.figure, f"Labels dealt at random: nothing can be learned ({options.modality})")


if __name__ == "__main__":
    main()
