"""The models of a bundle: fitted to every labeled row, once, after the evaluation."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from typing import Any

from radiofuse.evaluate.folds import log_warnings
from radiofuse.experiment.description import Models
from radiofuse.experiment.joint_evaluation import rows_to_learn_from
from radiofuse.experiment.models.building import list_kept
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.fuse.joint import JointModel, OneOutcome
from radiofuse.progress import Meter
from radiofuse.select import NothingSelectedWarning

log = logging.getLogger(__name__)


def fit_models(recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter) -> Models:
    """Fit the models of the bundle, by outcome and name: on every labeled row, once, after the evaluation."""
    kept = {outcome.name: list_kept(recipe, rows.inputs_for(outcome)) for outcome in rows.outcomes}
    joint = {name: model for name, model in list_kept(recipe, rows.inputs).items() if isinstance(model, JointModel)}
    models = {
        outcome: {name: OneOutcome(joint[name], outcome) if name in joint else own[name] for name in own}
        for outcome, own in kept.items()
    }
    alone = [(one, name) for one in rows.outcomes for name in models[one.name] if name not in joint]
    total = len(joint) + len(alone)
    with warnings.catch_warnings(record=True) as caught, progress("Fitting the final models", "models") as on_done:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", NothingSelectedWarning)  # said in the bundle's warnings
        for done, model in enumerate(joint.values(), start=1):
            model.fit(*rows_to_learn_from(rows))
            on_done(done, total)
        for done, (outcome, name) in enumerate(alone, start=len(joint) + 1):
            _fit_in_parallel(models[outcome.name][name], rows.of(outcome), n_jobs)
            on_done(done, total)
    log_warnings(Counter(str(one.message) for one in caught), "while fitting the final models")
    return models


def _fit_in_parallel(model: Any, labeled: LabeledRows, n_jobs: int) -> None:
    """Fit a model; how many processes fitted it is no property that it keeps."""
    takes_jobs = "n_jobs" in model.get_params(deep=False)
    if takes_jobs:
        model.set_params(n_jobs=n_jobs)
    model.fit(labeled.X.copy(), labeled.y, groups=labeled.groups)  # in one piece of memory, as processes are sent it
    if takes_jobs:
        model.set_params(n_jobs=None)
