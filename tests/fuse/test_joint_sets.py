"""Models of several outcomes: answers from some modalities alone, and the rows without a label that they are shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from radiofuse.fuse.each_outcome import EachOutcome
from radiofuse.fuse.joint import JointModel
from radiofuse.fuse.subsets import members_among


class Means(BaseEstimator):
    """Answers with the mean of what a row has, and notes how many rows it was fitted on."""

    multi_outcome = True

    def __init__(self, semi_supervised: bool = False) -> None:
        self.semi_supervised = semi_supervised

    def fit(self, X, y):
        self.n_fitted_, self.n_outcomes_ = len(X), y.shape[1]
        return self

    def predict_proba(self, X):
        mean = X.mean(axis=1).to_numpy()
        return [np.column_stack([1 - mean, mean])] * self.n_outcomes_


X = pd.DataFrame({"t1__a": [0.1, 0.2, np.nan], "t1__b": [0.3, 0.2, np.nan], "t2__a": [0.5, np.nan, 0.7]})
Y = pd.DataFrame({"idh": [0, 1, np.nan], "grade": [1, 0, 1]})


def test_every_set_of_modalities_answers_under_its_name_and_a_row_without_them_has_no_answer():
    told = JointModel(Means(), "net", subsets=True).fit(X, Y).predict_proba_each(X)["idh"].droplevel(1, axis=1)
    assert told.columns.to_list() == ["net", "net(t1)", "net(t2)"]
    assert told["net"].to_list() == pytest.approx([0.3, 0.2, 0.7])
    assert told["net(t1)"].to_list() == pytest.approx([0.2, 0.2, np.nan], nan_ok=True)
    assert told["net(t2)"].to_list() == pytest.approx([0.5, np.nan, 0.7], nan_ok=True)
    plain = JointModel(Means(), "net").fit(X, Y).predict_proba_each(X)["idh"].droplevel(1, axis=1)
    pd.testing.assert_frame_equal(plain, told[["net"]])


def test_four_modalities_have_fourteen_sets_beside_all_of_them():
    sets = members_among([f"{name}__{feature}" for name in ("t1", "t1ce", "t2", "flair") for feature in "ab"])
    assert len(sets) == len(set(sets)) == 14
    assert sets[0] == ("t1", "t1ce", "t2") and sets[-1] == ("flair",)


@pytest.mark.parametrize(("semi_supervised", "n_of_idh"), [(False, 2), (True, 3)])
def test_a_model_by_outcome_is_shown_rows_of_unknown_outcome_where_it_learns_from_them(semi_supervised, n_of_idh):
    each = EachOutcome(Means(semi_supervised)).fit(X, Y)
    assert {name: model.n_fitted_ for name, model in each.models_.items()} == {"idh": n_of_idh, "grade": 3}
    whole = JointModel(Means(semi_supervised), "net").fit(X, Y.assign(grade=[1, 0, np.nan]))
    assert whole.model_.n_fitted_ == n_of_idh
