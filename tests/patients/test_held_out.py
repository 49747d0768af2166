"""Splits by site, by share and by lists: whole patients, every one where it belongs, the same for any order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofuse.errors import RequestError
from radiofuse.patients import fixed_splits, holdout_splits, site_splits
from radiofuse.patients.held_out import fewest_to_hold_out


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.75, 0.9]), st.integers(1, 3))
def test_a_hold_out_keeps_patients_whole_and_takes_its_share_of_each_class(seed, share, n_repeats):
    rng = np.random.default_rng(seed)
    patient = np.arange(60) % 40
    y = np.isin(patient, rng.permutation(40)[: max(8, fewest_to_hold_out(share))]).astype(int)
    splits = holdout_splits(y, patient, share=share, n_repeats=n_repeats, random_state=seed)
    order = rng.permutation(60)
    again = holdout_splits(y[order], patient[order], share=share, n_repeats=n_repeats, random_state=seed)
    assert len(splits) == n_repeats
    for split, other in zip(splits, again, strict=True):
        trained, tested = set(patient[split.train]), set(patient[split.test])
        assert trained.isdisjoint(tested) and len(trained | tested) == 40
        assert tested == set(patient[order][other.test])
        for label in (0, 1):
            whole = len(set(patient[y == label]))
            held = len(tested & set(patient[y == label]))
            assert abs(held - share * whole) <= 1 and 0 < held < whole


def test_more_repeats_leave_the_earlier_ones_as_they_were():
    y = np.arange(30) % 2
    one, *_ = holdout_splits(y, n_repeats=1, random_state=4)
    three = holdout_splits(y, n_repeats=3, random_state=4)
    np.testing.assert_array_equal(one.test, three[0].test)
    assert not np.array_equal(three[0].test, three[1].test)


def test_a_patient_of_both_classes_counts_in_the_rarer_one():
    y, patient = [0, 0, 0, 0, 1, 0, 1, 0], list("abcdeeff")
    for seed in range(5):
        (split,) = holdout_splits(y, patient, share=0.5, random_state=seed)
        assert len({"e", "f"} & {patient[row] for row in split.test}) == 1


def test_sites_are_folds_and_a_named_site_holds_for_all_rows_of_a_patient():
    splits = site_splits(["B", "", "A", "C", "C", None], ["p1", "p1", "p2", "p3", "p4", "p5"], smallest=2)
    found = {split.name: split.test.tolist() for split in splits}
    assert found == {"C": [3, 4], "small sites: A, B": [0, 1, 2], "unknown": [5]}
    assert [split.fold for split in splits] == [0, 1, 2]
    assert all(sorted([*split.train, *split.test]) == list(range(6)) for split in splits)


def test_rows_without_a_fold_are_only_trained_on():
    one, two = fixed_splits(["b", "a", "", float("nan"), "a"], repeat=3)
    assert (one.name, one.test.tolist(), one.train.tolist(), one.repeat) == ("a", [1, 4], [0, 2, 3], 3)
    assert (two.name, two.test.tolist()) == ("b", [0])


REFUSED = [
    (lambda: site_splits(["A", "A"]), "patients are of A: one fold"),
    (lambda: site_splits(["", ""]), "patients are of no known site: one fold"),
    (lambda: site_splits(["A", "B", "B"], ["p", "p", "q"]), r"1 patients have samples of two sites.* p \(A, B\)"),
    (lambda: site_splits(["A", "B", "C"], smallest=2), "lower smallest_site"),
    (lambda: holdout_splits([0, 0, 0, 1]), "Label 1 has 1 patients, too few to hold out a share of 0.3; it needs 2"),
    (lambda: fixed_splits(["1", "2"], ["p", "p"]), r"1 patients stand in more than one fold, for example p \(1, 2\)"),
    (lambda: fixed_splits(["", "2"], ["p", "p"]), r"for example p \(none, 2\)"),
    (lambda: fixed_splits(["1", "1"]), "only the fold 1, and nobody to train on"),
    (lambda: fixed_splits(["", ""]), "no fold to test on"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_what_cannot_be_split_is_a_sentence(call, sentence):
    with pytest.raises(RequestError, match=sentence):
        call()
