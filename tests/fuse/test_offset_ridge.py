"""Ridge around a given answer, against scikit-learn and against what must not move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit, softmax
from sklearn.linear_model import LogisticRegression

from radiofuse.fuse.offset_ridge import PENALTIES, choose_penalty, fit_offset_ridge


def of_two(offset, inputs):
    """Two classes of log-odds: offset (n,), inputs (n, m)."""
    return np.column_stack([0 * offset, offset]), np.stack([0 * inputs, inputs], axis=2)


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(200, 3))
    y = (rng.uniform(size=200) < 1 / (1 + np.exp(-inputs @ [1.0, -0.5, 0.0]))).astype(int)
    return inputs, y


@pytest.mark.parametrize("penalty", [0.5, 10.0, 100.0])
def test_without_an_offset_it_is_the_ridge_of_scikit_learn(data, penalty):
    inputs, y = data
    expected = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-10).fit(inputs, y).coef_[0]
    assert fit_offset_ridge(*of_two(np.zeros(200), inputs), y, penalty) == pytest.approx(expected, abs=1e-5)


def test_without_a_penalty_a_constant_brings_the_given_answer_to_the_share_of_the_class(data):
    y = data[1]
    weights = fit_offset_ridge(*of_two(np.full(200, 1.7), np.ones((200, 1))), y, 0.0)
    assert weights[0] == pytest.approx(logit(y.mean()) - 1.7, abs=1e-6)


def test_several_classes_have_no_downhill_left():
    rng = np.random.default_rng(3)
    offset, inputs, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2, 3)), rng.integers(0, 3, 60)
    weights = fit_offset_ridge(offset, inputs, y, 2.0)
    wrong = softmax(offset + np.einsum("nmk,m->nk", inputs, weights), axis=1) - np.eye(3)[y]
    assert np.einsum("nmk,nk->m", inputs, wrong) + 2.0 * weights == pytest.approx(0, abs=1e-4)


def test_what_knows_nothing_is_mostly_left_out_and_what_knows_is_not():
    chosen = {False: [], True: []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = np.tile([0, 1], 40)
        folds = [(np.flatnonzero(np.arange(80) // 16 != k), np.flatnonzero(np.arange(80) // 16 == k)) for k in range(5)]
        for knows in chosen:
            inputs = rng.normal(size=(80, 1)) + (knows * (2 * y - 1))[:, None]
            chosen[knows].append(choose_penalty(*of_two(np.zeros(80), inputs), y, folds))
    assert sum(penalty >= PENALTIES[1] for penalty in chosen[False]) >= 12
    assert max(chosen[True]) < PENALTIES[1]
