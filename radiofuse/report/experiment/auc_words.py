"""What the report says of its AUCs: what each interval answers, and what the best of the models is worth."""

from __future__ import annotations

import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.kinds import TRIVIAL
from radiofuse.report.wording import FIXED_MODELS_TITLE
from radiofuse.wording import listed, number

TIE = 1e-12  # AUCs this near are the same but for the order of a sum


def resampling(contents: Contents) -> str:
    """Return how the intervals were made, and what each of them answers."""
    n_resamples = contents.protocol.get("resamples")
    times = f" {n_resamples:,} times" if n_resamples else ""
    fixed = f"whole patients were drawn with replacement{times}, the fitted models held fixed"
    if contents.learning_intervals.empty:
        return (
            f"Intervals are 95% percentile intervals: {fixed}. They say what other patients to predict would have "
            "changed, not other patients to learn from."
        )
    return (
        "The AUC is that of all folds of a repeat together, the mean of the repeats. It has two 95% intervals. The one "
        "beside it says where it may lie if other patients had been there to learn from and to predict; that models of "
        "other patients differ is counted in. The one under "
        f"“{FIXED_MODELS_TITLE}” says where it may lie if the same models were tried on other patients: {fixed}. So do "
        "the intervals of all other scores."
    )


def best_of_models(contents: Contents) -> str:
    """Return what the highest AUC is worth, knowing that it was sought; nothing where there was nothing to seek."""
    rows = contents.best_of_models
    if rows.empty or rows["low"].isna().any():
        return ""
    best = rows.iloc[0]
    highest = _level_with(contents, best)
    have = "have the same highest AUC" if len(highest) > 1 else "has the highest AUC"
    own = "It" if len(highest) == 1 else contents.primary
    named = f" {own} is the one that the recipe names as its answer." if contents.primary in highest else ""
    return (
        f"Of {best['n_models']} models, {listed(highest)} {have}, {number(best['value'])}.{named} "
        "Whoever picks the highest picks luck too: with all of them tried, it is at least "
        f"{number(best['low'])} (95% bound, the same models on other patients)."
    )


def _level_with(contents: Contents, best: pd.Series) -> list[str]:
    """Return the models whose AUC is the highest one; the trivial rule is no candidate."""
    scores = contents.whole_scores
    level = (scores["metric"] == "auc") & (abs(scores["value"] - best["value"]) < TIE) & (scores["model"] != TRIVIAL)
    return list(dict.fromkeys([best["model"], *scores.loc[level, "model"]]))


def of_slices(contents: Contents) -> str:
    """Return what scores by slices are worth, where there are any."""
    if "slice_auc" not in set(contents.scores["metric"]):
        return ""
    return (
        " AUC and accuracy of slices stand beside those of patients: slices of a patient are not independent, and "
        "their intervals resample patients with all their slices. What holds for new patients is the score by patients."
    )
