"""Rows mixed of two: parents, shares, absent blocks, and what a chain does with them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from radiofuse.classify import modality_classifier
from radiofuse.classify.mixup import mixed_rows
from radiofuse.classify.rows import soft_labels
from radiofuse.classify.tuned_chain import TunedChain
from radiofuse.errors import RequestError


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    return rng.normal(size=(60, 4)) + y[:, None], y


def test_a_mixed_row_lies_between_two_rows_at_the_share_of_their_classes(rows):
    Z, y = rows
    marked = np.column_stack([Z, y == 0, y == 1, y == 2])  # classes as columns are mixed as the labels are
    mixed, share = mixed_rows(marked, y, 0.4, times=3, random_state=0)
    np.testing.assert_allclose(mixed[:, 4:], 3 * share, atol=1e-12)
    np.testing.assert_allclose(share.sum(axis=1), 1 / 3)
    assert mixed.min() >= marked.min() and mixed.max() <= marked.max()


def test_a_small_alpha_returns_a_parent_and_a_large_one_the_middle(rows):
    Z, y = rows
    near, _ = mixed_rows(Z, y, 1e-4, times=1, random_state=0)
    distance = np.abs(near[:, None] - Z[None]).max(axis=2).min(axis=1)
    assert np.mean(distance < 1e-9) > 0.95
    _, share = mixed_rows(Z, y, 1e6, times=1, random_state=0)
    assert set(share.round(2).ravel()) <= {0.0, 0.5, 1.0}


def test_shares_have_the_variance_of_the_beta_distribution():
    Z, y = np.zeros((1000, 1)), np.arange(1000) % 2
    _, share = mixed_rows(Z, y, 0.5, times=20, random_state=0)
    torn = share[(share > 0).all(axis=1)] * 20
    assert torn.mean() == pytest.approx(0.5) and torn[:, 0].var() == pytest.approx(1 / 8, abs=0.005)


def test_an_absent_block_stays_absent_and_is_mixed_with_none_that_has_it(rows):
    Z, y = rows[0].copy(), rows[1]
    Z[:20, 2:], Z[20, :2] = np.nan, np.nan
    mixed, share = mixed_rows(Z, y, 1.0, times=2, random_state=0)
    absent = np.isnan(mixed).reshape(2, 60, 4)
    np.testing.assert_array_equal(absent, np.stack([np.isnan(Z)] * 2))
    np.testing.assert_allclose(mixed[20, 2:], Z[20, 2:])  # alone with its pattern
    assert share[20].max() == 0.5


def test_a_chain_teaches_its_classifier_mixed_rows_and_scales_by_the_rows_as_they_are(rows):
    Z, y = rows
    steps = [("scale", StandardScaler()), ("classify", LogisticRegression())]
    chain = TunedChain(steps, mixup=0.3, random_state=0).fit(Z, y)
    scaled = StandardScaler().fit_transform(Z)
    mixed, share = mixed_rows(scaled, y, 0.3, random_state=0)
    which, codes, weight = soft_labels(share)
    expected = LogisticRegression().fit(mixed[which], codes, sample_weight=weight)
    np.testing.assert_array_equal(chain["classify"].coef_, expected.coef_)
    assert weight.sum() == pytest.approx(60) and chain["scale"].n_samples_seen_ == 60


def test_without_mixing_weights_are_those_of_the_plain_fit(rows):
    Z, y = rows
    nearly = TunedChain([("classify", LogisticRegression(tol=1e-8))], mixup=1e-6, random_state=0).fit(Z, y)
    plain = LogisticRegression(tol=1e-8).fit(Z, y)
    np.testing.assert_allclose(nearly["classify"].coef_, plain.coef_, atol=0.2)


def test_what_cannot_be_mixed_is_refused(rows):
    with pytest.raises(RequestError, match="the fit of KNeighborsClassifier takes no sample_weight"):
        TunedChain([("classify", KNeighborsClassifier())], mixup=0.2).fit(*rows)
    with pytest.raises(RequestError, match="leave one of them out"):
        TunedChain([("classify", GaussianNB())], mixup=0.2, oversample="smote").fit(*rows)
    with pytest.raises(RequestError, match="RandomForestClassifier counts rows where it should weigh them"):
        modality_classifier("random_forest", select=None, tuning={"mixup": 0.2}, random_state=0).fit(*rows)
    with pytest.raises(RequestError, match="mixup gives rows of several classes"):
        modality_classifier("brnn", tuning={"mixup": 0.2})
