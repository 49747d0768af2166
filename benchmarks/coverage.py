"""Do intervals of a cross-validated AUC hold the true AUC of the model that is shipped? Simulated cohorts tell.

    python benchmarks/coverage.py FILE [--minutes 60] [--folds 200] [--nested 40] [--refits 40] …

In each of twelve worlds a cohort is drawn again and again, a modality's chain (three steps, logistic regression) is
evaluated in 5 x 5 folds of patients, and fitted once more to all of them. Its true AUC follows from its weights: the
features are normal, and what the chain answers rises with a weighted sum of them. The answers of every cohort go to
FILE, one line each, as soon as they are there; a rerun adds what is missing, and prints the tables of what there is.

What is fitted for a cohort, each part for as many cohorts as asked:

- folds: the chain in 5 x 5 folds, in 5 x 2 folds, and on all patients (36 fits);
- nested: the chain without each pair of the 5 folds, in 5 repeats (50 fits more);
- refits: 40 resamples of the patients, in each of them twice 5 folds (400 fits more), in two of the worlds. A patient
  that is drawn twice is one patient still: copies are never on both sides of a fold;
- pooling: a forest and a logistic regression without selection, in 5 folds (12 fits), in the same two worlds;
- brnn: a chain that ends with a Bayesian regularized network, in 5 x 5 folds (26 fits), in the same two worlds.

Intervals of "folds":

- patients: percentiles over resampled patients of the pooled AUC, models held fixed (`score_predictions`);
- influence: the mean of the folds' AUCs, standard error by its influence curve (LeDell, Petersen and van der Laan 2015,
  Electron J Stat 9:1583-1607), averaged over the repeats;
- folds: Student's t over the folds' AUCs, variance times 1/J + n_test/n_train (Nadeau and Bengio 2003, Mach Learn
  52:239-281); "size": moved to the full number of patients by the difference to two-fold cross-validation, on a
  learning curve of 1/n;
- both: the variance of "influence" plus n_test/n_train times that between the folds, about the pooled AUC
  (`cross_validated_intervals`); "one repeat": of the first repeat alone; "size": as above.

Of "nested": the standard error of Bates, Hastie and Tibshirani (2024, J Am Stat Assoc 119:1434-1445) with AUCs of
folds in place of mean losses: of each fold left out, the squared difference of its AUC from the mean of the inner ones,
less the variance of its AUC (DeLong), averaged, times (K - 1)/K, and held between once and sqrt(K) times the standard
error of the folds; "size": with their correction of bias. Five repeats, where they take 200: their 2,000 fits are no
cheap interval.

Of "refits": "random effects" after Cai et al. (2023, Bootstrapping the cross-validation estimate, arXiv:2307.00260):
the variance between resamples in a random-effects model of the two estimates in each, MS_between - MS_within over 2;
training sets are not enlarged for the patients that a resample lacks. "refits": percentiles of all estimates; "refits,
mirrored" at the estimate.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from simulated_cohorts import PARTS, REPEATS, K, World, fit_cohorts, read

from radiofuse.statistics import auc, cross_validated_intervals
from radiofuse.statistics.delong import delong
from radiofuse.statistics.fold_intervals import fold_areas
from radiofuse.statistics.intervals import multiplicities, value_and_interval

PATIENTS_DRAWN = 500


class Cohort(NamedTuple):
    """What was fitted for one cohort: the lines of its parts."""

    seed: int
    folds: dict[str, Any]
    nested: dict[str, Any] | None = None
    refits: dict[str, Any] | None = None

    @property
    def predictions(self) -> pd.DataFrame:
        """The answers as a table, each repeat's ranks between 0 and 1."""
        ids = [str(row) for row in range(len(self.folds["y"]))]
        rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "model": "chain", "label": self.folds["y"]})
        answers = zip(self.folds["ranks"], self.folds["fold"], strict=True)
        return pd.concat(
            rows.assign(repeat=repeat, fold=fold, probability=np.array(ranks) / len(ids))
            for repeat, (ranks, fold) in enumerate(answers)
        )


Found = dict[str, tuple[float, float, float]]  # estimate, low and high by interval
Z = float(norm.ppf(0.975))


def about(at: float, error: float, z: float = Z) -> tuple[float, float, float]:
    """Return a symmetric interval."""
    return at, at - z * error, at + z * error


def shown_intervals(cohort: Cohort, table: pd.DataFrame) -> Found:
    """Return those that a run shows."""
    y = np.array(cohort.folds["y"])
    counts = multiplicities(len(y), PATIENTS_DRAWN, cohort.seed)
    draws = np.mean([auc(y, np.array(ranks), counts) for ranks in cohort.folds["ranks"]], axis=0)
    both = cross_validated_intervals(table)
    return {"patients": value_and_interval(draws, 0.95), "both": tuple(both.loc[0, ["value", "low", "high"]])}


def intervals(cohort: Cohort) -> Found:
    """Return all intervals of a cohort that its parts allow."""
    table = cohort.predictions
    (folds,) = fold_areas(table, [""])
    areas, mean, n_folds = folds.areas, float(folds.areas.mean()), len(folds.areas)
    to_learn, to_predict = 0.25 * areas.var(ddof=1), float(np.sum(folds.influence**2)) / REPEATS / K**2
    error_of_folds = np.sqrt(areas.var(ddof=1) * (1 / n_folds + 0.25))
    moved = (mean - float(np.mean(cohort.folds["half"]))) / 3  # on a + b/n, from .5 n and .8 n to n
    shown, one = shown_intervals(cohort, table), cross_validated_intervals(table[table["repeat"] == 0])
    found = {
        **shown,
        "both, one repeat": tuple(one.loc[0, ["value", "low", "high"]]),
        "both, size": about(shown["both"][0] + moved, np.sqrt(to_predict + to_learn)),
        "influence": about(mean, np.sqrt(to_predict)),
        "folds": about(mean, error_of_folds, t.ppf(0.975, n_folds - 1)),
        "folds, size": about(mean + moved, error_of_folds, t.ppf(0.975, n_folds - 1)),
    }
    if cohort.nested is not None:
        found |= nested_intervals(cohort, table, areas.reshape(REPEATS, K))
    if cohort.refits is not None:
        found |= refit_intervals(np.array(cohort.refits["by_fold"]), mean)
    return found


def nested_intervals(cohort: Cohort, table: pd.DataFrame, areas: np.ndarray) -> Found:
    """Return Bates, Hastie and Tibshirani's interval, with and without their correction of bias."""
    own = [rows for _, rows in table.groupby(["repeat", "fold"])]
    variances = [delong(rows["label"].to_numpy(), rows[["probability"]].to_numpy()).covariance.item() for rows in own]
    inner = np.array(cohort.nested["inner"]).sum(axis=2) / (K - 1)
    squared = float(np.mean((inner - areas) ** 2 - np.reshape(variances, areas.shape)))
    of_folds = np.sqrt(np.mean(variances) / K)
    error = np.clip(np.sqrt(max(squared, 0.0) * (K - 1) / K), of_folds, np.sqrt(K) * of_folds)
    bias = (1 + (K - 2) / K) * (inner.mean() - areas.mean())
    return {"nested": about(areas.mean(), error), "nested, size": about(inner.mean() - bias, error)}


def refit_intervals(estimates: np.ndarray, mean: float) -> Found:
    """Return the intervals of two estimates in each of some resamples."""
    between, within = 2 * estimates.mean(axis=1).var(ddof=1), estimates.var(axis=1, ddof=1).mean()
    low, high = np.quantile(estimates, [0.025, 0.975])
    return {
        "random effects": about(mean, np.sqrt(max(between - within, 0.0) / 2)),
        "refits": (mean, low, high),
        "refits, mirrored": (mean, 2 * mean - high, 2 * mean - low),
    }


def scored(lines: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each cohort and interval, and a row of estimates minus truth for each cohort."""
    parts = {(line["part"], World(*line["world"]), line["seed"]): line for line in lines}
    limits, estimates = [], []
    for (part, world, seed), line in parts.items():
        found: Found = {}
        if part == "folds":
            found = intervals(Cohort(seed, line, *(parts.get((name, world, seed)) for name in ("nested", "refits"))))
            at = (found["both"][0], found["influence"][0], line["true_in_folds"], float(np.mean(line["half"])))
            estimates.append((*world, line["true"], *(value - line["true"] for value in at)))
        elif part == "brnn":
            cohort = Cohort(seed, line)
            found = {f"BRNN: {name}": ends for name, ends in shown_intervals(cohort, cohort.predictions).items()}
        for name, (_, low, high) in found.items():
            limits.append((*world, name, low <= line["true"] <= high, high < line["true"], high - low))
    columns = list(World._fields)
    return (
        pd.DataFrame(limits, columns=[*columns, "interval", "held", "below", "width"]),
        pd.DataFrame(estimates, columns=[*columns, "truth", "pooled", "mean of folds", "models of folds", "two folds"]),
    )


def report(lines: list[dict[str, Any]]) -> None:
    """Print how often each interval holds the truth, world by world, and how far the estimates lie from it."""
    limits, estimates = scored(lines)
    of_worlds = limits.groupby(["interval", *World._fields], sort=False)["held"].agg(["mean", "size"])
    by_world = (100 * of_worlds["mean"]).round().unstack(list(World._fields)).sort_index(axis=1)
    print("Percent of the cohorts whose interval holds the true AUC of the model of all patients, by world")
    print(by_world.to_string(float_format="{:.0f}".format, na_rep=""), "\n")
    whole = limits.groupby("interval", sort=False)[["held", "below", "width"]].mean()
    whole["cohorts"] = limits.groupby("interval").size()
    whole["standard_error"] = np.sqrt(whole["held"] * (1 - whole["held"]) / whole["cohorts"])
    whole["lowest_world"], whole["cohorts_a_world"] = (
        by_world.min(axis=1) / 100,
        of_worlds["size"].groupby("interval").min(),
    )
    print(whole.round(3).to_string(), "\n")
    print("Estimates minus truth, mean of the cohorts")
    grouped = estimates.groupby(list(World._fields), sort=False)
    print(grouped.mean().assign(cohorts=grouped.size()).round(3).to_string())
    print(estimates.drop(columns=list(World._fields)).agg(["mean", "sem"]).round(4).to_string(), "\n")
    report_pooling([line for line in lines if line["part"] == "pooling"])


def report_pooling(lines: list[dict[str, Any]]) -> None:
    """Print of the models without selection how far both estimates lie from the truth."""
    rows = [
        {"signal": line["world"][0], "model": model, **{at: found[at] - found["true"] for at in ("pooled", "folds")}}
        for line in lines
        for model, found in ((name, line[name]) for name in ("forest", "logistic"))
    ]
    if rows:
        table = pd.DataFrame(rows).assign(difference=lambda rows: rows["pooled"] - rows["folds"])
        print("Models without selection, one repeat of five folds, n = 100, p = 200: estimates minus truth")
        print(table.groupby(["model", "signal"]).agg(["mean", "sem"]).round(4).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--folds", type=int, default=200)
    parser.add_argument("--nested", type=int, default=40)
    parser.add_argument("--refits", type=int, default=40)
    parser.add_argument("--pooling", type=int, default=40)
    parser.add_argument("--brnn", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    cohorts = {part: getattr(options, part) for part in PARTS}
    fit_cohorts(options.file, cohorts, options.minutes)
    report(read(options.file))


if __name__ == "__main__":
    main()
