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


@pytest.mark.parametrize("p", [4, 6, 9])
def test_a_copy_with_few_measured_numbers_is_known(p):
    training = table(p=p)
    assert "the same numbers as training sample s7" in told(renamed(training), training)["new7"]
    assert not told(table(p=p, seed=1, names="new"), training)


def test_few_numbers_of_several_modalities_tell_a_row_together():
    training = table(p=2).join(table(p=3, seed=2).rename(columns=lambda name: name.replace("t1", "t2")))
    assert set(told(renamed(training), training)) == {f"new{row}" for row in range(30)}
    assert not told(renamed(training).assign(t2__f0=1.0), training)


def test_fewer_than_four_numbers_tell_nobody():
    training = table(p=3)
    assert not told(renamed(training), training)


def test_grades_that_strangers_share_tell_nobody():
    """Four columns of five grades each: one stranger in six hundred has all of a row's, of thirty one in twenty."""
    values = np.random.default_rng(0).integers(1, 6, (30, 4)) + [0, 10, 20, 30]
    training = pd.DataFrame(values.astype(float), [f"s{row}" for row in range(30)]).add_prefix("t1__f")
    assert not told(renamed(training), training)
    measured = training.assign(t1__f4=table(p=1).to_numpy(), t1__f5=table(p=1, seed=3).to_numpy())
    assert len(told(renamed(measured), measured)) > 20


def test_a_column_that_is_absent_in_a_row_tells_nothing():
    training = table(p=6)
    training.iloc[:, 3:] = np.nan
    assert not told(renamed(training), training)
