"""Rules that learn, fitted again for what a row has: weights that allow for the modalities that are absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.subsets import lacks_class, present_rows, rule_of_places

_MOST_MEMBERS = 6  # 62 fits; of more, patterns that training has, and each member absent alone
Places = tuple[int, ...]


class ByPattern:
    """A rule that learns, and a copy of it for every pattern of presence, of the members that are there.

    A row that lacks a modality is answered by weights that were learned without it, from the out-of-fold probabilities
    of all training rows that have some of the others; renormalized weights of all would go on as if it were there. A
    row that has all members is answered as by the rule alone. So is, with renormalized weights, a pattern whose members
    training rows of some class lack altogether.

    Parameters
    ----------
    rule : Combiner
        With ``fit``.

    Attributes
    ----------
    rule : Combiner
        Fitted to all members: its weights are those of rows that lack nothing.
    patterns_ : dict of tuple of int to Combiner
        By the places of the members that are there.

    References
    ----------
    Saar-Tsechansky, Provost (2007). Handling missing values when applying classification models. Journal of Machine
    Learning Research 8, 1625-1657: reduced models.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Regression
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 50)
    >>> told = 0.5 + 0.3 * (y - 0.5) + rng.uniform(-0.3, 0.3, 100)
    >>> P = np.column_stack([told, told, rng.uniform(0.2, 0.8, 100)])  # the first two say the same
    >>> rule = ByPattern(Regression()).fit(P, y)
    >>> rule.rule.weights_.round(1), rule.patterns_[0, 2].weights_.round(1)
    (array([ 0.7,  0.7, -0.3]), array([ 1. , -0.3]))
    """

    takes_groups = True
    by_pattern = True

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    @property
    def multi_class(self) -> bool:
        """Whether the rule knows more than two classes."""
        return getattr(self.rule, "multi_class", False)

    def fit(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> ByPattern:
        """Learn from out-of-fold probabilities ``P``, labels 0 to K - 1 and the patient of each row."""
        fit_combiner(self.rule, P, y, groups)
        self.patterns_: dict[Places, Any] = {}
        for places in _patterns(P):
            own = P[:, list(places)]
            if not lacks_class(own, y):
                known, rule = present_rows(own), rule_of_places(self.rule, places)
                shown = own[known], y[known], None if groups is None else groups[known]
                self.patterns_[places] = fit_combiner(rule, *shown) if learns(rule) else rule
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        answer = np.empty((len(P), *P.shape[2:]))
        for rows, places, rule in self.dealt(P):
            answer[rows] = rule.combine(P[rows][:, places])
        return answer

    def dealt(self, P: np.ndarray) -> Iterator[tuple[np.ndarray, list[int], Any]]:
        """Yield row numbers of each pattern of presence, the places of the members that answer, and their rule."""
        absent = np.isnan(P) if P.ndim == 2 else np.isnan(P).any(axis=2)
        patterns, of_row = np.unique(absent, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            places = tuple(np.flatnonzero(~pattern).tolist())
            known = places in self.patterns_
            rule = self.patterns_[places] if known else self.rule
            yield np.flatnonzero(of_row == number), list(places) if known else list(range(P.shape[1])), rule

    def of_places(self, places: Places) -> ByPattern:
        """Return an unfitted combiner for some of the members alone."""
        return ByPattern(rule_of_places(self.rule, places))


def refitted(combiners: Mapping[str, Any]) -> dict[str, Any]:
    """Return the combiners with those that learn fitted again by pattern of presence.

    >>> from radiofuse.fuse.combiners import Mean, Nonnegative
    >>> [type(rule).__name__ for rule in refitted({"mean": Mean(), "nonnegative": Nonnegative()}).values()]
    ['Mean', 'ByPattern']
    """
    return {name: ByPattern(rule) if learns(rule) else rule for name, rule in combiners.items()}


def _patterns(P: np.ndarray) -> list[Places]:
    """Return the patterns of presence that lack something, for which there is to be a rule."""
    n_members = P.shape[1]
    if n_members <= _MOST_MEMBERS:
        sizes = range(1, n_members)
        return [places for size in sizes for places in combinations(range(n_members), size)]
    there = ~np.isnan(P) if P.ndim == 2 else ~np.isnan(P).any(axis=2)
    of_rows = {tuple(np.flatnonzero(row).tolist()) for row in np.unique(there, axis=0)}
    each_absent = set(combinations(range(n_members), n_members - 1))
    return sorted((of_rows | each_absent) - {tuple(range(n_members)), ()})
