"""What ``bundle.json`` says of a run: everything that reading the tables does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from radiofuse import __version__
from radiofuse.bundle.training_rows import row_digests
from radiofuse.evaluate.findings import list_warnings
from radiofuse.experiment.as_published import deviations
from radiofuse.experiment.deal import split_words
from radiofuse.experiment.evaluation import Results
from radiofuse.experiment.harmonization import describe_harmonization, new_sites_in_folds
from radiofuse.experiment.implied_classes import contradicting_answers
from radiofuse.experiment.joint_evaluation import rows_to_learn_from
from radiofuse.experiment.models.all_models import list_all_models
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.models.glossary import describe_names
from radiofuse.experiment.models.member_chains import encoder_options, training_options
from radiofuse.experiment.models.model_list import encodes_columns, model_list, primary_of, usual_join
from radiofuse.experiment.models.networks import of_networks
from radiofuse.experiment.models.options import describe_options
from radiofuse.experiment.recipe.models import CLINICAL
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows
from radiofuse.experiment.run_steps import steps_of
from radiofuse.experiment.scores.pooling import NOT_STRATIFIED, pooling_warnings
from radiofuse.patients import Split
from radiofuse.tables import columns
from radiofuse.tables.mask_makers import maker_of
from radiofuse.tables.outcomes import Outcome

Models = dict[str, dict[str, Any]]  # fitted, by outcome and name


def describe_run(recipe: Recipe, rows: Rows, results: Results, models: Models) -> dict[str, Any]:
    """Return what goes into ``bundle.json``: everything that reading the tables does not tell."""
    grouped = columns.by_modality(rows.X.columns)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "radiofuse_version": __version__,
        "outcomes": [_describe_outcome(outcome) for outcome in rows.outcomes],
        "modalities": rows.modalities,
        "label_per": recipe.cohort.label_per,
        "modality_pattern": recipe.cohort.modality_pattern,
        "clinical": grouped.get(columns.CLINICAL, []),
        "settings": rows.settings,
        "protocol": _describe_protocol(recipe, rows, results.splits),
        "n_features": count_features(recipe, rows),
        "columns": columns_read(recipe, rows),
        "inputs": dict(rows.hashes),
        "training_rows": row_digests(rows_to_learn_from(rows)[0]),
        "untested_patients": _untested_patients(rows, results.splits),
        "pseudonyms": None if rows.key is None else {"key": rows.key, "shared": False},
        "synthetic": rows.synthetic,
        "mask_makers": sorted({maker_of(source) for source in rows.mask_sources}),
        "implications": [asdict(one) for one in rows.implications],
        "as_published": deviations(recipe),
        "warnings": list(dict.fromkeys(_warnings(recipe, rows, results, models))),
    }


def _untested_patients(rows: Rows, splits: Sequence[Split]) -> dict[str, str]:
    """Return the patient of each sample that the final models are fitted on and no fold tests: predictions lack it."""
    tested = np.concatenate([split.test for split in splits])
    places = np.setdiff1d(np.arange(len(rows.X)), tested)
    labeled = dict(zip(map(str, rows.X.index[places]), map(str, rows.groups[places]), strict=True))
    return labeled | ({} if rows.unlabeled is None else rows.unlabeled.patients)


def count_features(recipe: Recipe, rows: Rows) -> dict[str, int]:
    """Return how many features there are of each modality, those of an encoder (of the first outcome) among them."""
    n_classes = len(rows.outcomes[0].classes)
    encoded = of_networks(recipe, rows.modalities)
    n_deep = _n_deep_features(recipe, n_classes)
    return {name: len(block) + (n_deep if name in encoded else 0) for name, block in rows.blocks.items()}


def _pooled(recipe: Recipe, rows: Rows, results: Results) -> list[str]:
    """Return where pooling misleads; stratified folds have the same shares of the classes."""
    if recipe.evaluation.split not in NOT_STRATIFIED:
        return []
    return pooling_warnings(rows.outcomes, results.scores, results.fold_scores, primary_of(recipe))


def _describe_outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "kind": outcome.kind,
        "classes": list(outcome.classes),
        "ordered": outcome.ordered,
        "reading": None if outcome.reading is None else outcome.reading.to_json(),
    }


def columns_read(recipe: Recipe, rows: Rows) -> list[str]:
    """Return the columns that new patients must have: of all modalities, and clinical ones that a kept model reads."""
    grouped = columns.by_modality(rows.X.columns)
    kept = [model for model in model_list(recipe) if model.keep]
    clinical = any(model.clinical or model.kind == CLINICAL for model in kept)
    names = [*rows.modalities, *([columns.CLINICAL] if clinical else [])]
    return [column for name in names for column in grouped.get(name, [])]


def _warnings(recipe: Recipe, rows: Rows, results: Results, models: Models) -> Iterator[str]:
    """Yield what a reader must see beside the scores."""
    yield from rows.warnings()
    yield from _pooled(recipe, rows, results)
    yield from new_sites_in_folds(recipe, rows.X, results.predictions)
    yield from contradicting_answers(rows.implications, rows.outcomes, results.predictions, primary_of(recipe))
    yield from results.lacking
    yield from _of_models(rows, results, models)


def _of_models(rows: Rows, results: Results, models: Models) -> Iterator[str]:
    """Yield what is told of models, with the outcome in front where there are several."""
    for outcome in rows.outcomes:
        labeled, several = rows.of(outcome), len(rows.outcomes) > 1
        for name, model in models[outcome.name].items():
            findings = results.findings.get((outcome.name, name))
            if findings is not None:
                said = list_warnings(model, labeled.y, labeled.groups, rows.failures, findings)
                yield from (f"{outcome.name}: {sentence}" if several else sentence for sentence in said)


def _n_deep_features(recipe: Recipe, n_classes: int) -> int:
    """Return how many columns an encoder adds to those that are selected from."""
    if recipe.deep is None or not encodes_columns(recipe):
        return 0
    from radiofuse.deep import make_encoder

    if recipe.deep.output == "logit":
        return 1 if n_classes == 2 else n_classes
    return cast(int, make_encoder(recipe.deep.encoder, recipe.seed, options=encoder_options(recipe)).embedding_dim)


def _options(recipe: Recipe, rows: Rows) -> dict[str, Any]:
    joint = list_models(recipe, rows.inputs, joint=True)
    return describe_options(list_all_models(recipe, rows, rows.of(rows.outcomes[0])) | joint)


def _describe_protocol(recipe: Recipe, rows: Rows, splits: Sequence[Split]) -> dict[str, Any]:
    counts = [len(outcome.classes) for outcome in rows.outcomes]
    words = describe_names(recipe, rows.modalities, clinical=bool(rows.inputs.clinical), class_counts=counts)
    return {
        "split": recipe.evaluation.split,
        "folds": len({split.fold for split in splits}),
        "repeats": len({split.repeat for split in splits}),
        "inner_folds": recipe.fusion.inner_folds,
        "calibrate": recipe.fusion.calibrate,
        "operating_point": recipe.evaluation.operating_point.words,
        "resamples": recipe.evaluation.resamples,
        "harmonize": describe_harmonization(recipe, rows.X),
        "selector": recipe.select.title,
        "selector_options": recipe.select.options,
        "classifier": recipe.classify.method,
        "classifier_options": recipe.classify.options,
        "primary": primary_of(recipe),
        "seed": recipe.seed,
        "arms": list(recipe.evaluation.arms),
        "steps": steps_of(recipe, columns=any(rows.blocks.values())),
        "deep": recipe.deep
        and {
            **recipe.deep.model_dump(),
            "join": usual_join(recipe),
            "training": training_options(recipe),
        },
        "options": _options(recipe, rows),
        "words": {**words, "split": split_words(recipe, splits)},
    }
