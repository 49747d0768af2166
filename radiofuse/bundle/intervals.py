"""Where the share of a class lies among patients to whom a bundle's answer gave such a probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import answering, update_of

LEVEL = 0.95
SHARE = "This is where the share that is of the class lies, with 95 % confidence, among"  # how it is said to begin
NO_RANGE = (
    "such a probability{unseen}, as far as a calibration line holds. It is about such patients together and no range "
    "of this patient's probability, which may lie outside of it."
)
OF = f"{SHARE} patients to whom the run gave {NO_RANGE.format(unseen=' out of fold')}"
OF_UPDATE = f"{SHARE} the patients of the update on {{whose}} to whom updates that had not seen them gave "
NONE = {"interval": None, "calibrated": None, "interval_level": None, "interval_of": None}
NO_ANSWER = "There is no probability."
NO_LINE = "The {whom} have no calibration line: too few of them, or classes that the answers tell apart without error."
BEYOND = "The probability lies beyond all that the {whom} had."


def intervals_of(bundle: Bundle, outcome: str, probabilities: pd.Series) -> dict[str, Any]:
    """Return interval, calibrated, interval_level, interval_of and no_interval of an outcome as an answer has them.

    Parameters
    ----------
    bundle : Bundle
    outcome : str
    probabilities : Series
        Of the answer, by class.

    Returns
    -------
    dict
        The interval of each class, and the calibrated share that it is of, are None where the probability is beyond
        all of the run, or the run has no line; of an answer that was updated elsewhere they are of the patients of the
        update. ``no_interval`` says why there is none. Each class has a line of its own: the shares of several need
        not add up to 1.
    """
    update = update_of(bundle.description, outcome)
    table = read_table(bundle.folder, "probability_intervals")
    own = table[(table["outcome"] == outcome) & (table["model"] == answering(bundle.description, outcome))]
    found = {name: _at(own[own["class"] == name], float(probability)) for name, probability in probabilities.items()}
    if not any(found.values()):
        whom = "run's patients" if update is None else f"patients of the update on {update['whose']}"
        why = NO_ANSWER if probabilities.isna().all() else BEYOND if len(own) else NO_LINE
        return NONE | {"no_interval": why.format(whom=whom)}
    interval = {name: told and told[:2] for name, told in found.items()}
    calibrated = {name: told and told[2] for name, told in found.items()}
    of = OF if update is None else OF_UPDATE.format(whose=update["whose"]) + NO_RANGE.format(unseen="")
    told = {"interval": interval, "calibrated": calibrated, "interval_level": LEVEL, "interval_of": of}
    return told | {"no_interval": None}


def _at(band: pd.DataFrame, probability: float) -> list[float] | None:
    """Return both ends and the share at a probability, between those of the grid."""
    at = band["probability"].to_numpy()
    if not len(at) or not at[0] <= probability <= at[-1]:
        return None
    odds, told = logit(at), ("low", "high", "observed")
    found = [float(np.interp(logit(probability), odds, band[name].to_numpy())) for name in told]
    return found if np.isfinite(found).all() else None
