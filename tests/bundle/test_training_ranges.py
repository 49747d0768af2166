"""Numbers far outside the training range: which columns, how far, on which side; and nothing of those that are not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.training_ranges import far_outside, training_ranges

TRAINING = pd.DataFrame({"t1__a": [0.0, 10.0, np.nan], "t1__b": [-1.0, 1.0, 0.0], "t1__same": 5.0, "t1__crop": 1.0})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"t1__a": 10.0, "t1__b": -1.0}, None),
        ({"t1__a": 20.0, "t1__b": -3.0}, None),  # one width beyond, and no more
        ({"t1__a": 20.1, "t1__b": 0.0}, "1 of 2 columns far outside .* furthest t1__a .1.0 times its width above."),
        ({"t1__a": -25.0, "t1__b": 7.0}, "2 of 2 columns far outside .* furthest t1__b .3.0 times its width above."),
        ({"t1__a": -35.0, "t1__b": np.nan}, "1 of 2 columns .* furthest t1__a .3.5 times its width below."),
        ({"t1__a": np.nan, "t1__b": np.nan}, None),
        ({"t1__same": 1e9}, None),  # a column that carried nothing has no range
    ],
)
def test_columns_far_outside_are_counted_and_the_furthest_is_named(row, said):
    new = pd.DataFrame([{"t1__a": np.nan, "t1__b": np.nan, "t1__same": 5.0, **row}], index=["n1"])
    found = far_outside(new, training_ranges(TRAINING))
    assert set(found) == ({"n1"} if said else set())
    if said:
        assert re.match(said, found["n1"])


def test_pointers_to_crops_have_no_range():
    ranges = training_ranges(TRAINING).set_index("column")
    assert list(ranges.index) == ["t1__a", "t1__b", "t1__same"]
    assert ranges.loc["t1__a"].tolist() == [0.0, 10.0, 2]


def test_scales_that_agree_give_no_note():
    rng = np.random.default_rng(0)
    training, new = (pd.DataFrame(rng.normal(size=(n, 300))).add_prefix("t1__f") for n in (100, 50))
    assert not far_outside(new, training_ranges(training))
    assert len(far_outside(1000 + 1000 * new, training_ranges(training))) == 50
