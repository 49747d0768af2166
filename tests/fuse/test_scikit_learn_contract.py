"""scikit-learn's own battery over LateFusion."""

from __future__ import annotations

import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofuse.fuse import COMBINERS, LateFusion

# single missing values are the members' business: a fusion only reads whole blocks of them
MEMBERS = [(name, make_pipeline(SimpleImputer(), LogisticRegression())) for name in ("whole", "odd")]
COLUMNS = {"whole": slice(None), "odd": slice(0, None, 2)}  # one column is enough for both


def fusion(combine):
    return LateFusion(MEMBERS, combine=combine, columns=COLUMNS, cv=2, random_state=0)


@parametrize_with_checks([fusion("mean"), fusion(["regression", *sorted(set(COMBINERS) - {"regression"})])])
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)
