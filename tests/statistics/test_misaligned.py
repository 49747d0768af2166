"""Series in another order than the labels: every function on labels refuses them, and matches by position else."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from radiofuse import evaluate, patients, statistics
from radiofuse.errors import RequestError

N_ROWS = 60
LABEL = pd.Series(np.arange(N_ROWS) // 2 % 2, index=[f"s{row}" for row in range(N_ROWS)])
RNG = np.random.default_rng(0)
VALUES = {
    "probability": pd.Series(RNG.uniform(0.05, 0.95, N_ROWS), index=LABEL.index),
    "call": pd.Series(RNG.integers(0, 2, N_ROWS), index=LABEL.index),
    "patients": pd.Series(np.arange(N_ROWS) // 2, index=LABEL.index),
}
KIND_OF = {"score": "probability", "first": "probability", "second": "probability", "old": "probability"}
KIND_OF |= {"new": "probability", "call_a": "call", "call_b": "call", "groups": "patients"}
FURTHER = {
    "bootstrap_interval": {"metric": "auc", "n_resamples": 20},
    "choose_threshold": {"rule": "youden"},
    "decision_curve": {"thresholds": [0.5], "n_resamples": 20},
    "net_reclassification": {"cutoffs": [0.5]},
    "operating_point": {"n_resamples": 20},
    "permutation_test_auc": {"n_permutations": 19},
}
FUNCTIONS = {
    name: getattr(room, name)
    for room in (evaluate, patients, statistics)
    for name in room.__all__
    if inspect.isfunction(getattr(room, name))
}
DOORS = [
    (name, argument)
    for name in sorted(FUNCTIONS)
    for parameters in [inspect.signature(FUNCTIONS[name]).parameters]
    if {"label", "y"} & set(parameters) and not {"X", "probabilities"} & set(parameters)
    for argument in parameters
    if KIND_OF.get(argument, argument) in VALUES
]


def given(name: str) -> dict:
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    series = {argument: VALUES.get(KIND_OF.get(argument, argument)) for argument in parameters}
    label = {argument: LABEL for argument in ("label", "y") if argument in parameters}
    return {**{key: value for key, value in series.items() if value is not None}, **label, **FURTHER.get(name, {})}


@pytest.mark.parametrize(("name", "argument"), DOORS)
def test_another_index_is_refused_by_name(name, argument):
    function, arguments = FUNCTIONS[name], given(name)
    function(**arguments)  # aligned, it answers
    arguments[argument] = arguments[argument].sample(frac=1, random_state=0)
    with pytest.raises(RequestError, match=r"The index of \w+ must be that of \w+, .* example row 0"):
        function(**arguments)
    if VALUES["patients"] is not VALUES[KIND_OF.get(argument, argument)]:
        function(**{**arguments, argument: arguments[argument].to_numpy()})  # by position, as asked for


def test_the_doors_are_all_there_are():
    names = {name for name, _ in DOORS}
    assert {"auc", "auc_interval", "brier", "calibration_summary", "delong_test", "mcnemar_test"} < names
    assert len(names) >= 17


@pytest.mark.parametrize("name", ["score_multiclass", "multiclass_calibration_error"])
def test_tables_of_probabilities_too(name):
    p = VALUES["probability"]
    table = pd.DataFrame({"a": p, "b": 1 - p})
    label = LABEL.map({0: "a", 1: "b"})
    FUNCTIONS[name](label, table)
    with pytest.raises(RequestError, match="The index of probabilities must be that of label"):
        FUNCTIONS[name](label, table[::-1])


def test_patients_are_held_against_labels_where_the_features_have_no_index():
    from sklearn.linear_model import LogisticRegression

    X = RNG.normal(size=(N_ROWS, 2))
    with pytest.raises(RequestError, match="The index of groups must be that of y"):
        evaluate.cross_validated_predictions(LogisticRegression(), X, LABEL, groups=VALUES["patients"][::-1])
