"""What each modality contributes to a bundle's answers, from the probabilities that its predictions hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.updates import update_of, updated_contributions
from radiofuse.fuse.contributions import contributions
from radiofuse.fuse.explains import INTERCEPT
from radiofuse.fuse.late_fusion import LateFusion
from radiofuse.fuse.named import Named
from radiofuse.tables.outcomes import Outcome

COLUMNS = ["sample_id", "outcome", "class", "member", "log_odds"]


def contributions_of(bundle: Bundle, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return what members contribute to the main answer, in log-odds that add up to those of the probability.

    Parameters
    ----------
    bundle : Bundle
    predictions : DataFrame
        As ``predict_cohort`` returns them.

    Returns
    -------
    DataFrame
        Columns sample_id, outcome, class, member and log_odds (of more than two classes log-probability), with a row
        of member "(intercept)" for what there is without them. No rows where the main answer is not that of a late
        fusion, nor of samples without a probability.

    Raises
    ------
    RequestError
        If there are more than eight members of a rule that is not linear.

    See Also
    --------
    radiofuse.fuse.contributions.contributions : How they are computed.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    for outcome in bundle.outcomes:
        rows = predictions[(predictions["outcome"] == outcome.name) & predictions["probability"].notna()]
        model = next(iter(bundle.models[outcome.name].values()))
        prefix = model.prefix if isinstance(model, Named) else ""
        fusion = model.model_ if isinstance(model, Named) else model
        if isinstance(fusion, LateFusion) and len(rows):
            names = [f"{prefix}{member}" for member in fusion.columns_]
            parts.append(_of_fusion(fusion, outcome, rows, names, update_of(bundle.description, outcome.name)))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _of_fusion(
    fusion: LateFusion, outcome: Outcome, rows: pd.DataFrame, names: list[str], update: Mapping[str, Any] | None
) -> pd.DataFrame:
    told = rows[["sample_id", "class", *names]]
    samples, classes = told["sample_id"].unique(), list(dict.fromkeys(told["class"]))
    each = told[names].to_numpy(float).reshape(len(samples), len(classes), len(names)).swapaxes(1, 2)
    combiner = next(iter(fusion.combiners_.values()))
    parts, base = contributions(combiner, each[:, :, 0] if outcome.is_binary else each)
    parts, base = updated_contributions(parts, base, update)
    whole = np.concatenate([parts, base[:, None]], axis=1).reshape(len(samples), len(names) + 1, len(classes))
    members = [*fusion.columns_, INTERCEPT]
    index = pd.MultiIndex.from_product([samples, members, classes], names=["sample_id", "member", "class"])
    table = pd.DataFrame({"log_odds": whole.ravel()}, index=index).reset_index()
    return table.assign(outcome=outcome.name)[COLUMNS]
