"""The optimism ledger of a run: what shortcuts would have claimed for its first model."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.model_list import model_list, primary_of
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.ledger import COLUMNS, Question, ledger_table
from radiofuse.patients import Split
from radiofuse.progress import Progress
from radiofuse.work.kept import Kept


def find_shortcuts(
    recipe: Recipe,
    rows: Rows,
    labeled: LabeledRows,
    splits: Sequence[Split],
    predictions: pd.DataFrame,
    *,
    n_jobs: int,
    kept: Kept | None = None,
    on_done: Progress | None = None,
) -> pd.DataFrame:
    """Return what shortcuts would have claimed for a run's first model, on the folds of the run.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    labeled : LabeledRows
        Those of one outcome.
    splits : sequence of Split
        Of these rows.
    predictions : DataFrame
        The honest ones of all models, of this outcome.
    n_jobs : int
        Processes; the numbers do not depend on it.
    kept : Kept, optional
        Where finished folds are kept for a rerun.
    on_done : callable, optional
        Called with how many shortcuts are done, of how many.

    Returns
    -------
    DataFrame
        As ``ledger_table`` returns it.
    """
    question = Question(
        labeled.outcome,
        build_model(recipe, model_list(recipe)[0], rows.inputs_for(labeled.outcome)),
        primary_of(recipe),
        labeled.X,
        labeled.y,
        labeled.groups,
        splits,
        predictions,
        n_resamples=recipe.evaluation.resamples,
        random_state=recipe.seed,
        n_jobs=n_jobs,
        kept=kept,
    )
    return ledger_table(question, on_done)


def join_ledgers(ledgers: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of those of each outcome; without rows where there is none.

    Examples
    --------
    >>> join_ledgers([]).shape
    (0, 11)
    """
    return pd.concat(ledgers, ignore_index=True) if ledgers else pd.DataFrame(columns=COLUMNS)
