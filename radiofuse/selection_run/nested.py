"""The selection on all samples, and again in every outer training fold, each asked what it is worth."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from sklearn.base import clone

from radiofuse.evaluate.fold_runner import Finished, FoldRun, finish_folds, fit_alone
from radiofuse.patients import Split
from radiofuse.progress import Progress
from radiofuse.select import NothingSelectedWarning, SelectorChain, fit_in_folds
from radiofuse.select.penalized_fit import PathEdgeWarning
from radiofuse.selection_run.blocks import Block, Harmonizer, block_of, deal_splits, harmonized
from radiofuse.selection_run.chain import (
    chain_of,
    cv_curve,
    make_chain,
    numbers_per_class,
    penalized_step,
    places_of,
    strength_of,
)
from radiofuse.selection_run.model import Model, SelectedModel, fit_model, make_model
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable
from radiofuse.work.jobs import finish_calls, one_thread
from radiofuse.work.kept import Kept

Final = tuple[SelectorChain, Model, Counter[str]]
Told = Callable[[int], None]
FoldsOf = dict[str, dict[int, Finished]]  # by modality and place of the split


@dataclass(frozen=True, eq=False)
class FoldOutcome:
    """What one outer fold gave; features by position.

    Attributes
    ----------
    split : Split
    chosen : ndarray of bool, shape (n_features,), or None
        What the training rows selected.
    coef, place : ndarray of shape (n_features,) or None
        Coefficient of the standardized column, NaN where no step fitted one, of several classes of shape (n_classes,
        n_features); and 1 for the strongest chosen feature, 2 for the next.
    inner_folds : ndarray of int or None
        The fold in which each training row was held out to choose the penalty.
    curve : dict of ndarray, or None
        What `cv_curve` returns.
    nested, optimistic : ndarray of shape (n_test,) or (n_test, n_classes), or None
        Probabilities of the test rows, of several classes each: features selected in the training rows, and in all
        rows.
    warned : Counter of str
        What was warned of while fitting.
    """

    split: Split
    optimistic: np.ndarray
    nested: np.ndarray | None = None
    chosen: np.ndarray | None = None
    coef: np.ndarray | None = None
    place: np.ndarray | None = None
    inner_folds: np.ndarray | None = None
    curve: dict[str, np.ndarray] | None = None
    warned: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, eq=False)
class ModalitySelection:
    """One modality: the selection on all rows, its model, and the finished outer folds in order."""

    block: Block
    final: SelectorChain
    model: Model
    warned: Counter[str]
    outcomes: tuple[FoldOutcome, ...]

    @property
    def complete(self) -> bool:
        """Whether every outer fold is finished."""
        return len(self.outcomes) == len(self.block.splits)


def fit_selections(
    table: FeatureTable,
    request: SelectionRequest,
    on_done: Progress = lambda done, total: None,
    kept: Kept | None = None,
) -> list[ModalitySelection]:
    """Select on all samples and in every outer training fold, modality by modality.

    The answer is the same to the last bit for any number of jobs. On an interrupt the finished folds are
    returned; before the selections on all samples are finished it is passed on.

    Parameters
    ----------
    table : FeatureTable
    request : SelectionRequest
    on_done : callable
        Told (done, total) in numbers of selections.
    kept : Kept, optional
        Where finished outer folds are kept and found again.

    Raises
    ------
    RequestError
        If a step or a parameter is unknown.
    CohortError
        If a training fold lacks a class of some modality.
    WorkerError
        If a process was killed twice at the same selection.
    """
    chain = make_chain(request)
    splits = deal_splits(table, request)
    blocks = [block_of(table, name, splits) for name in table.modalities]
    models = [
        SelectedModel(chain_of(chain, block, only=len(blocks) == 1), harmonizer=_harmonizer(block, request))
        for block in blocks
    ]
    whole = [harmonized(block, model.harmonizer) for block, model in zip(blocks, models, strict=True)]
    told = _counted(on_done, sum(1 + len(block.splits) for block in blocks))
    finals = _fit_finals(models, whole, request, told)
    optimistic: FoldsOf = {block.modality: {} for block in blocks}
    nested: FoldsOf = {block.modality: {} for block in blocks}
    with suppress(KeyboardInterrupt):  # what is finished is the answer; `complete` says that it is not all
        _run_optimistic(optimistic, whole, finals, request, told)
        if request.nested:
            _run_nested(nested, blocks, models, request, told, kept)
    outcomes = [_outcomes(block, optimistic, nested, request) for block in blocks]
    return [
        ModalitySelection(block, *final, folds) for block, final, folds in zip(whole, finals, outcomes, strict=True)
    ]


def _harmonizer(block: Block, request: SelectionRequest) -> Harmonizer | None:
    return None if request.site is None else Harmonizer(block.modality, request.unseen_site)


def _counted(on_done: Progress, total: int) -> Told:
    """Return what is told how many more selections are done."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        on_done(done, total)

    return tell


def _fit_finals(
    models: Sequence[SelectedModel], whole: Sequence[Block], request: SelectionRequest, told: Told
) -> list[Final]:
    """Return the selection on all samples of each modality."""
    pairs = zip(models, whole, strict=True)
    calls = [delayed(_fit_final)(model.select, block, request.seed) for model, block in pairs]
    names = [f"the selection of {block.modality} on all samples" for block in whole]
    finals = {}
    for place, final in finish_calls(calls, names, n_jobs=request.jobs):
        finals[place] = final
        told(1)
    return [finals[place] for place in range(len(whole))]


def _fit_final(chain: SelectorChain, block: Block, seed: int) -> Final:
    everything = [np.arange(len(block.y))]
    states = [_state(seed, [0])]
    # one thread: a matrix product split among threads may differ in the last bit
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _told_by_tables():
            final = next(fit_in_folds(chain, block.X, block.y, everything, groups=block.groups, states=states))
        model = fit_model(block.inputs_of(final.get_support()), block.y)
    return final, model, Counter(str(one.message) for one in caught)


def _run_optimistic(
    found: FoldsOf, whole: Sequence[Block], finals: Sequence[Final], request: SelectionRequest, told: Told
) -> None:
    """Ask in every split what the features are worth that all rows selected."""
    runs = {}
    for block, (final, *_) in zip(whole, finals, strict=True):
        X = block.inputs_of(final.get_support())
        runs[block.modality] = FoldRun(make_model(X.shape[1]), X, block.rows, block.splits, outcome=block.several)
    for outcome in finish_folds(runs, n_jobs=request.jobs, fit=fit_alone):
        place, modality = outcome.job
        found[modality][place] = outcome
        # Each split is counted once, by the run that takes longer.
        if not request.nested:
            told(1)


def _run_nested(
    found: FoldsOf,
    blocks: Sequence[Block],
    models: Sequence[SelectedModel],
    request: SelectionRequest,
    told: Told,
    kept: Kept | None,
) -> None:
    """Select in the training rows of every split, and ask what these features are worth."""
    runs = {
        block.modality: FoldRun(model, block.parts, block.rows, block.splits, block.groups, block.several)
        for block, model in zip(blocks, models, strict=True)
    }
    fit = partial(fit_selections_together, seed=request.seed)
    options = {"n_jobs": request.jobs, "inspect": describe_selection, "kept": kept, "fit": fit}
    with nullcontext() if kept is None else kept.writing():
        for outcome in finish_folds(runs, **options):
            place, modality = outcome.job
            found[modality][place] = outcome
            told(1)


def fit_selections_together(
    model: SelectedModel,
    X: pd.DataFrame,
    y: np.ndarray,
    splits: Sequence[Split],
    *,
    groups: np.ndarray | None,
    seed: int,
) -> Iterator[SelectedModel]:
    """Yield the model fitted in each split, with a seed for each; what the selectors of all share is done once."""
    # Place 0 is the selection on all rows.
    states = [_state(seed, [1 + split.repeat, split.fold]) for split in splits]
    if model.harmonizer is not None:  # every split has a table of its own
        for split, state in zip(splits, states, strict=True):
            seeded = clone(model).set_params(select__random_state=state)
            with _told_by_tables():
                fitted = next(fit_alone(seeded, X, y, [split], groups=groups))
            yield fitted
        return
    trains = [split.train for split in splits]
    chains = fit_in_folds(model.select, model.features_of(X), y, trains, groups=groups, states=states)
    for train in trains:
        with _told_by_tables():
            # A generator fits when it is asked, so the filter of warnings has to stand around this.
            chain = next(chains)
        yield clone(model).complete(chain, X.iloc[train], y[train])


def _state(seed: int, position: Sequence[int]) -> int:
    # Chance hangs on the place of a fold alone: not on the number of jobs, nor on who is first.
    return int(np.random.SeedSequence([seed, *position]).generate_state(1)[0])


@contextmanager
def _told_by_tables() -> Iterator[None]:
    """Let no warning say what the tables tell: empty selections and the ends of paths."""
    with warnings.catch_warnings():
        for category in (NothingSelectedWarning, PathEdgeWarning):
            warnings.simplefilter("ignore", category)
        yield


def describe_selection(fitted: SelectedModel, *_: Any) -> dict[str, Any]:
    """Return what the selectors found in a fold, under the names of `FoldOutcome`."""
    chain = fitted.select_
    chosen = chain.get_support()
    _, penalized = penalized_step(chain)
    return {
        "chosen": chosen,
        "coef": numbers_per_class(chain, "coef_", len(fitted.classes_)),
        "place": places_of(np.where(chosen, strength_of(chain), np.nan)),
        "inner_folds": None if penalized is None else penalized.inner_folds_,
        "curve": cv_curve(chain),
    }


def _outcomes(block: Block, optimistic: FoldsOf, nested: FoldsOf, request: SelectionRequest) -> tuple[FoldOutcome, ...]:
    """Return the finished outer folds of a modality, in order."""
    outcomes = []
    for place in sorted((nested if request.nested else optimistic)[block.modality]):
        answer = optimistic[block.modality][place]
        found = FoldOutcome(block.splits[place], _probability(answer, block), warned=answer.warned)
        if request.nested:
            own = nested[block.modality][place]
            found = replace(found, nested=_probability(own, block), **own.finding, warned=own.warned + answer.warned)
        outcomes.append(found)
    return tuple(outcomes)


def _probability(outcome: Finished, block: Block) -> np.ndarray:
    probability = outcome.predictions["probability"].to_numpy()
    return probability if block.several is None else probability.reshape(block.n_classes, -1).T  # class by class
