"""Scores of networks by the slices that they read, beside those by patients and never alone.

Slices of one patient are not independent, and a patient with many counts more than one with few: what holds for new
patients is the score by patients. Intervals resample patients with all their slices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd

from radiofuse.evaluate.fold_answers import tidy
from radiofuse.experiment.models.member_chains import crop_classifier
from radiofuse.experiment.models.model_list import DEEP, deep_member, modalities_of, model_list, prefixed, reads_of
from radiofuse.experiment.models.networks import of_networks
from radiofuse.experiment.recipe.models import LATE
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import LabeledRows, Rows
from radiofuse.patients import Split
from radiofuse.statistics import score_predictions
from radiofuse.tables import columns
from radiofuse.tables.answers import answers_table
from radiofuse.tables.predictions import LONG_PREDICTION_COLUMNS

SCORED = ("auc", "accuracy")
PREFIX = "slice_"


def slice_predictions(
    recipe: Recipe, rows: Rows, labeled: LabeledRows, splits: Sequence[Split], answered: Collection[str]
) -> pd.DataFrame:
    """Return what networks that read several slices of a patient say of each slice out of fold.

    The networks of the folds are in the cache; they are run once more on the slices of the held-out patients.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    labeled : LabeledRows
    splits : sequence of Split
        Of the labeled rows.
    answered : collection of str
        Models that answer by themselves: a network that does not has no score by patients to stand beside.

    Returns
    -------
    DataFrame
        As a table of predictions, with a row for each slice; none where a patient has one picture.
    """
    parts = [pd.DataFrame(columns=LONG_PREDICTION_COLUMNS)]
    for name, answers in _networks(recipe, rows).items() if _reads_several(recipe) else ():
        own = [answer for answer in answers if answer in answered]
        parts += [_of_split(recipe, rows, labeled, split, own, name) for split in splits if own]
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else parts[0]


def _reads_several(recipe: Recipe) -> bool:
    return recipe.deep is not None and recipe.deep.dimensions == 2 and recipe.deep.slices != 1


def _networks(recipe: Recipe, rows: Rows) -> dict[str, list[str]]:
    """Return by what names the network of each modality answers: in every late fusion that it is a member of."""
    late = [model for model in model_list(recipe) if model.kind == LATE and DEEP in reads_of(recipe, model)]
    named = [(model, name) for model in late for name in of_networks(recipe, modalities_of(model, rows.modalities))]
    answers: dict[str, list[str]] = {}
    for model, name in named:
        answers.setdefault(name, []).append(prefixed(model, deep_member(recipe, model, name)))
    return answers


def _of_split(
    recipe: Recipe, rows: Rows, labeled: LabeledRows, split: Split, named: Sequence[str], name: str
) -> pd.DataFrame:
    from radiofuse.deep import slice_probabilities

    pointers = labeled.X[columns.join(name, columns.CROP)]
    train, test = (part[pointers.notna().to_numpy()[part]] for part in (split.train, split.test))
    network = crop_classifier(recipe, rows.source)
    network.fit(pointers.iloc[train].to_frame(), labeled.y[train], groups=np.asarray(labeled.groups)[train])
    asked = pointers.iloc[test].astype(int).tolist()
    found = slice_probabilities(network.encoder_, rows.source.crops, asked, device=recipe.deep.device)
    told = list(_numbered(labeled, test, found))
    if not told:
        return pd.DataFrame(columns=LONG_PREDICTION_COLUMNS)
    of_slices = pd.DataFrame(told, columns=["sample_id", "patient_id", "label"])
    probability, classes = np.concatenate(found), np.arange(len(labeled.outcome.classes))
    answers = dict.fromkeys(named, probability[:, 1] if len(classes) == 2 else probability)
    return tidy(answers_table(answers, of_slices.index, classes), of_slices, labeled.outcome, split)


def _numbered(labeled: LabeledRows, test: np.ndarray, found: Sequence[np.ndarray]) -> Iterator[tuple[str, str, int]]:
    """Yield a name, the patient and the label of each slice."""
    for place, of_slices in zip(test, found, strict=True):
        for number in range(len(of_slices)):
            yield f"{labeled.X.index[place]}, slice {number}", labeled.groups[place], labeled.y[place]


def with_slice_scores(scores: pd.DataFrame, slices: pd.DataFrame, **resampling: int) -> pd.DataFrame:
    """Return scores by patients with AUC and accuracy by slices behind them, as ``slice_auc`` and ``slice_accuracy``.

    Parameters
    ----------
    scores : DataFrame
        As ``score_predictions`` returns them.
    slices : DataFrame
        As ``slice_predictions`` returns them, of all outcomes.
    **resampling
        As for ``score_predictions``.

    Examples
    --------
    >>> head = {"outcome": "idh", "repeat": 0, "fold": 0, "model": "t1", "class": "1"}
    >>> rows = [("a", "a, slice 0", 0, 0.2), ("a", "a, slice 1", 0, 0.6), ("b", "b, slice 0", 1, 0.8)]
    >>> names = ["patient_id", "sample_id", "label", "probability"]
    >>> slices = pd.DataFrame([{**head, **dict(zip(names, row))} for row in rows])
    >>> scores = pd.DataFrame({"outcome": ["idh"], "model": ["t1"], "class": ["1"], "metric": ["auc"], "value": [1.0]})
    >>> with_slice_scores(scores, slices, n_resamples=9)[["metric", "value", "n_samples", "n_patients"]]
               metric     value  n_samples  n_patients
    0             auc  1.000000        NaN         NaN
    1       slice_auc  1.000000        3.0         2.0
    2  slice_accuracy  0.666667        3.0         2.0
    """
    if not len(slices):
        return scores
    found = score_predictions(slices, **resampling)
    several = found["outcome"].map(slices.groupby("outcome")["class"].nunique()) > 1
    found = found[found["metric"].isin(SCORED) & ~(several & found["class"].ne(""))]
    return pd.concat([scores, found.assign(metric=PREFIX + found["metric"])], ignore_index=True)
