"""Where pooling the answers of different folds says something else than the folds do: sites of different shares."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiofuse.experiment.recipe.evaluation import BY_SITE, FIXED
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import counted, number

TOLD_FROM = 0.05  # smaller differences of the AUC are those of fold sizes, and of pooling itself
FEWEST_FOLDS = 3
NOT_STRATIFIED = (BY_SITE, FIXED)


def pooling_warnings(
    outcomes: Sequence[Outcome], scores: pd.DataFrame, fold_scores: pd.DataFrame, model: str
) -> list[str]:
    """Return a sentence for each outcome whose pooled AUC is far from the mean of the folds.

    A model that is tested on another site answers by the share of positives where it learned. Where shares differ
    from site to site, the pool ranks sites, and in the wrong order: patients of a site with many positives get the
    answers of models that saw few.

    Parameters
    ----------
    outcomes : sequence of Outcome
    scores, fold_scores : DataFrame
        As in a bundle.
    model : str
        The main answer.

    References
    ----------
    Forman and Scholz (2010). Apples-to-apples in cross-validation studies. SIGKDD Explorations 12(1), 49-57.

    Examples
    --------
    >>> head = {"outcome": "idh", "model": "mean", "metric": "auc"}
    >>> scores = pd.DataFrame([{**head, "class": "1", "value": 0.61}])
    >>> folds = pd.DataFrame([{**head, "value": value} for value in (0.7, 0.68, 0.75)])
    >>> pooling_warnings([Outcome("idh", ("0", "1"))], scores, folds, "mean")[0][:66]
    'idh: mean has an AUC of 0.61 over the pooled folds, and of 0.71 in'
    """
    found = []
    for outcome in outcomes:
        whole = outcome.positive if outcome.is_binary else ""
        asked = (scores["outcome"] == outcome.name) & (scores["model"] == model) & (scores["metric"] == "auc")
        pooled = scores.loc[asked & (scores["class"] == whole), "value"]
        own = (fold_scores["outcome"] == outcome.name) & (fold_scores["model"] == model)
        folds = fold_scores.loc[own & (fold_scores["metric"] == "auc"), "value"].dropna()
        if len(pooled) and len(folds) >= FEWEST_FOLDS and abs(pooled.iloc[0] - folds.mean()) > TOLD_FROM:
            found.append(
                f"{outcome.name}: {model} has an AUC of {number(pooled.iloc[0])} over the pooled folds, and of "
                f"{number(folds.mean())} in a fold on average ({counted(len(folds), 'fold')} with all classes). Shares "
                "of the classes differ from fold to fold, which models of the others do not know; fold_scores.csv has "
                "each fold."
            )
    return found
