"""How many patients a run has for its candidate features, and how many published criteria ask for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from radiofuse.bundle.format import ALL_READ, CAUTIOUS, OF_RUN, TABLES
from radiofuse.errors import RequestError
from radiofuse.experiment.description import count_features
from radiofuse.experiment.models.model_list import modalities_of, model_list, primary_of
from radiofuse.experiment.recipe.models import CLINICAL
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.statistics.sample_size import riley_sample_size
from radiofuse.tables import columns

SHARE_EXPLAINED = 0.15  # of the largest R2 (Nagelkerke's): what Riley et al. 2020 assume where nothing is known
_NEED = ["n", "n_shrinkage", "n_optimism", "n_intercept"]


def sample_sizes(recipe: Recipe, rows: Rows, scores: pd.DataFrame) -> pd.DataFrame:
    """Return events per candidate feature, and the patients that Riley et al. ask for a regression on all of these.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    scores : DataFrame
        Of the run, out of fold.

    Returns
    -------
    DataFrame
        Columns outcome, class, reads (a modality, or all that the answering model reads), n_features (candidates
        before selection), n_patients, n_events (patients of the rarer side of the class), events_per_feature,
        assumed (from where r2_cs comes), r2_cs, n, n_shrinkage, n_optimism and n_intercept as `riley_sample_size`
        says; NaN where the AUC is none that it takes. Of several classes each is held against the rest.
    """
    candidates, primary = _candidates(recipe, rows), primary_of(recipe)
    found = []
    for outcome in rows.outcomes:
        labeled = rows.of(outcome)
        for name in outcome.told:
            area = _auc(scores, outcome.name, primary, name)
            n_patients, n_of_class = _patients(labeled, outcome.classes.index(name))
            for reads, n_features in candidates.items():
                events = min(n_of_class, n_patients - n_of_class)
                head = (outcome.name, name, reads, n_features, n_patients, events, events / n_features)
                found += [(*head, *need) for need in _needs(n_features, n_of_class / n_patients, area)]
    return pd.DataFrame(found, columns=list(TABLES["sample_sizes"].columns))


def _candidates(recipe: Recipe, rows: Rows) -> dict[str, int]:
    """Return how many features the selections of the answering model start from, in each part and in all."""
    first, counts = model_list(recipe)[0], count_features(recipe, rows)
    read = {} if first.kind == CLINICAL else {name: counts[name] for name in modalities_of(first, rows.modalities)}
    if first.clinical or first.kind == CLINICAL:
        read[columns.CLINICAL] = len(rows.inputs.clinical)
    named = {name: n for name, n in read.items() if n}
    return named | ({ALL_READ: sum(named.values())} if len(named) > 1 else {})


def _patients(rows: LabeledRows, place: int) -> tuple[int, int]:
    return len(set(rows.groups)), len(set(rows.groups[rows.y == place]))


def _auc(scores: pd.DataFrame, outcome: str, model: str, name: str) -> float:
    """Return the AUC of a model for a class, of two classes or against the rest; NaN where there is none."""
    own = (scores["outcome"] == outcome) & (scores["model"] == model) & (scores["metric"] == "auc")
    values = scores.loc[own & (scores["class"] == name), "value"]
    return float(values.iloc[0]) if len(values) else float("nan")


def _needs(n_features: int, share: float, area: float) -> Iterator[tuple]:
    """Yield what is assumed, and what follows from it."""
    r2_max = 1 - (share**share * (1 - share) ** (1 - share)) ** 2
    for assumed, how in ((OF_RUN, {"auc": area}), (CAUTIOUS, {"r2_cs": SHARE_EXPLAINED * r2_max})):
        try:
            need = riley_sample_size(n_features, share, **how)
        except RequestError:  # no better than chance, or nearly perfect: the criteria have no number for it
            yield assumed, *[np.nan] * (1 + len(_NEED))
        else:
            yield assumed, need.r2_cs, *(getattr(need, name) for name in _NEED)
