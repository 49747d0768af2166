"""Labels permuted between patients where the folds stay: only those that every fold can be trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from radiofuse.errors import RequestError
from radiofuse.patients.splits import Split, permuted
from radiofuse.statistics.inputs import patient_places

MOST_DRAWS = 1000


def permuted_in_folds(
    y: ArrayLike, groups: ArrayLike | None, splits: Sequence[Split], *, fewest: int, seed: int
) -> np.ndarray:
    """Return labels permuted between patients that leave enough patients of each class in every fold.

    Labels that do not are drawn again. That keeps the test exact: of labels that have nothing to do with features,
    each permutation that can be evaluated is as likely as the labels themselves.

    Parameters
    ----------
    y, groups
        As in `permuted`.
    splits : sequence of Split
        Of one repeat or several.
    fewest : int
        Patients of each class that each training part must have; the tests of each repeat must have one.
    seed : int

    Raises
    ------
    RequestError
        If a thousand draws find none.

    Examples
    --------
    >>> first, last = np.arange(4), np.arange(2, 6)
    >>> splits = [Split(0, 0, first, np.array([4, 5])), Split(0, 1, last, np.array([0, 1]))]
    >>> labels = permuted_in_folds([0, 1, 0, 1, 0, 1], None, splits, fewest=2, seed=0)
    >>> [int(labels[split.train].sum()) for split in splits]
    [2, 2]
    """
    random, places = check_random_state(seed), patient_places(groups, len(np.asarray(y)))
    classes = np.unique(np.asarray(y))
    for _ in range(MOST_DRAWS):
        labels = permuted(y, groups, random_state=random)
        if all(_enough(labels, places, part, classes, least) for part, least in _parts(splits, fewest)):
            return labels
    raise RequestError(
        f"In {MOST_DRAWS:,} permutations of the labels some fold had fewer than {fewest} patients of a class to train "
        "on, or the tests held none. Leave permutations out, or split into folds that leave more to train on."
    )


def _parts(splits: Sequence[Split], fewest: int) -> list[tuple[np.ndarray, int]]:
    repeats = {split.repeat: [] for split in splits}
    for split in splits:
        repeats[split.repeat].append(split.test)
    tested = [(np.concatenate(tests), 1) for tests in repeats.values()]
    return [*((split.train, fewest) for split in splits), *tested]


def _enough(labels: np.ndarray, places: np.ndarray, part: np.ndarray, classes: np.ndarray, least: int) -> bool:
    own, patients = labels[part], places[part]
    return all(len(np.unique(patients[own == name])) >= least for name in classes)
