"""Several trainings of one encoder, of which the best on the patients held out inside is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from radiofuse.deep.training.loop import History
from radiofuse.deep.training.options import Training
from radiofuse.wording import listed

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained encoder, and what was tried to get it.

    Attributes
    ----------
    module : nn.Module
    history : History or None
        None of a frozen encoder.
    of_encoder : dict
        Options of the encoder that were chosen.
    tried : list of dict
        Every candidate's options with its loss and AUC on the patients held out; empty without a search.
    """

    module: nn.Module
    history: History | None
    of_encoder: dict[str, Any]
    tried: list[dict[str, Any]]


def train_best(
    training: Training,
    make: Callable[[Mapping[str, Any]], nn.Module],
    train: Callable[[nn.Module, Training, Path | None], History],
    checkpoint: Path | None,
) -> Trained:
    """Train every candidate of a training, on the same patients, and return the best.

    Parameters
    ----------
    training : Training
    make : callable
        Takes options of the encoder that are searched, and returns a fresh module.
    train : callable
        Takes module, training and the file of its checkpoint.
    checkpoint : Path or None
        Candidates have files beside it. A run that was killed repeats those that were done.
    """
    tried, best = [], None
    for number, (candidate, of_encoder) in enumerate(training.candidates()):
        module = make(of_encoder)
        beside = checkpoint and checkpoint.with_name(f"{checkpoint.name}.{number}")
        place = beside if training.search else checkpoint
        history = train(module, candidate, place)
        if not training.search:
            return Trained(module, history, of_encoder, [])
        tried.append({**_named(training, candidate, of_encoder), **_scores(history)})
        if best is None or _rank(tried[-1], training) < _rank(tried[best[0]], training):
            best = number, module, history, of_encoder
    number, module, history, of_encoder = best
    _tell(training, tried, number)
    return Trained(module, history, of_encoder, tried)


def _named(training: Training, candidate: Training, of_encoder: Mapping[str, Any]) -> dict[str, Any]:
    return {name: of_encoder[name] if name in of_encoder else getattr(candidate, name) for name in training.search}


def _scores(history: History) -> dict[str, float]:
    best = history.best_epoch - 1
    return {"loss": history.validation_losses[best], "auc": history.validation_aucs[best]}


def _rank(tried: Mapping[str, Any], training: Training) -> tuple[float, float]:
    """Return what is lower the better a candidate is; of equal ones the first stays."""
    return (-tried["auc"], tried["loss"]) if training.watch == "auc" else (tried["loss"], 0.0)


def _tell(training: Training, tried: list[dict[str, Any]], number: int) -> None:
    chosen = tried[number]
    log.info(
        "Of %d trainings the one with %s is the best on the patients held out inside (loss %.3f, AUC %.2f).",
        len(tried),
        listed([f"{name} = {chosen[name]}" for name in training.search]),
        chosen["loss"],
        chosen["auc"],
    )
