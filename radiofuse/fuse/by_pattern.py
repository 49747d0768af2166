"""Rules that learn, with another one for what a row has: fitted again without the modalities that are absent, or taught
by the rule that sees all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

import numpy as np

from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.combiners import Regression
from radiofuse.fuse.cross_fitted import cross_fitted, folds_of_combiner
from radiofuse.fuse.subsets import lacks_class, present_rows, rule_of_places

_MOST_MEMBERS = 6  # 62 fits; of more, patterns that training has, and each member absent alone
Places = tuple[int, ...]
Missing = Literal["renormalize", "refit", "distill"]


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
    every : bool, default=False
        Whether there is a copy for every pattern also of more than six members. Else there is one of theirs for each
        pattern that training rows have, and for each member absent alone.

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

    def __init__(self, rule: Any, *, every: bool = False) -> None:
        self.rule = rule
        self.every = every

    @property
    def multi_class(self) -> bool:
        """Whether the rule knows more than two classes."""
        return getattr(self.rule, "multi_class", False)

    def fit(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> ByPattern:
        """Learn from out-of-fold probabilities ``P``, labels 0 to K - 1 and the patient of each row."""
        fit_combiner(self.rule, P, y, groups)
        self.patterns_ = self._fit_patterns(P, y, groups)
        return self

    def _fit_patterns(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> dict[Places, Any]:
        patterns: dict[Places, Any] = {}
        for places in _patterns(P, every=self.every):
            own = P[:, list(places)]
            if not lacks_class(own, y):
                known, rule = present_rows(own), rule_of_places(self.rule, places)
                shown = own[known], y[known], None if groups is None else groups[known]
                patterns[places] = fit_combiner(rule, *shown) if learns(rule) else rule
        return patterns

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        answer = np.array(self.rule.combine(P))  # of all rows at once: those that lack nothing keep it to the last bit
        for rows, places, rule in self.dealt(P):
            if rule is not self.rule:
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
        return type(self)(rule_of_places(self.rule, places), every=self.every)


class Distilled(ByPattern):
    """A rule that learns, and a student of it for every pattern of presence.

    A student is a logistic regression on the log-odds of the members that are there, with the ridge of `Regression`. It
    learns from the rows that have all members, and not their labels but what the rule says of them, each told by a copy
    of the rule that learned from other patients. A row that has all members is answered as by the rule alone. Where
    fewer than two patients of some class have all members there is no student, and weights are renormalized.

    Parameters
    ----------
    rule : Combiner
        With ``fit``: the teacher.
    every : bool, default=False
        As of `ByPattern`.

    Attributes
    ----------
    rule : Combiner
        Fitted to all members.
    patterns_ : dict of tuple of int to Regression
        The students, by the places of the members that are there.

    References
    ----------
    Hinton, Vinyals, Dean (2015). Distilling the knowledge in a neural network. arXiv:1503.02531: soft targets.
    Lopez-Paz, Bottou, Schoelkopf, Vapnik (2016). Unifying distillation and privileged information. ICLR: a teacher that
    sees more than its student.

    Examples
    --------
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 50)
    >>> P = 0.5 + 0.3 * (y[:, None] - 0.5) + rng.uniform(-0.3, 0.3, (100, 3))
    >>> rule = Distilled(Regression()).fit(P, y)
    >>> rule.combine(np.array([[0.7, 0.6, 0.8], [0.7, 0.6, np.nan]])).round(2)
    array([0.84, 0.64])
    """

    def _fit_patterns(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> dict[Places, Any]:
        whole = ~np.isnan(P).reshape(len(P), -1).any(axis=1)
        if not _teaches(whole, y, groups):
            return {}
        told = cross_fitted(self.rule, P, y, groups, folds_of_combiner(y, groups))[whole]
        return {places: _student(P[whole][:, list(places)], told) for places in _patterns(P, every=self.every)}


def _teaches(rows: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> bool:
    """Say whether some rows hold two patients of every class at least."""
    own = None if groups is None else groups[rows]
    return set(y[rows]) == set(y) and len(folds_of_combiner(y[rows], own)) > 0


def _student(P: np.ndarray, told: np.ndarray) -> Regression:
    """Return a regression of least cross-entropy with probabilities: each row once for every class, so weighted."""
    each = told if told.ndim == 2 else np.column_stack([1 - told, told])
    n_rows, n_classes = each.shape
    labels = np.repeat(np.arange(n_classes), n_rows)
    return Regression().fit(np.concatenate([P] * n_classes), labels, weights=each.T.ravel())


_WAYS: dict[str, type[ByPattern]] = {"refit": ByPattern, "distill": Distilled}


def by_pattern(combiners: Mapping[str, Any], missing: Missing, *, every: bool = False) -> dict[str, Any]:
    """Return the combiners with those that learn answering by pattern of presence, unless weights are renormalized.

    With ``every`` the first one is asked for every pattern.

    >>> from radiofuse.fuse.combiners import Mean, Nonnegative
    >>> [type(rule).__name__ for rule in by_pattern({"mean": Mean(), "nonnegative": Nonnegative()}, "refit").values()]
    ['Mean', 'ByPattern']
    """
    way, first = _WAYS.get(missing), next(iter(combiners), "")
    return {
        name: way(rule, every=every and name == first) if way is not None and learns(rule) else rule
        for name, rule in combiners.items()
    }


def _patterns(P: np.ndarray, *, every: bool) -> list[Places]:
    """Return the patterns of presence that lack something, for which there is to be a rule."""
    n_members = P.shape[1]
    if every or n_members <= _MOST_MEMBERS:
        sizes = range(1, n_members)
        return [places for size in sizes for places in combinations(range(n_members), size)]
    there = ~np.isnan(P) if P.ndim == 2 else ~np.isnan(P).any(axis=2)
    of_rows = {tuple(np.flatnonzero(row).tolist()) for row in np.unique(there, axis=0)}
    each_absent = set(combinations(range(n_members), n_members - 1))
    return sorted((of_rows | each_absent) - {tuple(range(n_members)), ()})
