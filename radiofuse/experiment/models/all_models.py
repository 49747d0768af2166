"""Every model that a run evaluates: those of the recipe, and the two that stand beside them for comparison."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from radiofuse.experiment.models.building import CLINICAL_ARM, TRIVIAL_RULE, list_models
from radiofuse.experiment.models.glossary import list_answers
from radiofuse.experiment.models.member_chains import clinical_chain
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.fuse.named import Named
from radiofuse.patients import Split

log = logging.getLogger(__name__)


def list_all_models(
    recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split] = ()
) -> dict[str, BaseEstimator]:
    """Return the recipe's models, the clinical-only model if there are clinical columns, and the trivial rule."""
    models = list_models(recipe, rows.inputs_for(labeled.outcome))
    answering = {answer.name: answer.model for answer in list_answers(recipe, rows.modalities)}
    if rows.inputs.clinical and answering[CLINICAL_ARM] == CLINICAL_ARM:  # else a member answers by that name
        models[CLINICAL_ARM] = _clinical_arm(recipe, rows, labeled, splits)
    # The whole cohort's shares of the classes for everyone. Shares of the training folds would differ a little,
    # fall where the test fold holds more positives, and so rank below chance.
    models[TRIVIAL_RULE] = FrozenEstimator(DummyClassifier(strategy="prior").fit(labeled.X, labeled.y))
    return models


def _clinical_arm(recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split]) -> BaseEstimator:
    """Return the clinical-only model: it answers for patients with a clinical value, others would all get one answer.

    Where they leave a class out of some fold it is of all patients, the medians in place of what is not known.
    """
    model, own = clinical_chain(recipe), list(rows.inputs.clinical)
    known, classes = labeled.X[own].notna().any(axis=1).to_numpy(), len(labeled.outcome.classes)
    if known.all():
        return model
    if any(np.unique(labeled.y[split.train][known[split.train]]).size < classes for split in splits):
        log.warning(
            "%s of %s patients have a clinical value, and in some fold none of a class: the clinical model takes "
            "the medians for the others and answers for everybody.",
            *(len(set(np.asarray(labeled.groups)[chosen])) for chosen in (known, slice(None))),
        )
        return model
    return Named(model, CLINICAL_ARM, own, records=False)
