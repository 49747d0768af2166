"""scikit-learn's own battery over every selector."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofuse.select import (
    AnovaSelector,
    CorrelationSelector,
    KruskalSelector,
    LassoSelector,
    MannWhitneySelector,
    MutualInfoSelector,
    ReproducibilitySelector,
    SelectorChain,
    ThreeStepSelector,
    TTestSelector,
    VarianceSelector,
)


@pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
@parametrize_with_checks(
    [
        MannWhitneySelector(),
        MannWhitneySelector(correction="fdr_bh", method="auto"),
        KruskalSelector(),
        TTestSelector(),
        AnovaSelector(),
        VarianceSelector(),
        MutualInfoSelector(random_state=0),
        CorrelationSelector(),
        CorrelationSelector(keep="random", random_state=0),
        LassoSelector(random_state=0),
        LassoSelector(family="binomial", l1_ratio=0.5, random_state=0),
        LassoSelector(family="multinomial", random_state=0),
        ThreeStepSelector(random_state=0),
        SelectorChain([("test", MannWhitneySelector()), ("lasso", LassoSelector())], random_state=0),
        ReproducibilitySelector({"x1": 0.1, "x0": 0.9}, absent="keep"),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
