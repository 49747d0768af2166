"""Which class a sample is called, and from which probability on: the threshold that the run chose for new patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import answering, moved, update_of, updated_thresholds
from radiofuse.tables.outcomes import Outcome

EVEN = 0.5  # where the run could choose none, as with one held-out part


def threshold_of(bundle: Bundle, outcome: Outcome) -> float:
    """Return from which probability of the main answer on a sample is called positive; NaN of several classes."""
    if not outcome.is_binary:
        return float("nan")
    about = bundle.description
    chosen = chosen_thresholds(bundle).get((outcome.name, answering(about, outcome.name)))
    return moved(EVEN, update_of(about, outcome.name)) if chosen is None else chosen


def rule_of(bundle: Bundle, outcome: Outcome) -> str:
    """Return in words where the threshold of an outcome of two classes comes from."""
    about, primary = bundle.description, bundle.description["protocol"]["primary"]
    before = chosen_thresholds(bundle).get((outcome.name, primary))
    if update_of(about, outcome.name) is None:
        if before is None:
            return "the run chose no operating point"
        return "the operating point of the run, chosen on its out-of-fold predictions"
    if before is None:
        return f"the run chose no operating point; {EVEN:g} of {primary}, moved with the update"
    return f"the operating point of the run, {before:.3g} of {primary}, moved with the update"


def chosen_thresholds(bundle: Bundle) -> dict[tuple[str, str], float]:
    """Return the threshold that the run chose for each outcome of two classes and model; updated with the answer."""
    points = read_table(bundle.folder, "operating_points")
    rows = points[points["metric"] == "threshold"]
    chosen = {(row.outcome, row.model): float(row.value) for row in rows.itertuples()}
    return chosen | updated_thresholds(bundle.description, chosen)


def called(probabilities: pd.DataFrame, outcome: Outcome, threshold: float) -> list[str]:
    """Return the name of the class that each sample is called, empty where it has no probability.

    Parameters
    ----------
    probabilities : DataFrame of shape (n_samples, n_told)
        Of the main answer: of two classes that of the positive one, of more those of all, in order; of these the most
        probable is called, of equals the first.
    outcome : Outcome
    threshold : float
        Of two classes.

    Examples
    --------
    >>> idh = Outcome("idh", ("wildtype", "mutant"))
    >>> called(pd.DataFrame({"mutant": [0.3, 0.4, None]}), idh, 0.35)
    ['wildtype', 'mutant', '']
    """
    known, values = probabilities.notna().all(axis=1).to_numpy(), probabilities.to_numpy(dtype=float)
    if outcome.is_binary:
        place = (values[:, 0] >= threshold).astype(int)
    else:
        place = np.nan_to_num(values, nan=-1).argmax(axis=1)
    return [outcome.classes[one] if there else "" for one, there in zip(place, known, strict=True)]
