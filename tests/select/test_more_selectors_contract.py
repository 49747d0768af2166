"""scikit-learn's battery over the selectors beside the three steps; and none of them finds signal in noise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofuse.select import NothingSelectedWarning
from radiofuse.select.correlation import CorrelationSelector
from radiofuse.select.mrmr import MRMRSelector
from radiofuse.select.recursive_elimination import RFESelector
from radiofuse.select.relief import ReliefSelector
from radiofuse.select.stability_selection import StabilitySelector

CORRELATION = [
    CorrelationSelector(),
    CorrelationSelector(method="spearman"),
    CorrelationSelector(keep="first", sign="literal"),
    CorrelationSelector(keep="random", random_state=0),
    CorrelationSelector(keep="caret"),
]
RANKING = [
    MRMRSelector(k=5),
    MRMRSelector(k=5, scheme="difference"),
    MRMRSelector(k=5, relevance="mutual_info"),
    StabilitySelector(n_pairs=5, random_state=0),
    StabilitySelector(n_pairs=5, sampling="half", random_state=0),
    RFESelector(k=5),
    ReliefSelector(k=5),
]


@pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
@parametrize_with_checks([*CORRELATION, *RANKING])
def test_scikit_learn_contract_of_more_selectors(estimator, check):
    check(estimator)


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
