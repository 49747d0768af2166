"""The best of all models in hindsight."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.statistics.outcome_kinds import KINDS
from radiofuse.tables.predictions import rows_of_model

KEY = ["repeat", "sample_id"]


def best_in_hindsight(question: Question) -> Claim:
    """The best of all models, chosen by these very scores.

    Only models that answer for every patient of the main answer take part, on those patients. The choice is held fixed
    in the resamples, as fitted models are.

    Parameters
    ----------
    question : Question
    """
    draws = {name: question.draws(rows) for name, rows in _comparable(question).items()}
    best = max(draws, key=lambda name: np.nan_to_num(draws[name][0]))
    note = f"best of {len(draws)}: {best}" if best != question.answer else f"best of {len(draws)} already"
    return Claim(question.answer, "auc", draws[question.answer], draws[best], note)


def _comparable(question: Question) -> dict[str, pd.DataFrame]:
    """Return each model's rows of the main answer's patients, the main answer first; without models that lack one."""
    asked = pd.MultiIndex.from_frame(question.honest[KEY])
    found = {}
    for name in dict.fromkeys([question.answer, *question.predictions["model"]]):
        rows = rows_of_model(question.predictions, name)
        rows = rows[pd.MultiIndex.from_frame(rows[KEY]).isin(asked)]
        if len(rows) == len(question.honest) and KINDS[question.outcome.kind].has_all(rows, question.outcome.told):
            found[name] = rows
    return found
