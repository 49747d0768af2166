"""What several models of a fold compute alike is computed once, and no number differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from joblib import delayed
from sklearn.linear_model import LogisticRegression

from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.fuse import LateFusion
from radiofuse.patients import patient_splits
from radiofuse.work.shared_calls import shared_results, sharing_calls

FITS = []


class Counted(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        FITS.append(list(X.columns))
        return super().fit(X, y, sample_weight)


def table(n=40):
    rng = np.random.default_rng(0)
    names = [f"{modality}__f{place}" for modality in ("t1", "t2", "t3") for place in range(3)]
    X = pd.DataFrame(rng.normal(size=(n, 9)), [f"s{row:02}" for row in range(n)], names)
    X.loc["s03", names[:3]] = np.nan
    return X, np.arange(n) % 2


def fusion(*modalities, C=1.0):
    return LateFusion([(name, Counted(C=C)) for name in modalities], combine=["regression"], cv=2, random_state=0)


def predictions(models, n_splits=4, **options):
    X, y = table()
    splits = patient_splits(y, X.index, n_splits=n_splits, n_repeats=1, random_state=0)
    return gather_predictions(run_folds(models, X, y, splits=splits, **options))


class Prefixed(LateFusion):
    def predict_proba_each(self, X):
        return super().predict_proba_each(X).add_prefix("other_")


def other(*modalities, **options):
    return Prefixed(**fusion(*modalities, **options).get_params(deep=False))


def test_members_of_several_models_are_fitted_once_and_answer_as_alone():
    FITS.clear()
    together = predictions({"one": fusion("t1", "t2"), "two": other("t2", "t3")})
    n_shared = len(FITS)
    FITS.clear()
    apart = [predictions({"one": fusion("t1", "t2")}), predictions({"two": other("t2", "t3")})]
    assert len(FITS) == 4 * 2 * 2 * (1 + 2)  # splits, models, members; a fit on all rows and one in each inner fold
    assert n_shared == len(FITS) * 3 // 4
    pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True), check_exact=True)


def test_members_of_other_options_or_rows_share_nothing():
    FITS.clear()
    predictions({"one": fusion("t2"), "two": other("t2", C=0.5)})
    assert len(FITS) == 4 * 2 * (1 + 2)


@pytest.mark.parametrize("n_splits", [2, 4])
def test_processes_change_no_bit(n_splits):
    models = {"one": fusion("t1", "t2"), "two": other("t2", "t3")}
    one, two = (predictions(models, n_splits, n_jobs=n_jobs) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_outside_of_a_block_and_without_a_key_everything_is_computed():
    made = []
    calls = [delayed(made.append)(1)]
    shared_results(calls, ["a"], lambda: pytest.fail("nobody asks for keys"), n_jobs=1)
    with sharing_calls():
        for key in (None, None, "x", "x"):
            shared_results(calls, ["a"], lambda key=key: [key], n_jobs=1)
    assert len(made) == 1 + 3
