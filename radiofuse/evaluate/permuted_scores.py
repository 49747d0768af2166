"""Could chance alone have given these scores? Labels permuted between patients, scores held fixed."""

from __future__ import annotations

from numbers import Integral
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.patients.splits import one_label_each
from radiofuse.statistics.inputs import check_scores, patient_places
from radiofuse.statistics.intervals import draw_seed

CELLS = 4_000_000  # labels permuted at once
NEARLY_EQUAL = 1e-12  # scores of two permutations that differ by rounding alone are ties


class PermutationTest(NamedTuple):
    """A score beside those of permuted labels."""

    value: float
    p_value: float
    permuted: np.ndarray  # (n_permutations,), scores of permuted labels

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "label": ["array-like"],
        "score": ["array-like"],
        "patients": ["array-like", None],
        "alternative": [StrOptions({"greater", "two-sided"})],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def permutation_test_auc(
    label: ArrayLike,
    score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    alternative: Literal["greater", "two-sided"] = "greater",
    n_permutations: int = 10_000,
    random_state: int | np.random.RandomState | None = None,
) -> PermutationTest:
    """Test whether the AUC of given scores is above .5, by permuting the labels between patients.

    The scores are held fixed: right for a model that never saw these patients. Of cross-validated scores of the
    same patients it answers a narrower question than `permutation_test`.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1, one per patient.
    score : array-like of shape (n_samples,)
        Higher means label 1.
    patients : array-like of shape (n_samples,), optional
        Patient of each row; without it each row is a patient.
    alternative : {"greater", "two-sided"}, default="greater"
        "two-sided" counts the permutations at least as far from .5.
    n_permutations : int, default=10000
        The smallest possible p-value is 1 / (n_permutations + 1).
    random_state : int, RandomState or None, default=None
        Seed of the permutations.

    Returns
    -------
    PermutationTest

    Raises
    ------
    RequestError
        Labels of one kind, scores that are not finite, unequal lengths, or a patient with two labels.

    See Also
    --------
    permutation_test : Refits the model to every permutation.

    References
    ----------
    Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39 (p-value).

    Examples
    --------
    >>> found = permutation_test_auc([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], n_permutations=999, random_state=0)
    >>> round(found.value, 3), 0.08 < found.p_value < 0.12
    (0.889, True)
    """
    refuse_misaligned(label=label, score=score, patients=patients)
    label, score = check_scores(label, score, fewest=1)
    place = patient_places(patients, len(label))
    order = one_label_each(label, place).astype(np.int8)  # of which many copies are permuted
    rank_sums, sizes = np.bincount(place, rankdata(score)), np.bincount(place)
    value = float(_auc_of_ranks(order[None], rank_sums, sizes)[0])
    random = np.random.default_rng(draw_seed(random_state))
    at_once = max(1, CELLS // len(order))
    by_chance = []
    for start in range(0, n_permutations, at_once):
        copies = np.tile(order, (min(at_once, n_permutations - start), 1))
        by_chance.append(_auc_of_ranks(random.permuted(copies, axis=1), rank_sums, sizes))
    found = np.concatenate(by_chance)
    distance, least = (np.abs(found - 0.5), abs(value - 0.5)) if alternative == "two-sided" else (found, value)
    return test_of(value, found, distance >= least - NEARLY_EQUAL)


def _auc_of_ranks(labels: np.ndarray, rank_sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the AUC of each row of patients' labels; NaN never, since some patient has each label."""
    positive = labels @ sizes
    pairs = positive * (sizes.sum() - positive)
    return (labels @ rank_sums - positive * (positive + 1) / 2) / pairs


def test_of(value: float, by_chance: np.ndarray, as_extreme: np.ndarray) -> PermutationTest:
    """Return a score beside those of permuted labels, and how many of these are as extreme."""
    return PermutationTest(value, float((as_extreme.sum() + 1) / (by_chance.size + 1)), by_chance)
