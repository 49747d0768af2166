"""Where the share of a class lies among patients to whom a bundle's answer gave such a probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import answering

LEVEL = 0.95
OF = (
    "The share that is of the class among patients to whom the run gave such a probability out of fold, with 95 % "
    "confidence, as far as a calibration line holds; no range for a single patient."
)


def intervals_of(bundle: Bundle, outcome: str, probabilities: pd.Series) -> dict[str, Any]:
    """Return interval, interval_level and interval_of of an outcome as the answer of one patient has them.

    Parameters
    ----------
    bundle : Bundle
    outcome : str
    probabilities : Series
        Of the answer, by class.

    Returns
    -------
    dict
        The interval of each class is None where the probability is beyond all of the run, or the run has no line; of
        an answer that was updated elsewhere there is none.
    """
    table = read_table(bundle.folder, "probability_intervals")
    own = table[(table["outcome"] == outcome) & (table["model"] == answering(bundle.description, outcome))]
    found = {
        name: _interval(own[own["class"] == name], float(probability)) for name, probability in probabilities.items()
    }
    if not any(found.values()):
        return {"interval": None, "interval_level": None, "interval_of": None}
    return {"interval": found, "interval_level": LEVEL, "interval_of": OF}


def _interval(band: pd.DataFrame, probability: float) -> list[float] | None:
    """Return the ends at a probability, between those of the grid."""
    at = band["probability"].to_numpy()
    if not len(at) or not at[0] <= probability <= at[-1]:
        return None
    ends = [float(np.interp(logit(probability), logit(at), band[end].to_numpy())) for end in ("low", "high")]
    return ends if np.isfinite(ends).all() else None
