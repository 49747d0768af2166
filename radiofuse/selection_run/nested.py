"""The selection on all samples, and again in every outer training fold, each asked what it is worth."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
from joblib import delayed

from radiofuse.patients import Split
from radiofuse.progress import Progress
from radiofuse.select import NothingSelectedWarning, SelectorChain, fit_in_folds
from radiofuse.select.penalized_fit import PathEdgeWarning
from radiofuse.selection_run.blocks import Block, block_of, deal_splits, harmonized
from radiofuse.selection_run.chain import (
    chain_of,
    cv_curve,
    make_chain,
    number_per_feature,
    penalized_step,
    places_of,
    strength_of,
)
from radiofuse.selection_run.model import Model, fit_model
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable
from radiofuse.work.jobs import finish_calls, one_thread
from radiofuse.work.kept import Kept

Final = tuple[SelectorChain, Model, Counter[str]]
CHUNKS_PER_JOB = 4  # so that a slow chunk does not hold up the end


@dataclass(frozen=True, eq=False)
class FoldOutcome:
    """What one outer fold gave; features by position.

    Attributes
    ----------
    split : Split
    chosen : ndarray of bool, shape (n_features,), or None
        What the training rows selected.
    coef, place : ndarray of shape (n_features,) or None
        Coefficient of the standardized column, NaN where no step fitted one; and 1 for the strongest chosen
        feature, 2 for the next.
    inner_folds : ndarray of int or None
        The fold in which each training row was held out to choose the penalty.
    curve : dict of ndarray, or None
        What `cv_curve` returns.
    nested, optimistic : ndarray of shape (n_test,) or None
        Probabilities of the test rows: features selected in the training rows, and in all rows.
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
    chains = [chain_of(chain, block, only=len(blocks) == 1) for block in blocks]
    whole = [harmonized(block, np.arange(len(block.y)), request) for block in blocks]
    told = _counted(on_done, sum(1 + len(block.splits) for block in blocks))
    finals = _fit_finals(chains, whole, request, told)
    with nullcontext() if kept is None else kept.writing():
        found = _fit_folds(chains, blocks, whole, finals, request, told, kept)
    results = []
    for block, final in zip(whole, finals, strict=True):
        names = [name for name in (_fold_name(block, split) for split in block.splits) if name in found]
        results.append(ModalitySelection(block, *final, tuple(found[name] for name in names)))
    return results


def _counted(on_done: Progress, total: int) -> Callable[[int], None]:
    """Return what is told how many more selections are done."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        on_done(done, total)

    return tell


def _fit_finals(
    chains: Sequence[SelectorChain], whole: Sequence[Block], request: SelectionRequest, told: Callable[[int], None]
) -> list[Final]:
    """Return the selection on all samples of each modality."""
    calls = [delayed(_fit_final)(chain, block, request.seed) for chain, block in zip(chains, whole, strict=True)]
    names = [f"the selection of {block.modality} on all samples" for block in whole]
    finals = {}
    for place, final in finish_calls(calls, names, n_jobs=request.jobs):
        finals[place] = final
        told(1)
    return [finals[place] for place in range(len(whole))]


def _fit_folds(
    chains: Sequence[SelectorChain],
    blocks: Sequence[Block],
    whole: Sequence[Block],
    finals: Sequence[Final],
    request: SelectionRequest,
    told: Callable[[int], None],
    kept: Kept | None,
) -> dict[str, FoldOutcome]:
    """Return the finished outer folds by name; after an interrupt, those that are finished."""
    found = {} if kept is None else _kept_folds(blocks, kept)
    if found:
        told(len(found))
    tasks = list(_tasks(blocks, request, found))
    calls = [
        delayed(_fit_chunk)(chains[place], blocks[place], whole[place], chunk, finals[place][0].get_support(), request)
        for place, chunk in tasks
    ]
    names = [_task_name(blocks[place], chunk) for place, chunk in tasks]
    try:
        for number, outcomes in finish_calls(calls, names, n_jobs=request.jobs):
            for outcome in outcomes:
                name = _fold_name(blocks[tasks[number][0]], outcome.split)
                found[name] = outcome
                if kept is not None:
                    kept.add(name, {key: value for key, value in vars(outcome).items() if key != "split"})
            told(len(outcomes))
    except KeyboardInterrupt:
        pass  # what is finished is the answer; `ModalitySelection.complete` says that it is not all
    return found


def _fold_name(block: Block, split: Split) -> str:
    return f"{block.modality} in repeat {split.repeat}, fold {split.fold}"


def _kept_folds(blocks: Sequence[Block], kept: Kept) -> dict[str, FoldOutcome]:
    splits = {_fold_name(block, split): split for block in blocks for split in block.splits}
    return {name: FoldOutcome(splits[name], **values) for name, values in kept.results.items()}


def _tasks(
    blocks: Sequence[Block], request: SelectionRequest, found: Container[str]
) -> Iterator[tuple[int, Sequence[Split]]]:
    """Yield a modality's place and some of its splits that are not found; early repeats of all modalities first."""
    n_splits = request.folds * request.n_repeats
    size = request.folds
    if request.jobs > 1:
        size = max(1, min(size, n_splits * len(blocks) // (CHUNKS_PER_JOB * request.jobs)))
    for start in range(0, n_splits, size):
        for place, block in enumerate(blocks):
            chunk = [one for one in block.splits[start : start + size] if _fold_name(block, one) not in found]
            if chunk:
                yield place, chunk


def _task_name(block: Block, splits: Sequence[Split]) -> str:
    first, last = splits[0], splits[-1]
    end = "" if first is last else f" to repeat {last.repeat}, fold {last.fold}"
    return f"the selection of {block.modality} in repeat {first.repeat}, fold {first.fold}{end}"


def _state(seed: int, position: Sequence[int]) -> int:
    return int(np.random.SeedSequence([seed, *position]).generate_state(1)[0])


def _fit_final(chain: SelectorChain, block: Block, seed: int) -> Final:
    everything = [np.arange(len(block.y))]
    states = [_state(seed, [0])]
    # one thread: a matrix product split among threads may differ in the last bit
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        final = next(fit_in_folds(chain, block.X, block.y, everything, groups=block.groups, states=states))
        model = fit_model(block.inputs_of(final.get_support()), block.y)
    return final, model, _messages(caught)


def _fit_chunk(
    chain: SelectorChain,
    block: Block,
    whole: Block,
    splits: Sequence[Split],
    support: np.ndarray,
    request: SelectionRequest,
) -> list[FoldOutcome]:
    """Return what some splits gave; ``whole`` was harmonized with all rows, and ``support`` selected from them."""
    with one_thread():
        if not request.nested:
            return [FoldOutcome(split, _held_out(whole, split, support)) for split in splits]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcomes = []
            for split, (own, found) in zip(splits, _fit_splits(chain, block, splits, request), strict=True):
                optimistic = _held_out(whole, split, support)
                outcomes.append(_outcome(own, split, found, optimistic, _messages(caught)))
                caught.clear()
        return outcomes


def _fit_splits(
    chain: SelectorChain, block: Block, splits: Sequence[Split], request: SelectionRequest
) -> Iterator[tuple[Block, SelectorChain]]:
    """Yield for each split the block as its training rows harmonize it, and the chain fitted to them."""
    states = [_state(request.seed, [1 + split.repeat, split.fold]) for split in splits]
    together = [splits] if request.site is None else [[split] for split in splits]  # what is the same table for all
    for group in together:
        own = harmonized(block, group[0].train, request)
        trains, own_states = [split.train for split in group], states[: len(group)]
        states = states[len(group) :]
        fitted = fit_in_folds(chain, own.values_for(chain), own.y, trains, groups=own.groups, states=own_states)
        yield from ((own, found) for found in fitted)


def _outcome(
    block: Block, split: Split, found: SelectorChain, optimistic: np.ndarray, warned: Counter[str]
) -> FoldOutcome:
    chosen = found.get_support()
    _, penalized = penalized_step(found)
    return FoldOutcome(
        split=split,
        optimistic=optimistic,
        nested=_held_out(block, split, chosen),
        chosen=chosen,
        coef=number_per_feature(found, "coef_"),
        place=places_of(np.where(chosen, strength_of(found), np.nan)),
        inner_folds=None if penalized is None else penalized.inner_folds_,
        curve=cv_curve(found),
        warned=warned,
    )


def _messages(caught: Iterable[warnings.WarningMessage]) -> Counter[str]:
    """Return what was warned of, but for what the tables tell: empty selections and the ends of paths."""
    told = (NothingSelectedWarning, PathEdgeWarning)
    return Counter(str(one.message) for one in caught if not issubclass(one.category, told))


def _held_out(block: Block, split: Split, support: np.ndarray) -> np.ndarray:
    X = block.inputs_of(support)
    return fit_model(X[split.train], block.y[split.train]).predict_proba(X[split.test])[:, 1]
