"""Rows are checked as by scikit-learn, whatever is handed over: the same numbers, names and refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from radiofuse.prepare.validation import class_labels, read_columns, read_rows


class Example(BaseEstimator):
    """Nothing but a place for what is learned of columns."""


TABLE = pd.DataFrame({"t1__a": [1.0, 2.0, 4.0], "t1__b": [0.5, -1.0, 3.0]})
GIVEN = {
    "array": TABLE.to_numpy(),
    "table": TABLE,
    "columns in memory": np.asfortranarray(TABLE.to_numpy()),
    "every other column": np.arange(12.0).reshape(3, 4)[:, ::2],
    "single precision": TABLE.astype(np.float32),
    "whole numbers": TABLE.astype(int),
    "mixed": TABLE.assign(t1__b=[1, 2, 3]),
    "nullable": TABLE.astype("Float64"),
    "text": TABLE.astype(object).assign(t1__b=["a", "b", "c"]),
    "numbers as text": TABLE.astype(str),
    "lists": TABLE.to_numpy().tolist(),
    "NaN": TABLE.replace(2.0, np.nan),
    "infinity": TABLE.replace(2.0, np.inf),
    "infinity in an array": TABLE.replace(2.0, -np.inf).to_numpy(),
    "columns without names": TABLE.set_axis([0, 1], axis=1),
    "mixed names": TABLE.set_axis([0, "t1__b"], axis=1),
    "no rows": TABLE.iloc[:0],
    "one row": TABLE.iloc[:1],
    "no columns": TABLE.iloc[:, :0],
    "one dimension": TABLE["t1__a"],
    "three dimensions": np.zeros((3, 2, 1)),
    "complex": TABLE.to_numpy() + 1j,
    "sparse": sparse.csr_array(TABLE.to_numpy()),
}


def outcome_of(call, *given, **options):
    estimator = Example()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = call(estimator, *given, **options)
        except (ValueError, TypeError) as error:
            answer = f"{type(error).__name__}: {error}"
    return answer, vars(estimator), [str(warning.message) for warning in caught]


def assert_same(one, other):
    answers = [answer if isinstance(answer, tuple) else (answer,) for answer, *_ in (one, other)]
    for left, right in zip(*answers, strict=True):
        np.testing.assert_array_equal(left, right)
    assert one[1].keys() == other[1].keys()
    for name in one[1]:
        np.testing.assert_array_equal(one[1][name], other[1][name])
    assert one[2] == other[2]


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("allow_nan", [False, True])
@pytest.mark.parametrize("min_samples", [1, 2])
def test_columns_are_read_as_by_scikit_learn(name, allow_nan, min_samples):
    checks = {
        "dtype": np.float64,
        "ensure_all_finite": "allow-nan" if allow_nan else True,
        "ensure_min_samples": min_samples,
    }
    options = {"allow_nan": allow_nan, "min_samples": min_samples}
    assert_same(outcome_of(read_columns, GIVEN[name], **options), outcome_of(validate_data, GIVEN[name], **checks))
    if isinstance(GIVEN[name], np.ndarray) and GIVEN[name].dtype == float and GIVEN[name].ndim == 2:
        assert read_columns(Example(), TABLE.to_numpy()).flags == TABLE.to_numpy().flags


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 1]),
        np.array([True, False, True]),
        np.array([0.0, 1.0, 1.0]),
        np.array([0.0, np.nan, 1.0]),
        np.array(["a", "b", "b"]),
        np.array([[0], [1], [1]]),
        np.array([0, 1]),
        [0, 1, 1],
        pd.Series([0, 1, 1]),
        None,
    ],
    ids=str,
)
def test_rows_are_read_as_by_scikit_learn(name, y):
    assert_same(outcome_of(read_rows, GIVEN[name], y), outcome_of(validate_data, GIVEN[name], y, dtype=np.float64))


@pytest.mark.parametrize("fitted_on", ["array", "table"])
@pytest.mark.parametrize(
    "asked",
    [TABLE, TABLE[["t1__b", "t1__a"]], TABLE.to_numpy(), TABLE.to_numpy()[:, :1], TABLE.add_suffix("_")],
    ids=["table", "other order", "array", "fewer", "other names"],
)
def test_later_rows_are_held_to_the_columns_of_the_fit_as_by_scikit_learn(fitted_on, asked):
    def ask(read, **options):
        def call(estimator):
            read(estimator, GIVEN[fitted_on], **options)
            return read(estimator, asked, reset=False, **options)

        return outcome_of(call)

    assert_same(ask(read_columns), ask(validate_data, dtype=np.float64))


def test_names_of_an_earlier_fit_are_forgotten():
    estimator = Example()
    read_columns(estimator, TABLE)
    read_columns(estimator, TABLE.to_numpy())
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("y", [np.array([0.5, 1.5]), np.array([0.2, 1.0, 2.0])])
def test_numbers_that_are_no_classes_are_refused(y):
    with pytest.raises(ValueError, match="Unknown label type"):
        class_labels(y)


def test_many_whole_numbers_are_warned_of():
    assert class_labels(np.array([3, 1, 1])).tolist() == [1, 3]
    with pytest.warns(UserWarning, match="number of unique classes"):
        class_labels(np.arange(30))
