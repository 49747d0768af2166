"""Which patients a multi-task training holds out, so that something known judges every epoch and tells the best one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.deep.training.examples import held_out_rows
from radiofuse.errors import CohortError
from radiofuse.patients.strata import joint_strata
from radiofuse.wording import some


def held_of(known: pd.DataFrame, outcomes: Sequence[str], patients: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which rows are held out: of a share of the patients of whom some outcome is known.

    As many combinations of what is known are dealt evenly as have enough patients. A patient who would leave no row of
    a class, or no mask, to learn from is given back.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_tasks)
        Places of classes, NaN where one is unknown; of the regions any number where there is a mask.
    outcomes : sequence of str
        The columns that are outcomes.
    patients : ndarray of shape (n_rows,)
    share : float
        0 holds nobody out.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Raises
    ------
    CohortError
        If no patient can be held out of whom an outcome is known.

    Examples
    --------
    >>> known = pd.DataFrame({"idh": [0, 1, 0, 1, np.nan, np.nan]})
    >>> held_of(known, ["idh"], np.array(list("abcdef")), 0.5, 0)
    array([ True,  True, False, False, False, False])
    """
    of_patient = known.groupby(patients).max()  # sorted by patient; of a patient of several classes the last
    labeled = of_patient[of_patient[list(outcomes)].notna().any(axis=1)]
    if not share or len(labeled) < 2:
        return _refuse(len(labeled)) if share else np.zeros(len(known), dtype=bool)
    names = labeled.index.to_numpy()
    strata = joint_strata(labeled, names, fewest=max(2, math.ceil(1 / share)))
    chosen = names[held_out_rows(strata, names, share, seed)]
    held = _given_back(known, patients, np.isin(patients, chosen))
    return held if held.any() else _refuse(len(labeled))


def warn_of_unjudged(known: pd.DataFrame, held: np.ndarray) -> None:
    """Warn of the tasks of which nothing is known in the rows held out."""
    unjudged = [str(name) for name in known if held.any() and known.loc[held, name].isna().all()]
    if unjudged:
        warnings.warn(
            f"No patient held out by validation has a known label of {some(unjudged)}: the epoch that is kept is "
            "chosen by the other tasks alone. Hold more patients out, or pass validation=0.",
            stacklevel=3,
        )


def _given_back(known: pd.DataFrame, patients: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the rows held out without the first patient of every class that would have no row to learn from."""
    held = held.copy()
    for name in known:
        codes = known[name].to_numpy(float)
        for code in np.unique(codes[~np.isnan(codes)]):
            own = codes == code
            if not (own & ~held).any():
                held &= patients != patients[own][0]
    return held


def _refuse(n_labeled: int) -> np.ndarray:
    raise CohortError(
        "The table to train on",
        [
            "Validation holds out patients of whom an outcome is known and leaves others of each class to learn from; "
            f"of {n_labeled} with a known outcome none can be held out. Add patients, or pass validation=0."
        ],
    )
