"""Who is held out of a multi-task training: patients whose labels judge it, and never the last of a class."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from radiofuse.deep.tasks.held_patients import held_of, warn_of_unjudged  # noqa: E402
from radiofuse.errors import CohortError  # noqa: E402

NAN = np.nan


def known_of(n: int, **columns) -> tuple[pd.DataFrame, np.ndarray]:
    return pd.DataFrame(columns, dtype=float), np.array([f"p{row:02d}" for row in range(n)])


def test_patients_without_any_label_are_never_held_out_and_classes_are_dealt_evenly():
    idh = [0.0] * 10 + [1.0] * 10 + [NAN] * 30
    known, patients = known_of(50, idh=idh)
    for seed in range(5):
        held = held_of(known, ["idh"], patients, 0.2, seed)
        assert known.loc[held, "idh"].value_counts().to_dict() == {0.0: 2, 1.0: 2}
    assert not held_of(known, ["idh"], patients, 0.0, 0).any()


def test_what_is_known_of_several_outcomes_is_dealt_evenly_too():
    grade = [NAN, NAN, NAN, NAN, NAN, 0.0, 1.0, 0.0, 1.0, 0.0] * 2
    known, patients = known_of(20, idh=[0.0] * 10 + [1.0] * 10, grade=grade)
    for seed in range(5):
        held = held_of(known, ["idh", "grade"], patients, 0.4, seed)
        assert known.loc[held].notna().sum().to_dict() == {"idh": 8, "grade": 4}


def test_the_last_of_a_class_and_the_only_mask_stay_to_learn_from_and_patients_stay_whole():
    known, patients = known_of(
        12, idh=[0.0, 1.0] * 6, codel=[0.0, 1.0] + [NAN] * 10, regions=[NAN, NAN, 0.0] + [NAN] * 9
    )
    patients[4:8] = "p04"
    for seed in range(20):
        held = held_of(known, ["idh", "codel"], patients, 0.6, seed)
        left = known[~held]
        assert set(left["idh"]) == {0, 1} and {0, 1} <= set(left["codel"]) and left["regions"].notna().any()
        assert held.any() and len(set(held[4:8])) == 1


def test_where_nobody_can_be_held_out_that_is_said():
    for idh in ([0.0, 1.0, NAN, NAN], [0.0, NAN, NAN, NAN]):
        known, patients = known_of(4, idh=idh)
        with pytest.raises(CohortError, match=r"of [12] with a known outcome none can be held out\. Add patients"):
            held_of(known, ["idh"], patients, 0.5, 0)


def test_tasks_that_nobody_held_out_can_judge_are_named():
    known, _ = known_of(4, idh=[0, 1, 0, 1], codel=[0, 1, NAN, NAN], regions=[0, NAN, NAN, NAN])
    with pytest.warns(UserWarning, match="has a known label of codel, regions: the epoch that is kept"):
        warn_of_unjudged(known, np.array([False, False, True, True]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unjudged(known, np.zeros(4, dtype=bool))
