"""Noise: selected inside the folds every selector scores as chance, selected before the folds it does not.

Twenty tables of standard normal noise, ten for the slowest, each of 100 rows of which half are positive. The mean of
the folds' AUCs is .5 in expectation exactly, since the rows held out have nothing to do with those trained on; so is
the mean over tables, which is tested against its own standard error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from radiofuse.names import lookup
from radiofuse.select import SELECTORS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::radiofuse.select.shortfall.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

N_SAMPLES = 100
NEEDS_A_TABLE = "reproducibility"  # the one selector that is told the answer instead of learning it


class Case(NamedTuple):
    """A selector, what it is asked for, and on how large a problem; ``leaks``: it looks at the label."""

    name: str
    options: dict[str, Any] = {}
    n_features: int = 1000
    n_folds: int = 5
    n_tables: int = 20
    leaks: bool = True
    model: Any = LogisticRegression()


CASES = {
    "mann_whitney": Case("mann_whitney"),
    "mann_whitney, corrected": Case("mann_whitney", {"correction": "fdr_bh"}),
    "kruskal": Case("kruskal"),
    "t_test": Case("t_test"),
    "anova": Case("anova"),
    "variance": Case("variance", {"threshold": 1.0}, leaks=False),  # about half of the columns
    # Estimates of a column take 1.5 ms: fewer columns and folds. It finds relations that are not linear, which a
    # linear model does not score.
    "mutual_info": Case("mutual_info", {"k": 30}, n_features=120, n_folds=2, model=GaussianNB()),
    # Noise does not correlate above .9; above .2 it does, and the label says which of two columns stays.
    "correlation": Case("correlation", {"threshold": 0.2}),
    "correlation, blind": Case("correlation", {"threshold": 0.2, "keep": "first"}, leaks=False),
    "lasso": Case("lasso"),
    "lasso, 1se": Case("lasso", {"rule": "1se"}),
    "lasso, binomial": Case("lasso", {"family": "binomial", "cv": 5}, n_tables=10),
    "elastic net": Case("lasso", {"l1_ratio": 0.5, "cv": 5}, n_tables=10),
    "mrmr": Case("mrmr"),
    "mrmr, mutual information": Case("mrmr", {"relevance": "mutual_info", "scheme": "difference"}),
    "stability": Case("stability", {"n_pairs": 10}, n_tables=10),  # 50 take five times as long
    "stability, half": Case("stability", {"n_pairs": 5, "sampling": "half"}, n_features=100, n_tables=10),
    "rfe": Case("rfe", n_tables=10),
    "relief": Case("relief"),
    # The optional library grows a forest per round on twice the columns: few small ones, few columns and folds.
    "boruta": Case(
        "boruta", {"n_rounds": 10, "n_estimators": 20, "max_depth": 3}, n_features=100, n_folds=2, n_tables=10
    ),
    "three_step": Case("three_step"),
    "three_step, binomial": Case("three_step", {"family": "binomial", "cv": 5}, n_tables=10),
}


def test_every_selector_that_learns_is_here():
    assert {case.name for case in CASES.values()} == set(SELECTORS) - {NEEDS_A_TABLE}


@pytest.fixture(autouse=True)
def one_thread():
    """Threads make such small products slower, not faster."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("name", CASES)
def test_chance_inside_the_folds_and_a_leak_before_them(name):
    case = CASES[name]
    if case.name == "boruta":
        pytest.importorskip("boruta")
    inside, before = np.array([nested_and_leaked_auc(case, seed) for seed in range(case.n_tables)]).T
    assert abs(inside.mean() - 0.5) <= 3 * standard_error(inside)
    assert inside.mean() <= 0.55
    if case.leaks:
        assert before.mean() - 3 * standard_error(before) > 0.55
    else:
        assert abs(before.mean() - 0.5) <= 3 * standard_error(before)


def standard_error(aucs: np.ndarray) -> float:
    return aucs.std(ddof=1) / np.sqrt(len(aucs))


def nested_and_leaked_auc(case: Case, seed: int) -> tuple[float, float]:
    """Mean AUC over the folds: the selector in the Pipeline, and fitted to all rows in front of it."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(N_SAMPLES, case.n_features)), rng.permutation(np.arange(N_SAMPLES) % 2)
    selector = lookup(case.name, SELECTORS, "selector")(**case.options)
    if "random_state" in selector.get_params():
        selector.set_params(random_state=seed)
    inside = cross_val_score(make_pipeline(selector, case.model), X, y, **folds(case.n_folds, seed))
    before = cross_val_score(case.model, selector.fit_transform(X, y), y, **folds(5, seed))
    return inside.mean(), before.mean()


def folds(n_folds: int, seed: int) -> dict[str, Any]:
    return {"cv": StratifiedKFold(n_folds, shuffle=True, random_state=seed), "scoring": "roc_auc"}
