"""No selector inside the folds finds signal in noise; in front of the folds they do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.select import NothingSelectedWarning
from radiofuse.select.correlation import CorrelationSelector
from radiofuse.select.mrmr import MRMRSelector
from radiofuse.select.recursive_elimination import RFESelector
from radiofuse.select.relief import ReliefSelector
from radiofuse.select.stability_selection import StabilitySelector

RANKING = [
    MRMRSelector(k=5),
    MRMRSelector(k=5, scheme="difference"),
    MRMRSelector(k=5, relevance="mutual_info"),
    StabilitySelector(n_pairs=5, random_state=0),
    StabilitySelector(n_pairs=5, sampling="half", random_state=0),
    RFESelector(k=5),
    ReliefSelector(k=5),
]


@pytest.mark.parametrize("selector", [CorrelationSelector(threshold=0.2), *RANKING], ids=str)
def test_inside_the_folds_noise_stays_noise(selector):
    """Mean AUC over label permutations; the same selectors in front of the folds score far above .5."""
    inside, outside = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(80, 60)), rng.permutation(80) % 2
        folds = StratifiedKFold(4, shuffle=True, random_state=seed)
        model = make_pipeline(StandardScaler(), LogisticRegression())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NothingSelectedWarning)
            honest = cross_val_predict(make_pipeline(selector, model), X, y, cv=folds, method="decision_function")
            chosen = selector.fit_transform(X, y)
        leaked = cross_val_predict(model, chosen, y, cv=folds, method="decision_function")
        inside.append(roc_auc_score(y, honest))
        outside.append(roc_auc_score(y, leaked))
    assert 0.44 < np.mean(inside) < 0.56
    if selector in RANKING:
        assert np.mean(outside) > 0.6
