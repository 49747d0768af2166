"""What ``bundle.json`` says of a run: everything that reading the tables does not tell."""

from __future__ import annotations

from typing import Any, cast

from radiofuse import __version__
from radiofuse.bundle.training_rows import row_digests
from radiofuse.evaluate.findings import list_warnings
from radiofuse.experiment.evaluation import Results, list_all_models
from radiofuse.experiment.glossary import describe_names
from radiofuse.experiment.models import combined_names, constrained_name, training_options
from radiofuse.experiment.options import describe_options
from radiofuse.experiment.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.fuse.late_fusion import LateFusion
from radiofuse.tables import columns


def describe_run(recipe: Recipe, rows: Rows, results: Results, model: LateFusion) -> dict[str, Any]:
    """Return what goes into ``bundle.json``: everything that reading the tables does not tell."""
    grouped = columns.by_modality(rows.X.columns)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "radiofuse_version": __version__,
        "label": rows.label,
        "positive": rows.classes[1],
        "negative": rows.classes[0],
        "modalities": rows.modalities,
        "modality_pattern": recipe.cohort.modality_pattern,
        "clinical": grouped.get(columns.CLINICAL, []),
        "settings": rows.settings,
        "protocol": _describe_protocol(recipe, rows),
        "n_features": {name: len(block) + _n_deep_features(recipe) for name, block in rows.blocks.items()},
        "columns": [column for name in rows.modalities for column in grouped[name]],
        "training_rows": row_digests(rows.X),
        "synthetic": rows.synthetic,
        "as_published": _deviations(recipe),
        "warnings": [
            *rows.warnings(),
            *list_warnings(model, rows.y, rows.groups, rows.failures, results.findings),
        ],
    }


def _n_deep_features(recipe: Recipe) -> int:
    """Return how many columns an encoder adds to those that are selected from."""
    if recipe.deep is None or recipe.deep.join == "members":
        return 0
    from radiofuse.deep import make_encoder

    if recipe.deep.output == "logit":
        return 1
    return cast(int, make_encoder(recipe.deep.encoder, recipe.seed).embedding_dim)


def _deviations(recipe: Recipe) -> list[str]:
    """Return a sentence for each thing that a recipe asks for as published and that we would not do."""
    said = []
    if recipe.selects_deep_features and recipe.deep.protocol == "as_published":
        said.append(
            "Training rows carry embeddings by the encoder that was trained on them (as_published): selection and "
            "classifiers see features fitted to the labels. Use protocol = crossfit for figures to rely on."
        )
    if recipe.fusion.constrained and recipe.fusion.constrained_options.get("difference") == "literal_norm":
        said.append(
            "The constraint fusions minimize equation 4 as printed (difference = literal_norm), which makes specific "
            "codes equal to invariant ones, the contrary of what the text wants. Leave it out for orthogonality."
        )
    return said


def _describe_protocol(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    return {
        "folds": recipe.evaluation.folds,
        "repeats": recipe.evaluation.repeats,
        "inner_folds": recipe.fusion.inner_folds,
        "resamples": recipe.evaluation.resamples,
        "selector": recipe.select.title,
        "selector_options": recipe.select.options,
        "classifier": recipe.classify.method,
        "classifier_options": recipe.classify.options,
        "fusions": combined_names(recipe),
        "primary": combined_names(recipe)[0],
        "seed": recipe.seed,
        "constrained": [constrained_name(method) for method in recipe.fusion.constrained],
        "arms": list(recipe.evaluation.arms),
        "deep": recipe.deep and {**recipe.deep.model_dump(), "training": training_options(recipe)},
        "options": describe_options(list_all_models(recipe, rows)),
        "words": describe_names(recipe, rows.modalities),
    }
