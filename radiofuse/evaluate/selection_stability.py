"""How much the selections of the outer folds agree, by modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from radiofuse.statistics.stability import Stability, measure_stability
from radiofuse.tables import columns

COLUMNS = ["modality", "n_folds", "n_features", "mean_selected", "nogueira", "low", "high", "mean_jaccard"]


def count_candidates(chain: Pipeline) -> Counter[str]:
    """Return how many columns a fitted chain selected from, by modality."""
    place = list(chain.named_steps).index("select") if "select" in chain.named_steps else 0
    if _projects(chain.named_steps.get("select")):
        place += 1  # a projection selects nothing: its components are always all there
    names = chain[:place].get_feature_names_out() if place else chain.feature_names_in_
    return Counter(columns.split(name)[0] for name in names)


def _projects(step: Any) -> bool:
    """Say whether a step, or one of those that an early fusion holds in it, mixes columns and selects none."""
    parts = [part for _, part, _ in getattr(step, "transformers_", []) if isinstance(part, Pipeline)]
    return getattr(step, "projects", False) or any(_projects(part[-1]) for part in parts)


def summarize_stability(findings: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return how much the selections of a model's outer folds agree, a row for each modality.

    Parameters
    ----------
    findings : sequence of dict
        What `inspect_fold` saw in each outer fold.

    Returns
    -------
    DataFrame
        Columns modality, n_folds, n_features (that could be selected), mean_selected, and as `measure_stability` says
        nogueira with its interval low to high, and mean_jaccard; these are NaN where there are not two folds, and
        nogueira also where all features are always selected, or none ever is.
    """
    candidates: Counter[str] = Counter()
    for found in findings:
        candidates |= Counter(found["candidates"])  # the most of each: a fold may drop columns that are empty in it
    rows = []
    for modality, n_features in candidates.items():
        chosen = _chosen(findings, modality, n_features)
        measured = measure_stability(chosen) if len(chosen) > 1 else Stability(*[np.nan] * 5)
        interval = (measured.nogueira, measured.low, measured.high, measured.mean_jaccard)
        rows.append((modality, len(chosen), n_features, float(chosen.sum(axis=1).mean()), *interval))
    return pd.DataFrame(rows, columns=COLUMNS)


def _chosen(findings: Sequence[dict[str, Any]], modality: str, n_features: int) -> np.ndarray:
    """Return what each fold selected of a modality, shape (n_folds, n_features)."""
    selected = [
        [name for name in found["selected"]["feature"] if columns.split(name)[0] == modality] for found in findings
    ]
    place = {name: place for place, name in enumerate(dict.fromkeys(name for names in selected for name in names))}
    chosen = np.zeros((len(findings), max(n_features, len(place))), dtype=bool)
    for row, names in zip(chosen, selected, strict=True):
        row[[place[name] for name in names]] = True
    return chosen
