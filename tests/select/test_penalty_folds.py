"""The folds in which a penalty is chosen are those that scikit-learn deals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from radiofuse.select.penalty_folds import stratified_folds


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_rows_are_dealt_as_by_scikit_learn(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.repeat(np.arange(n_classes), 7), rng.integers(0, n_classes, 40)])[
        rng.permutation(7 * n_classes + 40)
    ]
    patients = rng.permutation([f"p{row:03d}" for row in range(len(y))])
    order = np.argsort(patients)
    for groups, rows in ((None, np.arange(len(y))), (patients, order)):
        folds = stratified_folds(y, groups, 7, seed)
        splitter = StratifiedKFold(7, shuffle=True, random_state=seed)
        for fold, (_, held_out) in enumerate(splitter.split(y, y[rows])):
            assert np.array_equal(np.flatnonzero(folds == fold), np.sort(rows[held_out]))
