"""How long a run took: its stages one after the other, and each model in the folds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

READING, EXTRACTION, CROPS = "reading and checking", "extraction", "tumor crops"
ENCODERS, FOLDS, SCORES, FINAL = "encoders ahead of the folds", "folds", "scores and comparisons", "final models"
WEIGHTS = "intervals of the fusion weights"
LEDGER, TESTS = "optimism ledger", "tests that the recipe asks for"
RECALIBRATIONS, SPREADS = "recalibrations", "refits to bootstraps"
IN_FOLDS = "folds, this model"  # added up over processes, which may work at the same time
ORDER = (
    READING,
    EXTRACTION,
    CROPS,
    ENCODERS,
    FOLDS,
    IN_FOLDS,
    LEDGER,
    SCORES,
    TESTS,
    RECALIBRATIONS,
    SPREADS,
    FINAL,
    WEIGHTS,
)


def run_times(stages: Mapping[str, float], in_folds: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """Return how long a run took.

    Parameters
    ----------
    stages : mapping of str to float
        Seconds of each stage, in which the run waited for it.
    in_folds : mapping of (str, str) to float
        Seconds of each outcome and model in all folds, added up over the processes.

    Returns
    -------
    DataFrame
        Columns stage, outcome, model and seconds, in the order of the stages.

    Examples
    --------
    >>> run_times({"final models": 2.0, "folds": 3.0}, {("idh", "fusion"): 5.0}).to_numpy().tolist()
    [['folds', '', '', 3.0], ['folds, this model', 'idh', 'fusion', 5.0], ['final models', '', '', 2.0]]
    """
    rows = [(stage, "", "", seconds) for stage, seconds in stages.items()]
    rows += [(IN_FOLDS, outcome, model, seconds) for (outcome, model), seconds in in_folds.items()]
    rows.sort(key=lambda row: ORDER.index(row[0]))
    return pd.DataFrame(rows, columns=["stage", "outcome", "model", "seconds"])
