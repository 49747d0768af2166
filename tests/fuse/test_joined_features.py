"""JoinedFeatures: one head on the features that the members' steps leave, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.errors import CohortError
from radiofuse.fuse import JoinedFeatures


def table(n=60, seed=0):
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    X = pd.DataFrame({f"{name}__{k}": rng.normal(size=n) + y for name in ("t1", "t2") for k in "ab"})
    return X, y


def fusion(**options):
    chain = make_pipeline(StandardScaler(), LogisticRegression())
    return JoinedFeatures([("t1", chain), ("t2", chain)], LogisticRegression(), **options)


def test_it_is_one_head_on_all_standardized_columns():
    X, y = table()
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(fusion().fit(X, y).predict_proba(X), plain.predict_proba(X), atol=1e-12)


def test_an_absent_modality_is_the_mean_of_those_who_have_it():
    X, y = table()
    X.loc[:9, ["t2__a", "t2__b"]] = np.nan
    model = fusion().fit(X, y)
    at_mean = X.head(10).fillna(X.iloc[10:].mean())
    np.testing.assert_allclose(model.predict_proba(X.head(10)), model.predict_proba(at_mean), atol=1e-12)
    with pytest.raises(CohortError, match="none of the modalities t1, t2"):
        model.predict_proba(X.head(1) * np.nan)


def test_a_head_that_draws_gets_a_seed_and_a_second_fit_equals_the_first():
    from sklearn.ensemble import RandomForestClassifier

    X, y = table()
    model = fusion(random_state=3).set_params(head=RandomForestClassifier(5)).fit(X, y)
    first = model.predict_proba(X)
    np.testing.assert_array_equal(first, model.fit(X, y).predict_proba(X))
    assert model.head.random_state is None
