"""Features selected before the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from radiofuse.ledger.chains import Precomputed, exchanged
from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.patients.routing import fit_with_groups
from radiofuse.work.jobs import one_thread


def selected_before(question: Question) -> Claim | None:
    """Features selected and scaled on all patients, before the split.

    What stands before the classifier in each chain is fitted once, to all labeled patients; classifiers and combiners
    still learn in the folds.

    Parameters
    ----------
    question : Question
    """
    model = exchanged(question.model, question.X, question.y, question.groups, _prepared)
    if model is None:
        return None
    claimed = question.answered("selected_before", model)
    return Claim(question.answer, "auc", question.draws(question.honest), question.draws(claimed))


def _prepared(chain: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> Pipeline | None:
    if not isinstance(chain, Pipeline) or len(chain) < 2:
        return None
    with one_thread():
        left = fit_with_groups(clone(chain[:-1]), X, y, groups, method="fit_transform")
    table = pd.DataFrame(np.asarray(left), index=X.index).add_prefix("feature_")
    return Pipeline([("prepared", Precomputed(table)), chain.steps[-1]])
