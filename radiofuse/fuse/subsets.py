"""A fusion's answers had only some of its members been there: what it says of patients who lack the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import clone

from radiofuse.fuse.probabilities import checked
from radiofuse.tables import columns


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


def modality_of(name: str) -> str:
    """Return what stands before the name of a column's feature; the whole name where nothing does."""
    return (columns.split(name) or (name, ""))[0]


def members_among(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every set of the modalities of some columns but that of all and that of none, the largest first.

    Examples
    --------
    >>> members_among(["t1__a", "t2__a", "t2__b"])
    [('t1',), ('t2',)]
    """
    modalities = list(dict.fromkeys(map(modality_of, names)))
    return [one for size in range(len(modalities) - 1, 0, -1) for one in combinations(modalities, size)]


@dataclass(frozen=True)
class Subset:
    """Some members of a fusion.

    Attributes
    ----------
    name : str
        Of the answer.
    places : tuple of int
        Of the members.
    """

    name: str
    places: tuple[int, ...]

    def answer(self, combiner: Any, P: np.ndarray, n_classes: int) -> np.ndarray:
        """Return what a fitted combiner answers where all others are absent; NaN in rows that have none of these."""
        shown = np.full(P.shape, np.nan)
        shown[:, list(self.places)] = P[:, list(self.places)]
        present = present_rows(shown)
        result = np.full((len(P), *P.shape[2:]), np.nan)
        if present.any():
            told = combiner.combine(shown[present])
            result[present] = checked(told, int(present.sum()), n_classes, f"Combiner {self.name!r}")
        return result


def list_subsets(combiner: str, members: Sequence[str]) -> list[Subset]:
    """Return every combination of two members or more, but for that of all, named as answers of a combiner.

    >>> [subset.places for subset in list_subsets("mean", ["t1", "t2", "flair"])]
    [(0, 1), (0, 2), (1, 2)]
    """
    names = subset_names(combiner, members)
    return [Subset(name, places) for name, places in zip(names, _places(len(members)), strict=True)]


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
