"""A fusion's answers had only some of its members been there: the same fitted members, combined anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import clone

from radiofuse.errors import CohortError
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.probabilities import checked


def subset_name(combiner: str, members: Sequence[str]) -> str:
    """Return what the answer of some members is called.

    >>> subset_name("mean", ["t1", "flair"])
    'mean(t1+flair)'
    """
    return f"{combiner}({'+'.join(members)})"


def subset_names(combiner: str, members: Sequence[str]) -> list[str]:
    """Return the names of all combinations of two members or more, but for that of all.

    >>> subset_names("mean", ["t1", "t2", "flair"])
    ['mean(t1+t2)', 'mean(t1+flair)', 'mean(t2+flair)']
    """
    return [subset_name(combiner, [members[place] for place in places]) for places in _places(len(members))]


def _places(n_members: int) -> Iterator[tuple[int, ...]]:
    for size in range(2, n_members):
        yield from combinations(range(n_members), size)


@dataclass(frozen=True)
class Subset:
    """Some members of a fusion, and a combiner for them.

    Attributes
    ----------
    name : str
    places : tuple of int
        Of the members.
    combiner : Combiner
        Fitted, where it learns.
    """

    name: str
    places: tuple[int, ...]
    combiner: Any

    def answer(self, P: np.ndarray, n_classes: int) -> np.ndarray:
        """Return the probabilities by these members; NaN in rows that have none of them."""
        own = P[:, list(self.places)]
        present = present_rows(own)
        result = np.full((len(P), *P.shape[2:]), np.nan)
        if present.any():
            told = self.combiner.combine(own[present])
            result[present] = checked(told, int(present.sum()), n_classes, f"Combiner {self.name!r}")
        return result


def fit_subsets(
    name: str,
    combiner: Any,
    members: Sequence[str],
    P: np.ndarray | None,
    y: np.ndarray,
    groups: np.ndarray | None = None,
) -> list[Subset]:
    """Return a combiner for every combination of members, each fitted to their own probabilities where it learns.

    Parameters
    ----------
    name : str
        What the combiner is called.
    combiner : Combiner
        Cloned for each combination.
    members : sequence of str
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes), or None
        Out-of-fold probabilities; None where the combiner learns nothing.
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.

    Raises
    ------
    CohortError
        If a combination of members answered for no row of some class.
    """
    subsets = []
    for places in _places(len(members)):
        own = subset_name(name, [members[place] for place in places])
        fresh = rule_of_places(combiner, places)
        if P is not None and learns(fresh):
            fresh = _fitted(fresh, P[:, list(places)], y, groups, own)
        subsets.append(Subset(own, places, fresh))
    return subsets


def rule_of_places(combiner: Any, places: Sequence[int]) -> Any:
    """Return an unfitted copy of a combiner for some of its members; the combiner itself stays as it is."""
    fresh = clone(combiner, safe=False)
    return fresh.of_places(places) if hasattr(fresh, "of_places") else fresh


def lacks_class(P: np.ndarray, y: np.ndarray) -> bool:
    """Say whether the members that ``P`` has answered for no row of some class of ``y``."""
    return set(np.unique(y[present_rows(P)])) != set(np.unique(y))


def present_rows(P: np.ndarray) -> np.ndarray:
    """Say which rows have some member, shape (n_samples,)."""
    return ~np.isnan(P).reshape(len(P), -1).all(axis=1)


def _fitted(combiner: Any, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None, name: str) -> Any:
    known = present_rows(P)
    if lacks_class(P, y):
        raise CohortError(
            "The training table",
            [f"{name} has no out-of-fold probability of some class; leave subsets out, or add patients."],
        )
    return fit_combiner(combiner, P[known], y[known], None if groups is None else groups[known])
