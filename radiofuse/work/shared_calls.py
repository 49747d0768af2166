"""Calls that several models make alike: the result of the first is there for the others, within one piece of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pickle import PicklingError
from typing import Any

from joblib import hash as hashed

from radiofuse.work.jobs import Call, results_in_order

Key = str | None

_results: ContextVar[dict[str, Any] | None] = ContextVar("_results", default=None)


@contextmanager
def sharing_calls() -> Iterator[None]:
    """Keep what `shared_results` computes in this process, until the end of the block."""
    token = _results.set({})
    try:
        yield
    finally:
        _results.reset(token)


def shared_results(
    calls: Sequence[Call], names: Sequence[str], keys: Callable[[], Sequence[Key]], *, n_jobs: int | None
) -> list[Any]:
    """Return the results of calls as `results_in_order` does; in a block of `sharing_calls` each key is computed once.

    Results are handed out as they are: nobody may change them.

    Parameters
    ----------
    calls : sequence of tuple
        From ``joblib.delayed``.
    names : sequence of str
        What each call does, for messages.
    keys : callable
        Returns for each call what is the same for calls that give the same, or None; asked where something is shared.
    n_jobs : int or None
        As in joblib.

    Examples
    --------
    >>> from joblib import delayed
    >>> made = []
    >>> with sharing_calls():
    ...     for _ in range(2):
    ...         _ = shared_results([delayed(made.append)(1)], ["one"], lambda: ["1"], n_jobs=1)
    >>> made
    [1]
    """
    results = _results.get()
    if results is None:
        return results_in_order(calls, names, n_jobs=n_jobs)
    told = keys()
    missing = [place for place, key in enumerate(told) if key is None or key not in results]
    found = results_in_order([calls[place] for place in missing], [names[place] for place in missing], n_jobs=n_jobs)
    fresh = dict(zip(missing, found, strict=True))
    results.update({key: fresh[place] for place, key in enumerate(told) if key is not None and place in fresh})
    return [fresh[place] if key is None else results[key] for place, key in enumerate(told)]


def key_of(*parts: Any) -> Key:
    """Return a key that is the same for equal parts; None where one cannot be told, as a function without a name.

    Examples
    --------
    >>> key_of("t1", [0, 1]) == key_of("t1", [0, 1]), key_of("t1", [1, 0]) == key_of("t1", [0, 1]), key_of(lambda: 0)
    (True, False, None)
    """
    try:
        return hashed(parts)
    except (PicklingError, AttributeError, TypeError):
        return None
