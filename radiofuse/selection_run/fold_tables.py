"""What the outer folds gave, as tables: who was held out where, probabilities, performance, stability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.selection_run.blocks import Block
from radiofuse.selection_run.chain import penalized_step
from radiofuse.selection_run.nested import ModalitySelection
from radiofuse.statistics import score_predictions
from radiofuse.statistics.stability import measure_stability
from radiofuse.tables import PREDICTION_COLUMNS
from radiofuse.tables.features import FUSION
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.predictions import LONG_PREDICTION_COLUMNS
from radiofuse.wording import counted

N_RESAMPLES = 2000
CLASS = "class"
PERFORMANCE_COLUMNS = ("model", "selection", "metric", "value", "low", "high", "method")
PERFORMANCE_OF_CLASSES = ("outcome", "model", CLASS, *PERFORMANCE_COLUMNS[1:-1], "n_samples", "n_patients", "method")


def folds_table(result: ModalitySelection) -> pd.DataFrame:
    """Return modality, sample_id, patient_id, repeat, fold, part and inner_fold of every sample in every fold.

    ``part`` is train or test; ``inner_fold`` says where a training row was held out to choose the penalty, counted
    from 0. The rows of the selection on all samples have neither repeat nor fold.
    """
    block, (_, penalized) = result.block, penalized_step(result.final)
    parts = [_part(block, np.arange(len(block.y)), "train", None if penalized is None else penalized.inner_folds_)]
    for outcome in result.outcomes:
        split = outcome.split
        place = {"repeat": split.repeat, "fold": split.fold}
        parts.append(_part(block, split.train, "train", outcome.inner_folds) | place)
        parts.append(_part(block, split.test, "test", None) | place)
    # Nullable: the rows of the selection on all samples have no fold, and floats would read 1.0.
    return stack(parts).astype(dict.fromkeys(("repeat", "fold", "inner_fold"), "Int64"))


def _part(block: Block, rows: np.ndarray, part: str, inner: np.ndarray | None) -> dict[str, Any]:
    ids = {
        "modality": block.modality,
        "sample_id": block.X.index.to_numpy(str)[rows],
        "patient_id": block.patients[rows],
    }
    inner_fold = np.nan if inner is None else inner.astype(float)
    return {**ids, "repeat": np.nan, "fold": np.nan, "part": part, "inner_fold": inner_fold}


def stack(parts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return parts of equal keys below each other; a value that is no array stands in every row of its part.

    Examples
    --------
    >>> stack([{"a": np.array([1, 2]), "b": "x"}, {"a": np.array([3]), "b": "y"}]).to_numpy().tolist()
    [[1, 'x'], [2, 'x'], [3, 'y']]
    """
    lengths = [max(np.size(value) for value in part.values()) for part in parts]
    return pd.DataFrame(
        {
            name: np.concatenate(
                [np.broadcast_to(part[name], length) for part, length in zip(parts, lengths, strict=True)]
            )
            for name in parts[0]
        }
    )


def predictions_table(results: Sequence[ModalitySelection]) -> pd.DataFrame:
    """Return the held-out probabilities: columns of `PREDICTION_COLUMNS`, and ``selection``.

    Of more than two classes every sample has a row for each, and the columns are those of `LONG_PREDICTION_COLUMNS`.

    Selection is "nested" where the features were chosen in the training rows, "optimistic" where all rows chose them.
    With several modalities the model "fusion" is the mean over those that a sample has, in the folds that all of
    them finished.
    """
    parts = [part for kind in ("nested", "optimistic") for result in results for part in _probabilities(result, kind)]
    several = results[0].block.several
    columns = [*(PREDICTION_COLUMNS if several is None else LONG_PREDICTION_COLUMNS), "selection"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = stack(parts)
    if len(results) > 1:
        table = pd.concat([table, _fused(table, results)], ignore_index=True)
        table = table.sort_values("selection", kind="stable", ignore_index=True)
    if several is not None:
        names = np.array(several.classes, object)
        table = table.assign(outcome=several.name, **{CLASS: names[table[CLASS].to_numpy(int)]})
    return table[columns]


def _probabilities(result: ModalitySelection, kind: str) -> list[dict[str, Any]]:
    """Return parts for `stack`; of several classes one for each, which is named by its place."""
    block = result.block
    if block.several is not None:
        return [
            {**part, CLASS: place, "label": (part["label"] == place).astype(int), "probability": of_class}
            for part in _answers(result, kind)
            for place, of_class in enumerate(part["probability"].T)
        ]
    return _answers(result, kind)


def _answers(result: ModalitySelection, kind: str) -> list[dict[str, Any]]:
    block = result.block
    return [
        {
            "sample_id": block.X.index.to_numpy(str)[outcome.split.test],
            "patient_id": block.patients[outcome.split.test],
            "repeat": outcome.split.repeat,
            "fold": outcome.split.fold,
            "model": block.modality,
            "label": block.y[outcome.split.test],
            "probability": getattr(outcome, kind),
            "selection": kind,
        }
        for outcome in result.outcomes
        if getattr(outcome, kind) is not None
    ]


def _fused(table: pd.DataFrame, results: Sequence[ModalitySelection]) -> pd.DataFrame:
    # After an interrupt a fold may be done for one modality only, whose mean alone is no fusion.
    finished = [{(one.split.repeat, one.split.fold) for one in result.outcomes} for result in results]
    common = set.intersection(*finished)
    usable = [place in common for place in zip(table["repeat"], table["fold"], strict=True)]
    of_class = [CLASS] if CLASS in table else []
    keys = ["selection", "repeat", "fold", "sample_id", "patient_id", *of_class, "label"]
    return table[usable].groupby(keys, as_index=False)["probability"].mean().assign(model=FUSION)


def performance_table(predictions: pd.DataFrame, seed: int, several: Outcome | None = None) -> pd.DataFrame:
    """Return model, selection, metric, value, low, high and method; intervals are those of `score_predictions`.

    Of an outcome of more than two classes also outcome, class, n_samples and n_patients, as there.
    """
    parts, columns = [], list(PERFORMANCE_COLUMNS if several is None else PERFORMANCE_OF_CLASSES)
    ordered = several.classes if several is not None and several.ordered else None
    for kind, rows in predictions.groupby("selection", sort=False):
        scores = score_predictions(rows, n_resamples=N_RESAMPLES, random_state=seed, ordered=ordered)
        scores = scores.assign(selection=kind)
        n_repeats = rows["repeat"].nunique()
        scores["method"] = (
            f"mean of {counted(n_repeats, 'repeat')}, percentiles of {N_RESAMPLES} resamples of the patients"
        )
        parts.append(scores[columns])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def stability_table(results: Sequence[ModalitySelection]) -> pd.DataFrame:
    """Return one row per modality: n_selections, n_features, mean_selected, n_empty and `Stability`.

    Only modalities with two finished outer selections or more have a row.
    """
    rows = []
    for result in results:
        chosen = np.array([one.chosen for one in result.outcomes if one.chosen is not None])
        if len(chosen) < 2:
            continue
        sizes = chosen.sum(axis=1)
        counts = {
            "modality": result.block.modality,
            "n_selections": len(sizes),
            "n_features": chosen.shape[1],
            "mean_selected": sizes.mean(),
            "n_empty": int((sizes == 0).sum()),
        }
        rows.append({**counts, **asdict(measure_stability(chosen))})
    return pd.DataFrame(rows)
