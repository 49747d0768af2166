"""Which options the searches of members chose, fold by fold and for the final model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from radiofuse.estimators import OffersFindings
from radiofuse.patients.splits import Split


def chosen_options(model: OffersFindings) -> dict[str, dict[str, str]]:
    """Return what a search chose for each member, and a combiner, of a fitted model: text; others are absent."""
    offered = model.findings()
    if offered is None:
        return {}
    return offered.chosen | {
        name: {option: str(value) for option, value in chain.chosen_options_.items()}
        for name, chain in offered.chains.items()
        if getattr(chain, "chosen_options_", {})
    }


def summarize_choices(
    model: OffersFindings, findings: Sequence[dict[str, Any]], splits: Sequence[Split]
) -> pd.DataFrame:
    """Return what was chosen in each outer fold, then for the final model.

    Parameters
    ----------
    model : estimator
        Fitted on all rows.
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.
    splits : sequence of Split
        Of these folds.

    Returns
    -------
    DataFrame
        Columns member, repeat, fold (both NaN of the final model), option, value.
    """
    folds = [(split.repeat, split.fold, found["chosen"]) for split, found in zip(splits, findings, strict=True)]
    rows = [
        (member, repeat, fold, option, value)
        for repeat, fold, chosen in [*folds, (float("nan"), float("nan"), chosen_options(model))]
        for member, options in chosen.items()
        for option, value in options.items()
    ]
    table = pd.DataFrame(rows, columns=["member", "repeat", "fold", "option", "value"])
    return table.astype({"repeat": float, "fold": float})
