"""Rows of the training table under other names: known again by their numbers, however often and however rounded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.training_rows import row_digests, rows_trained_on


def table(n=30, p=400, seed=0, names="s"):
    values = np.random.default_rng(seed).lognormal(3, 2, (n, p))
    return pd.DataFrame(values, [f"{names}{i}" for i in range(n)]).add_prefix("t1__f")


def told(new, training):
    patients = pd.Series(new.index, new.index)
    trained = pd.Series([f"patient of {name}" for name in training.index], training.index)
    return rows_trained_on(new, patients, trained, row_digests(training))


def renamed(rows):
    return rows.set_axis([f"new{i}" for i in range(len(rows))])


def test_every_copy_of_a_training_row_is_known():
    training = table()
    assert set(told(renamed(training.iloc[[3, 3, 4]]), training)) == {"new0", "new1", "new2"}


@pytest.mark.parametrize("p", [20, 400, 2000])
def test_digits_that_another_processor_moves_hide_no_row(p):
    training = table(p=p)
    noise = np.random.default_rng(1).normal(size=training.shape)
    assert len(told(renamed(training * (1 + 1e-10 * noise)), training)) == 30
    assert "the same numbers as training sample s7" in told(renamed(training), training)["new7"]


@pytest.mark.parametrize("p", [100, 2000])
def test_single_precision_hides_no_row(p):
    training = table(p=p)
    assert len(told(renamed(training.astype(np.float32)), training)) == 30


def test_a_zero_has_no_sign():
    training = table(p=20).assign(t1__f0=0.0)
    assert len(told(renamed(training.assign(t1__f0=-0.0)), training)) == 30


@pytest.mark.parametrize("p", [10, 25, 400, 2000])
def test_other_rows_are_new(p):
    assert not told(table(p=p, seed=1, names="new"), table(p=p))


def test_regions_of_one_shape_are_no_copies():
    training, new = table(), table(seed=1, names="new")
    shape = sorted(training.columns)[:100]  # all that begins with the same word
    new[shape] = training[shape].to_numpy()
    assert not told(new, training)
