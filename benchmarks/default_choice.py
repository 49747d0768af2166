"""Which default? A few candidates, named here beforehand, on every table at hand, and tests over the tables.

    python benchmarks/default_choice.py [--repeats 1] [--scores FILE.csv] [--figure FILE.svg] [--times TASK] [--smoke]

Every candidate is an entry of [[models]] in a recipe of which everything else is left out, so that it is what a user
gets; all see the same folds of whole patients (five, in so many repeats). Scores are of the pooled folds of a repeat,
meaned over the repeats, as everywhere. *today* is what an empty recipe means.

The rule, set before anything was run: a candidate takes today's place if its log-loss and its AUC, meaned over the
tasks, are both better than today's, and the Wilcoxon signed-rank test of its log-loss over the tasks, adjusted for the
number of candidates (Holm), has a p-value below .05. Else today's stays. A second test flips the signs of the tasks'
differences; it and the tests of the AUC are shown beside. Tasks are few, and some are of the same patients (five of
TCGA, two of one hospital), so that neither test can show much, and p-values are lower than those of as many cohorts.

``--scores`` keeps what each task gave: a task that stands there is not run again. ``--times`` prints the CPU seconds
of every candidate in one fold of a task and nothing else. Needs ``RADIOFUSE_DATA``.

References
----------
F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945) 80-83.
J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006) 1-30: models over tables.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import argparse
import logging
import sys
import tempfile
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from default_figure import draw
from default_tasks import DATA, Task, read_tasks, smoke_task
from fusion_table import seconds_alone
from scipy.stats import wilcoxon

from radiofuse import score_predictions
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.experiment.deal import deal_splits
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.rows import LabeledRows
from radiofuse.patients import Split
from radiofuse.progress import silent
from radiofuse.statistics.multiplicity import adjust_pvalues

TODAY = "today"
CANDIDATES = {
    # what an empty recipe means: three-step selection and logistic regression by modality, the calibrated mean
    TODAY: 'combine = ["mean"]',
    # calibration was seen to cost where events are few
    "plain mean": 'combine = ["mean"]\ncalibrate = false',
    # the learned combiner that was nowhere among the worst of twenty
    "ridge_mean": 'combine = ["ridge_mean"]',
    # clinical columns as a member never hurt so far; left out where there are none
    "with clinical": 'combine = ["mean"]\nclinical = true',
    # the same chain on all columns at once: the question that late fusion answers
    "one chain": 'kind = "early"',
    # the best single configuration of radMLBench, with our forest
    "L1 of 64, forest": 'kind = "early"\nselect = { method = "candidate_models:StrongestOfLasso" }\n'
    'classify = { method = "random_forest" }',
    # nothing selected, the penalty chosen in inner folds: what everything else has to be worth its while against
    "ridge": 'kind = "early"\nselect = { method = "none" }\n'
    'classify = { method = "logistic", search = { C = [1e-4, 1e-3, 1e-2, 1e-1] } }',
    # models that err differently, on all columns at once
    "unlike models": 'kind = "early"\nselect = { method = "none" }\n'
    'classify = { method = "candidate_models:UnlikeModels" }',
    # and for every modality by itself, so that one may be absent; the mean of their log-odds
    "unlike, late": 'select = { method = "none" }\nclassify = { method = "candidate_models:UnlikeModels" }\n'
    'combine = ["logit_mean"]\ncalibrate = false',
}
SCORES = ("log_loss", "auc")
RECIPE = """seed = 0
[cohort]
table = "{table}"
ignore = {ignore}
mask_label = "any"
label_per = "sample"
[radiomics]
settings = "{settings}"
[evaluation]
folds = {folds}
repeats = {repeats}
{outcome}
{models}
"""


def candidates_of(task: Task) -> dict[str, str]:
    """Return the candidates of a task by the names that they have as models of its recipe."""
    own = [name for name in CANDIDATES if name != "with clinical" or task.clinical]
    return {name.replace(", ", "_").replace(" ", "_"): name for name in own}


def write_recipe(task: Task, path: Path, folds: int, repeats: int) -> Path:
    """Write the recipe of a task."""
    models = "\n".join(f'[[models]]\nname = "{key}"\n{CANDIDATES[name]}' for key, name in candidates_of(task).items())
    plan: dict[str, Any] = {"folds": folds, "repeats": repeats, "models": models, "outcome": task.outcome}
    path.write_text(RECIPE.format(table=task.table, ignore=task.ignore, settings=task.settings, **plan))
    return path


def run_task(task: Task, folder: Path, folds: int, repeats: int) -> pd.DataFrame:
    """Return a row per candidate: log-loss and AUC."""
    models, labeled, splits = models_of(task, folder, folds, repeats)
    outcome = labeled.outcome
    runs = run_folds(models, labeled.X, labeled.y, groups=labeled.groups, splits=splits, outcome=outcome)
    scores = score_predictions(gather_predictions(runs), n_resamples=1)
    whole = scores[~scores["class"].isin(outcome.classes)] if len(outcome.classes) > 2 else scores
    wide = whole.pivot(index="model", columns="metric", values="value")
    found = []
    for key, name in candidates_of(task).items():
        answers = [key, *(f"{key}_{rule}" for rule in ("mean", "ridge_mean", "logit_mean"))]
        values = wide.loc[next(answer for answer in answers if answer in wide.index), list(SCORES)].to_dict()
        found.append({"task": task.name, "n": len(labeled.y), "candidate": name, **values})
    return pd.DataFrame(found)


def print_times(task: Task, folder: Path) -> None:
    """Print the CPU seconds of every candidate, by itself, in one fold."""
    models, labeled, splits = models_of(task, folder, 5, 1)
    print(f"CPU seconds in one fold of {task.name}")
    for key, model in models.items():
        print(f"{candidates_of(task)[key]:20}{seconds_alone(key, model, labeled, splits[:1]):6.1f}", flush=True)


def models_of(task: Task, folder: Path, folds: int, repeats: int) -> tuple[dict[str, Any], LabeledRows, list[Split]]:
    """Return the candidates as models of a task's recipe, its rows, and its folds."""
    recipe = read_recipe(write_recipe(task, folder / "recipe.toml", folds, repeats))
    rows = prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent)
    [outcome] = rows.outcomes
    labeled = rows.of(outcome)
    splits = [labeled.split(split) for split in deal_splits(recipe, rows.samples, rows.outcomes)]
    own = candidates_of(task)
    models = {key: model for key, model in list_all_models(recipe, rows, labeled, splits).items() if key in own}
    return models, labeled, splits


def sign_flip(differences: np.ndarray) -> float:
    """Return the two-sided p-value of a mean difference, every sign of every task being as probable as the other."""
    flipped = np.array(list(product([-1, 1], repeat=len(differences)))) @ differences
    return float(np.mean(np.abs(flipped) >= abs(np.sum(differences)) - 1e-12))


def test_over_tasks(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row per candidate: its mean scores, those of today on the same tasks, and the tests of the differences.

    Differences are above 0 where a candidate is better than today's default.
    """
    wide = {score: scores.pivot(index="task", columns="candidate", values=score) for score in SCORES}
    rows = {}
    for name in [name for name in CANDIDATES if name in set(scores["candidate"])]:
        row: dict[str, Any] = {}
        for score, sign in (("log_loss", -1), ("auc", 1)):
            own = wide[score][[name, TODAY]].dropna().to_numpy() if name != TODAY else wide[score][[TODAY]].to_numpy()
            change = sign * (own[:, 0] - own[:, -1])
            row |= {"tasks": len(own), score: own[:, 0].mean(), f"{score}_gain": change.mean()}
            if name != TODAY:
                row |= {f"{score}_better": int((change > 0).sum()), f"{score}_p": float(wilcoxon(change).pvalue)}
                row[f"{score}_flip"] = sign_flip(change)
        rows[name] = row
    found = pd.DataFrame.from_dict(rows, orient="index")
    return found.assign(p_holm=adjust_pvalues(found["log_loss_p"], "holm"))


def chosen(tested: pd.DataFrame) -> str:
    """Return the candidate that is to be the default, by the rule above."""
    better = tested[(tested["log_loss_gain"] > 0) & (tested["auc_gain"] > 0) & (tested["p_holm"] < 0.05)]
    return TODAY if better.empty else str(better["log_loss_gain"].idxmax())


def print_tests(scores: pd.DataFrame) -> None:
    """Print the scores by task, the tests over tasks, and what follows."""
    tasks = scores["task"].drop_duplicates()
    names = [name for name in CANDIDATES if name in set(scores["candidate"])]
    for score, title in (("log_loss", "log-loss"), ("auc", "AUC")):
        wide = scores.pivot(index="task", columns="candidate", values=score).loc[tasks, names]
        wide.loc["mean"] = wide.mean(skipna=False)  # of some tasks alone it would not stand beside the others
        shown = wide.rename_axis(index=None, columns=None).map("{:.3f}".format).replace("nan", "")
        print(f"\n{title}\n{shown.to_string()}")
    tested = test_over_tasks(scores)
    head = f"{'less today, better above 0':28}{'log-loss':>10}{'better':>8}{'p':>7}{'Holm':>7}{'flip':>7}"
    print(f"\n{head}{'AUC':>10}{'better':>8}{'p':>7}{'flip':>7}")
    for row in tested.drop(index=TODAY).itertuples():
        better = [f"{count:.0f}/{row.tasks}" for count in (row.log_loss_better, row.auc_better)]
        line = f"{row.Index:28}{row.log_loss_gain:+10.3f}{better[0]:>8}{row.log_loss_p:7.3f}{row.p_holm:7.3f}"
        line += f"{row.log_loss_flip:7.3f}{row.auc_gain:+10.3f}{better[1]:>8}{row.auc_p:7.3f}{row.auc_flip:7.3f}"
        print(line)
    least = 2 / 2 ** len(tasks)
    print(f"\n{len(tasks)} tasks; the least p-value that they allow is {least:.3f}. By the rule: {chosen(tested)}.")


def main() -> None:
    """Run the tasks that have not been run, and print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--times", metavar="TASK")
    parser.add_argument("--smoke", action="store_true")
    asked = parser.parse_args()
    if DATA is None and not asked.smoke:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    kept = pd.read_csv(asked.scores) if asked.scores and asked.scores.exists() else pd.DataFrame({"task": []})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = [smoke_task(folder)] if asked.smoke else read_tasks(folder)
        if asked.times:
            print_times(next(task for task in tasks if task.name == asked.times), folder)
            sys.exit()
        for task in tasks:
            if task.name in set(kept["task"]):
                continue
            folds, repeats = (2, 1) if asked.smoke else (5, asked.repeats)
            kept = pd.concat([kept, run_task(task, folder, folds, repeats)]).astype({"n": int})
            if asked.scores:
                kept.to_csv(asked.scores, index=False)
            print(f"{task.name} done", file=sys.stderr, flush=True)
    print_tests(kept)
    if asked.figure:
        draw(kept, TODAY, asked.figure)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(action="ignore"):
        main()
