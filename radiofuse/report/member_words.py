"""What a reader of fusions should know of their members: how often votes tie, and which members repeat each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from radiofuse.fuse.choices import COMBINERS, learns
from radiofuse.fuse.collinearity import collinear_words, collinearity
from radiofuse.fuse.vote_ties import tie_rate
from radiofuse.names import lookup
from radiofuse.report.absence import members_of
from radiofuse.report.kinds import FUSION
from radiofuse.wording import percent

_VOTES = ("vote", "vote_prior", "vote_abstain")


Words = Mapping[str, Mapping[str, str]]


def tie_words(predictions: pd.DataFrame, primary: str, words: Words) -> str:
    """Return how often the votes of the main answer's members tie, out of fold; empty where no combiner votes.

    Parameters
    ----------
    predictions : DataFrame
        Of one outcome, as in ``predictions.csv``.
    primary : str
        The main answer.
    words : mapping of str to mapping
        By model, its ``kind`` and the ``model`` that it answers for.
    """
    prefix, members = members_of(primary, words)
    if len(members) < 2 or not set(_VOTES) & set(_combiners(primary, prefix, words)):
        return ""
    rate = tie_rate(_probabilities(predictions, [f"{prefix}{name}" for name in members]))
    return f"The members’ votes tie in {percent(rate)} of the predictions, out of fold."


def collinear_members(predictions: pd.DataFrame, primary: str, words: Words) -> str:
    """Return which members of the main answer repeat each other, out of fold, where a combiner learns weights.

    Parameters
    ----------
    predictions, primary, words
        As of `tie_words`.
    """
    prefix, members = members_of(primary, words)
    learning = [one for one in _combiners(primary, prefix, words) if learns(lookup(one, COMBINERS, "combiner"))]
    if len(members) < 2 or not learning:
        return ""
    P = _probabilities(predictions, [f"{prefix}{name}" for name in members])
    return collinear_words(collinearity(members, P))


def collinear_models(predictions: pd.DataFrame, words: Words) -> dict[str, str]:
    """Return of every late fusion that learns weights which of its members repeat each other, by model.

    Parameters
    ----------
    predictions, words
        As of `tie_words`.
    """
    answers = {said["model"]: name for name, said in words.items() if said["kind"] == FUSION}
    told = {model: collinear_members(predictions, answer, words) for model, answer in answers.items()}
    return {model: sentence for model, sentence in told.items() if sentence}


def _combiners(primary: str, prefix: str, words: Words) -> list[str]:
    own = [name.removeprefix(prefix) for name, said in words.items() if said["model"] == words[primary]["model"]]
    return [name for name in own if name in COMBINERS]


def _probabilities(predictions: pd.DataFrame, models: list[str]) -> np.ndarray:
    """Return what combiners take: (n, n_members), of more than two classes (n, n_members, n_classes)."""
    rows = predictions[predictions["model"].isin(models)]
    columns = pd.MultiIndex.from_product([models, rows["class"].unique()])
    table = rows.pivot_table("probability", index=["repeat", "fold", "sample_id"], columns=["model", "class"])
    each = table.reindex(columns=columns).to_numpy(float).reshape(len(table), len(models), -1)
    return each[:, :, 0] if each.shape[2] == 1 else each
