"""Two-stage semi-supervision of a network: labels for patients without one, where its passes with dropout are sure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.tasks.passes import dropout_passes
from radiofuse.deep.training.option_rules import check, is_count, is_number, named
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import RequestError
from radiofuse.statistics.pseudo_labeling import NONE, PseudoLabels, pseudo_labels
from radiofuse.wording import counted

Options = TypeVar("Options")
NEGATIVE = ("negative", "negative_spread")  # options that self-training on features has beside these


class Stage(NamedTuple):
    """What a second stage needs of the estimator that asks for it."""

    train: Callable[[np.ndarray, int], TrainedEncoder]  # on labels (n, n_outcomes), from a seed
    probabilities: Callable[[np.ndarray], list[np.ndarray]]  # of logits, for each outcome (n, n_classes)
    seed: int
    device: str


@dataclass(frozen=True)
class Gate:
    """How sure passes with dropout must be of a label.

    Parameters
    ----------
    confidence, spread : float, default=0.9 and 0.05
        Least mean probability of the class, and largest standard deviation of it over the passes.
    balance : bool, default=False
        Whether as many labels of each class are kept as of the rarest one.
    """

    confidence: float = 0.9
    spread: float = 0.05
    balance: bool = False

    def __post_init__(self) -> None:
        for name, most in (("confidence", 1), ("spread", np.inf)):
            value = getattr(self, name)
            fits = is_number(value) and 0 <= value <= most
            check(f"self_training.{name}", value, fits, "0 to 1" if most == 1 else "0 or more")
        check("self_training.balance", self.balance, isinstance(self.balance, bool), "true or false")


@dataclass(frozen=True)
class SelfTraining:
    """Which pseudo-labels a second training learns from, beside the labels that are known.

    Parameters
    ----------
    confidence, spread, balance
        As of `Gate`, of every outcome that ``outcomes`` does not name.
    passes : int, default=10
        With dropout, of which mean and standard deviation are taken.
    outcomes : mapping of str to mapping, optional
        Gates of single outcomes: ``{"codel": {"confidence": 0.99, "spread": 0.01}}``; what is left out there is as of
        the others.

    References
    ----------
    GMMAS (Liu et al.) and its public code: .9 and .05, of 1p/19q .99 and .01, ten passes with dropout.

    Examples
    --------
    >>> SelfTraining(outcomes={"codel": {"confidence": 0.99}}).gate("codel")
    Gate(confidence=0.99, spread=0.05, balance=False)
    """

    confidence: float = 0.9
    spread: float = 0.05
    balance: bool = False
    passes: int = 10
    outcomes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check("self_training.passes", self.passes, is_count(self.passes), "a whole number of 1 or more")
        fits = isinstance(self.outcomes, Mapping) and all(isinstance(own, Mapping) for own in self.outcomes.values())
        check("self_training.outcomes", self.outcomes, fits, "gates by outcome, { codel = { confidence = 0.99 } }")
        for outcome in ["", *self.outcomes]:
            self.gate(outcome)

    def gate(self, outcome: str) -> Gate:
        """Return the gate of an outcome."""
        usual = {"confidence": self.confidence, "spread": self.spread, "balance": self.balance}
        return named(Gate, {**usual, **self.outcomes.get(outcome, {})}, "self_training")

    def refuse_unknown(self, outcomes: list[str]) -> None:
        """Raise where a gate is of an outcome that there is not."""
        strange = [name for name in self.outcomes if name not in outcomes]
        if strange:
            raise RequestError(
                f"self_training has a gate of {strange[0]!r}, which is none of the outcomes {', '.join(outcomes)}. "
                "Correct the name, or leave the gate out."
            )


def asked(kind: type[Options], value: bool | Mapping[str, Any] | None, name: str) -> Options | None:
    """Return options of a kind as an estimator's parameter has them: None where it is false, defaults where it is true.

    Examples
    --------
    >>> asked(SelfTraining, {"passes": 20}, "self_training").passes, asked(SelfTraining, False, "self_training")
    (20, None)
    """
    if isinstance(value, Mapping):
        if negative := next((one for one in value if one in NEGATIVE), ""):
            raise RequestError(
                f"{name}.{negative} rules classes out, and negative pseudo-labels are not offered for networks: a row "
                "counts there by the probabilities of its classes. Leave it out, or let a model of features learn so."
            )
        return named(kind, value, name)
    return kind() if value else None


def train_again(
    first: TrainedEncoder, rows: SampleRows, y: pd.DataFrame, options: SelfTraining, stage: Stage
) -> tuple[TrainedEncoder, pd.DataFrame]:
    """Return a network trained from new weights on known labels and pseudo-labels, and what these are.

    Parameters
    ----------
    first : TrainedEncoder
        Trained on the known labels of the same rows.
    rows : SampleRows
        The training rows, and no others.
    y : DataFrame of shape (n_samples, n_outcomes)
        Places of classes, NaN where one is unknown.
    options : SelfTraining
    stage : Stage

    Returns
    -------
    trained : TrainedEncoder
        The first one, where no label is unknown or none passed the gate.
    told : DataFrame
        A row for each label that is unknown: sample, outcome, class, probability, spread, kept.
    """
    if y.notna().all(axis=None):
        return first, told_labels({}, y, rows.sample_ids)
    logits = dropout_passes(first, rows, options.passes, seed=stage.seed, device=stage.device)
    each = [stage.probabilities(of_pass) for of_pass in logits]
    draws = {name: np.stack([one[at] for one in each]) for at, name in enumerate(y)}
    filled, made = fill_in(y, draws, options)
    told = told_labels(made, y, rows.sample_ids)
    return (first if filled.equals(y) else stage.train(filled.to_numpy(), stage.seed)), told


def fill_in(
    y: pd.DataFrame, draws: Mapping[str, np.ndarray], options: SelfTraining
) -> tuple[pd.DataFrame, dict[str, PseudoLabels]]:
    """Return labels with pseudo-labels where none was known and passes are sure, and what the gate made of them.

    Known labels stay as they are. Where all the labels that an outcome would get are of one class, or it would get
    none, it gets none and a warning says so: its second stage learns from the labels that are known alone.

    Parameters
    ----------
    y : DataFrame of shape (n_samples, n_outcomes)
        Places of classes, 0 to K - 1, NaN where one is unknown. Of training patients alone.
    draws : mapping of str to ndarray of shape (passes, n_samples, n_classes)
        Probabilities by outcome, of all rows of ``y``; those of rows with a known label are not looked at. Rows that
        are NaN, since they have no patch, get no label.
    options : SelfTraining

    Returns
    -------
    filled : DataFrame of the shape of ``y``
    made : dict of str to PseudoLabels
        Of the rows without a label, in their order, by outcome; of outcomes with such rows alone.

    Raises
    ------
    RequestError
        If the options name an outcome that ``y`` has not.

    Examples
    --------
    >>> y = pd.DataFrame({"idh": [0.0, 1.0, np.nan, np.nan, np.nan]})
    >>> answers = np.array([[0.5, 0.5], [0.5, 0.5], [0.95, 0.05], [0.02, 0.98], [0.6, 0.4]])
    >>> filled, made = fill_in(y, {"idh": answers[None]}, SelfTraining())
    >>> filled["idh"].tolist(), round(made["idh"].coverage, 2)
    ([0.0, 1.0, 0.0, 1.0, nan], 0.67)
    """
    options.refuse_unknown(list(y))
    filled, made = y.copy(), {}
    for outcome in y:
        unknown = np.flatnonzero(y[outcome].isna())
        if len(unknown):
            gate = options.gate(outcome)
            own = {"confidence": gate.confidence, "spread": gate.spread, "balance": gate.balance}
            made[outcome] = labels = _gated(np.asarray(draws[outcome])[:, unknown], own)
            if _told_useful(outcome, labels):
                filled.iloc[unknown[labels.kept], filled.columns.get_loc(outcome)] = labels.code[labels.kept]
    return filled, made


def _gated(draws: np.ndarray, gate: Mapping[str, Any]) -> PseudoLabels:
    """Return what a gate makes of rows, (passes, n, n_classes); those without an answer are given no class."""
    answered = ~np.isnan(draws).all(axis=(0, 2))
    labels = pseudo_labels(draws[:, answered], **gate)
    if answered.all():
        return labels
    code, ruled_out = np.full(len(answered), NONE), np.zeros((len(answered), draws.shape[2]), dtype=bool)
    mean, sd = np.full(ruled_out.shape, np.nan), np.full(ruled_out.shape, np.nan)
    whole = PseudoLabels(code, mean, sd, ruled_out)
    for own, of_answered in zip((code, mean, sd, ruled_out), vars(labels).values(), strict=True):
        own[answered] = of_answered
    return whole


def told_labels(made: Mapping[str, PseudoLabels], y: pd.DataFrame, samples: Sequence[str]) -> pd.DataFrame:
    """Return the largest class of every row without a label, by outcome, and whether it is learned from."""
    parts = [
        pd.DataFrame(
            {
                "sample": np.asarray(samples)[y[outcome].isna()],
                "outcome": outcome,
                "class": labels.top,
                "probability": labels.mean.max(axis=1),
                "spread": labels.sd[np.arange(len(labels.top)), labels.top],
                "kept": labels.kept & (not labels.one_sided),
            }
        )
        for outcome, labels in made.items()
    ]
    nothing = pd.DataFrame(columns=["sample", "outcome", "class", "probability", "spread", "kept"])
    return pd.concat(parts, ignore_index=True) if parts else nothing


def _told_useful(outcome: str, labels: PseudoLabels) -> bool:
    """Return whether an outcome's pseudo-labels are of two classes or more, and warn where they are not."""
    if labels.one_sided:
        without = counted(len(labels.code), "patient")
        kept = f"{labels.kept.sum()}, all of one class" if labels.kept.any() else "none"
        warnings.warn(
            f"The second stage of {outcome} goes without pseudo-labels: of {without} without a label the gate keeps "
            f"{kept}. Loosen confidence or spread of self_training, or leave it out.",
            stacklevel=3,
        )
    return not labels.one_sided
