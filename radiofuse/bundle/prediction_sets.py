"""The classes that cannot be ruled out of a new patient, by the limits that the run found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import update_of
from radiofuse.statistics import prediction_sets
from radiofuse.statistics.conformal import ALL_CLASSES
from radiofuse.tables.outcomes import Outcome

NO_CLASS = "none"  # the patient is like those of no class


def sets_of(bundle: Bundle, outcome: Outcome, probabilities: pd.DataFrame) -> dict[str, list[str]]:
    """Return the column ``set`` of each sample, as "wildtype or mutant"; no column where the run has no limits.

    Parameters
    ----------
    bundle : Bundle
    outcome : Outcome
    probabilities : DataFrame of shape (n_samples, n_told)
        Of the main answer: of two classes that of the positive one, of more those of all, in order.
    """
    table = read_table(bundle.folder, "prediction_sets")
    own = table[(table["outcome"] == outcome.name) & (table["model"] == bundle.description["protocol"]["primary"])]
    limits = own.loc[own["class"] != ALL_CLASSES, "limit"].to_numpy()
    if not len(limits):
        return {}
    if update := update_of(bundle.description, outcome.name):  # the run's limits are of the answer before
        limits = np.array([np.inf if one is None else one for one in update["limits"]])
    values = probabilities.to_numpy(dtype=float)
    each = np.column_stack([1 - values[:, 0], values[:, 0]]) if outcome.is_binary else values
    sets, names = prediction_sets(each, limits), np.asarray(outcome.classes, dtype=object)
    return {
        "set": [
            "" if unknown else " or ".join(names[kept]) or NO_CLASS
            for kept, unknown in zip(sets, np.isnan(each).any(axis=1), strict=True)
        ]
    }
