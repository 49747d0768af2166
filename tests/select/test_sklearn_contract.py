"""scikit-learn's own battery over every selector."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofuse.select import (
    CorrelationSelector,
    LassoSelector,
    MannWhitneySelector,
    ReproducibilitySelector,
    ThreeStepSelector,
)


@pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
@parametrize_with_checks(
    [
        MannWhitneySelector(),
        MannWhitneySelector(adjust="bh", method="auto"),
        CorrelationSelector(),
        CorrelationSelector(order="random", random_state=0),
        LassoSelector(random_state=0),
        ThreeStepSelector(random_state=0),
        ReproducibilitySelector({"x1": 0.1, "x0": 0.9}, absent="keep"),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
