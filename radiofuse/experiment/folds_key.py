"""What tells finished folds of one run from those of another: all that their numbers depend on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.experiment.models.member_chains import selector_files
from radiofuse.experiment.recipe.recipe import OF_THE_FILE, Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.files.outputs import sha256_of
from radiofuse.patients import Split
from radiofuse.work.environment import what_moves_bits
from radiofuse.work.kept import digest_of, digest_of_code
from radiofuse.work.own_code import modules_named_in

# read once the folds are done; what is not sure to be one of these belongs into the key
AFTER_THE_FOLDS: Any = {
    **dict.fromkeys((*OF_THE_FILE, "title", "tables"), True),
    "evaluation": {"resamples", "compare", "reference", "permutations"},
}


def folds_key(recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split]) -> str:
    """Return the digest of all that the predictions and findings of an outcome's folds depend on."""
    outcome = (labeled.outcome.name, labeled.outcome.classes, *(split.test for split in splits))
    return _key(recipe, rows, outcome, labeled.X, labeled.y, labeled.groups)


def joint_folds_key(recipe: Recipe, rows: Rows, X: pd.DataFrame, y: pd.DataFrame, splits: Sequence[Split]) -> str:
    """Return that of the folds of models of all outcomes at once; the training rows may have no label."""
    parts = [part for split in splits for part in (split.train, split.test)]
    outcomes = [(outcome.name, outcome.classes) for outcome in rows.outcomes]
    return _key(recipe, rows, (*outcomes, *parts), X, y)


def _key(recipe: Recipe, rows: Rows, *learned_from: Any) -> str:
    device = crops = None
    if recipe.deep is not None:
        from radiofuse.deep.device import choose_device

        device, crops = str(choose_device(recipe.deep.device)), rows.source.crops.path.stem
    own = modules_named_in(recipe.model_dump())
    files = tuple(map(sha256_of, [*selector_files(recipe), *_files_of_weights(recipe, recipe.model_dump())]))
    learned = (*learned_from, *files)
    asked = {"evaluation": {}, **recipe.model_dump(exclude=AFTER_THE_FOLDS, exclude_unset=True)}
    text = json.dumps(asked, default=str)
    return digest_of(text, rows.modalities, learned, device, crops, what_moves_bits(), digest_of_code(*own))


def _files_of_weights(recipe: Recipe, part: Any) -> Iterator[Path]:
    """Yield the files that some ``weights`` among options names: a recipe holds a file's name, not what is in it."""
    if isinstance(part, Mapping):
        named = part.get("weights")
        if isinstance(named, str) and recipe.path(named).is_file():
            yield recipe.path(named)
        part = part.values()
    if isinstance(part, Iterable) and not isinstance(part, str):
        for inner in part:
            yield from _files_of_weights(recipe, inner)
