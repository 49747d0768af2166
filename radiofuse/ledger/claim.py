"""What a shortcut claims, beside the honest number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Claim:
    """A metric without and with a shortcut, in the cohort and in resamples of its patients.

    Attributes
    ----------
    model : str
        Whose number it is.
    metric : str
    honest, optimistic : ndarray of shape (1 + n_resamples,)
        The metric of the cohort itself, then of each resample; the same resamples for both.
    note : str
        What else a reader of the claim should know.
    """

    model: str
    metric: str
    honest: np.ndarray
    optimistic: np.ndarray
    note: str = ""
