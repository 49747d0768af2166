"""Could chance alone have given this score? Labels permuted between patients, models refitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse.errors import CohortError, RequestError
from radiofuse.evaluate.folds import cross_validated_predictions, gather_predictions, outcome_of, run_folds
from radiofuse.evaluate.labels_in_folds import permuted_in_folds
from radiofuse.evaluate.permuted_scores import NEARLY_EQUAL, PermutationTest, test_of
from radiofuse.patients.splits import Split, permuted
from radiofuse.progress import Progress
from radiofuse.statistics.metrics import METRICS
from radiofuse.statistics.multiclass_metrics import MULTICLASS_METRICS
from radiofuse.statistics.outcome_kinds import KINDS
from radiofuse.tables.predictions import outcomes_of, rows_of_model
from radiofuse.work.jobs import finish_calls
from radiofuse.work.kept import Kept

MOST_DRAWS = 100  # of one permutation that can be evaluated
LOSSES = {"brier", "log_loss", "ece"}  # the lower the better


@validate_params(
    {
        "X": ["array-like"],
        "y": ["array-like"],
        "groups": ["array-like", None],
        "metric": [StrOptions({*METRICS, *MULTICLASS_METRICS})],
        "answer": [str, None],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "splits": [Sequence, None],
        "fewest": [Interval(Integral, 1, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "on_done": [callable, None],
        "kept": [Kept, None],
    },
    prefer_skip_nested_validation=True,
)
def permutation_test(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    metric: str = "auc",
    answer: str | None = None,
    n_permutations: int = 100,
    cv: int = 5,
    splits: Sequence[Split] | None = None,
    fewest: int = 2,
    n_repeats: int = 1,
    threshold: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    on_done: Progress | None = None,
    kept: Kept | None = None,
) -> PermutationTest:
    """Test whether a whole pipeline predicts better than it would if labels had nothing to do with features.

    For each permutation of the labels between patients, the patients are dealt into folds anew, or left in the folds
    that are given, everything is refitted, and the score is computed as for the true labels. One that the model cannot
    be fitted to in some fold, as where the few patients who have a modality get the same label, is drawn again. A
    selection belongs inside ``model``: one made on all patients beforehand follows the true labels alone, and looks
    significant by it.

    Parameters
    ----------
    model, X, y, groups, cv, n_repeats
        As in `cross_validated_predictions`; ``model`` is one estimator, and each patient has one label.
    metric : str, default="auc"
        A metric of `score_predictions`, of several classes one of all of them: pooled within a repeat, averaged
        over repeats.
    answer : str, optional
        Which model to score where the estimator answers for several.
    n_permutations : int, default=100
        The smallest possible p-value is 1 / (n_permutations + 1).
    splits : sequence of Split, optional
        Folds in place of ``cv`` and ``n_repeats``, such as sites or a fixed list, for the true labels and for permuted
        ones alike: those of a permutation that they cannot be trained on are drawn again.
    fewest : int, default=2
        Of ``splits``: patients of each class that each training part must have.
    threshold : float, default=0.5
        A row is called positive from this probability on.
    random_state : int, RandomState or None, default=None
        Seed of permutations and folds. The model brings its own.
    n_jobs : int, optional
        Processes, as in joblib; changes no number.
    on_done : callable, optional
        Called with (done, total) in numbers of cross-validations.
    kept : Kept, optional
        Where finished permutations are kept for a rerun, as of `run_folds`.

    Returns
    -------
    PermutationTest
        One-sided: the share of permutations that score as well or better (a lower Brier score or log loss), the
        cohort itself counted among them.

    Raises
    ------
    RequestError
        As in `cross_validated_predictions`; a patient with two labels; or several answers and none named.

    See Also
    --------
    permutation_test_auc : Of predictions that are there, without refits.

    References
    ----------
    Ojala and Garriga 2010, J Mach Learn Res 11:1833-1863, test 1. Phipson and Smyth 2010, Stat Appl Genet Mol Biol
    9:39 (p-value).

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(40, class_sep=2, random_state=0)
    >>> permutation_test(LogisticRegression(), X, y, n_permutations=19, random_state=0).p_value
    0.05
    """
    random = check_random_state(random_state)
    seeds = random.randint(np.iinfo(np.int32).max, size=(1 + n_permutations, 2))
    asked: tuple[str, str | None, float] = (metric, answer, threshold)
    dealt = [list(splits) if splits else (cv, n_repeats, int(seed)) for seed in seeds[:, 0]]
    calls = [delayed(_cross_validated_score)(model, X, y, groups, asked, dealt[0])]
    calls += [
        delayed(_score_by_chance)(model, X, y, groups, asked, folds, fewest, int(seed))
        for folds, seed in zip(dealt[1:], seeds[1:, 1], strict=True)
    ]
    names = [f"permutation {number}" for number in range(len(calls))]  # 0: labels as they are
    value, *by_chance = _finished(calls, names, n_jobs, on_done, kept)
    sign = -1 if metric in LOSSES else 1
    return test_of(value, np.array(by_chance), sign * np.array(by_chance) >= sign * value - NEARLY_EQUAL)


def _score_by_chance(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    groups: ArrayLike | None,
    asked: tuple[str, str | None, float],
    dealt: list[Split] | tuple[int, int, int],
    fewest: int,
    seed: int,
) -> float:
    """Return the score of permuted labels; of others, where a fold cannot be trained on these."""
    for redrawn in range(MOST_DRAWS):
        if isinstance(dealt, list):
            label = permuted_in_folds(y, groups, dealt, fewest=fewest, seed=seed + redrawn)
        else:
            label = permuted(y, groups, random_state=seed + redrawn)
        try:
            return _cross_validated_score(model, X, label, groups, asked, dealt)
        except CohortError as error:  # a modality of few patients has those of one class only in some fold
            told = error
    raise RequestError(
        f"In {MOST_DRAWS} permutations of the labels some fold could not be trained on, in the last one because: "
        f"{told.problems[0]} Leave permutations out, or what few patients have."
    )


def _predictions(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    groups: ArrayLike | None,
    dealt: list[Split] | tuple[int, int, int],
) -> pd.DataFrame:
    """Return out-of-fold predictions in the folds that are given, or in folds dealt by number, repeats and seed."""
    if isinstance(dealt, list):
        outcome, codes = outcome_of(y)
        return gather_predictions(run_folds({"model": model}, X, codes, groups=groups, splits=dealt, outcome=outcome))
    cv, n_repeats, seed = dealt
    return cross_validated_predictions(model, X, y, groups=groups, cv=cv, n_repeats=n_repeats, random_state=seed)


def _finished(
    calls: list, names: list[str], n_jobs: int | None, on_done: Progress | None, kept: Kept | None
) -> list[float]:
    found: dict[int, float] = {}
    for position, value in finish_calls(calls, names, n_jobs=n_jobs, kept=kept):
        found[position] = value
        if on_done is not None:
            on_done(len(found), len(calls))
    return [found[position] for position in range(len(calls))]


def _cross_validated_score(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    groups: ArrayLike | None,
    asked: tuple[str, str | None, float],
    dealt: list[Split] | tuple[int, int, int],
) -> float:
    metric, answer, threshold = asked
    table = _predictions(model, X, y, groups, dealt)
    (outcome,) = outcomes_of(table)
    answers = outcome.rows["model"].unique()
    if answer is None and len(answers) > 1:
        raise RequestError(f"The model answers for {', '.join(answers)}; name one of them as ``answer``.")
    rows = rows_of_model(outcome.rows, answer or answers[0])
    of_model = KINDS[outcome.kind].of_rows(rows, outcome.classes, threshold, None)
    if metric not in of_model.metrics:
        raise RequestError(f"{metric!r} is no metric of these labels; choose from {', '.join(of_model.metrics)}.")
    once = np.ones((rows["patient_id"].nunique(), 1))
    return float(of_model.draws(once, [metric])[of_model.whole, metric][0])
