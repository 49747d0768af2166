"""The support vector machine's probabilities: whole patients in its folds, and small classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.errors import CohortError


def scans(rng, n_patients: int, n_scans: int):
    """Labels that the features know nothing of; the scans of a patient are nearly alike."""
    y = np.arange(n_patients) % 2
    X = np.repeat(rng.normal(size=(n_patients, 8)), n_scans, axis=0)
    return X + 0.1 * rng.normal(size=X.shape), np.repeat(y, n_scans), np.repeat(np.arange(n_patients), n_scans)


def test_it_is_platts_sigmoid_on_folds_of_whole_patients():
    X, y, patients = scans(np.random.default_rng(0), 30, 2)
    folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=3).split(X, y, patients))
    expected = CalibratedClassifierCV(SVC(), cv=folds, ensemble=False).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(CalibratedSVC(random_state=3).fit(X, y, groups=patients).predict_proba(X), expected)


def test_repeated_scans_do_not_make_noise_look_certain():
    """The Brier score of noise is .25 at best; with scans of one patient in several folds it is .35 here."""
    whole, torn = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, y, patients = scans(rng, 40, 3)
        X_new, y_new, _ = scans(rng, 200, 1)
        for briers, groups in ((whole, patients), (torn, None)):
            probability = CalibratedSVC(random_state=0).fit(X, y, groups=groups).predict_proba(X_new)[:, 1]
            briers.append(np.mean((probability - y_new) ** 2))
    assert np.mean(whole) < 0.28 < 0.32 < np.mean(torn)


def test_a_small_class_gets_as_many_folds_as_it_has_patients():
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) < 3
    assert CalibratedSVC(random_state=0).fit(X, y).predict_proba(X).shape == (30, 2)
    with pytest.raises(CohortError, match="at least two patients of each class .* has 1"):
        CalibratedSVC().fit(X, y, groups=np.where(y, 99, np.arange(30)))


def test_weights_of_classes_count_in_any_state_of_metadata_routing():
    X, y, patients = scans(np.random.default_rng(0), 30, 2)
    weighted = CalibratedSVC(class_weight={0: 1, 1: 9}, random_state=0)
    expected = weighted.fit(X, y, groups=patients).predict_proba(X)
    assert expected[:, 1].mean() > 0.8
    with config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(weighted.fit(X, y, groups=patients).predict_proba(X), expected)
