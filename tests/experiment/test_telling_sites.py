"""A site that tells the outcome is told; small sites of one class by chance are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.experiment.scores.telling_sites import TELLING_AUC, site_auc, site_warnings
from radiofuse.tables.outcomes import Outcome

IDH = Outcome("idh", ("wildtype", "mutant"))
GRADE = Outcome("grade", ("2", "3", "4"), "multiclass", ordered=True)


def samples(sites, **outcomes):
    patients = [f"P{row}" for row in range(len(sites))]
    return pd.DataFrame({"patient_id": patients, "site": sites, **outcomes})


def test_two_sites_with_a_stray_patient_each_are_the_edge():
    y = np.arange(40) >= 20
    y[0], y[39] = True, False
    assert site_auc(y, np.arange(40), np.repeat(["A", "B"], 20)) == pytest.approx((19 / 20) ** 2)
    assert TELLING_AUC < (19 / 20) ** 2


def test_small_sites_of_one_class_by_chance_tell_nothing():
    """In sample the share of a class in sites of one or two patients has an AUC near 1."""
    rng = np.random.default_rng(0)
    found = [site_auc(rng.random(60) < 0.4, np.arange(60), rng.integers(0, 40, 60)) for _ in range(50)]
    assert max(found) < 0.75
    assert np.mean(found) < 0.52


def test_samples_of_a_patient_count_once():
    once = site_auc(np.array([1, 1, 0, 0, 1]) == 1, np.array([1, 2, 3, 4, 5]), np.array(list("AABBB")))
    place = np.array([0, 0, 0, 1, 2, 3, 3, 4])
    twice = site_auc(np.array([1, 1, 0, 0, 1])[place] == 1, place, np.array(list("AABBB"))[place])
    assert once == twice


def test_the_warning_names_the_class_and_the_way_to_look():
    sites, y = np.repeat(["A", "B", ""], [15, 15, 10]), np.repeat([0.0, 1.0, 0.0], [15, 15, 10])
    (said,) = site_warnings(samples(sites, idh=y, grade=np.arange(40) % 3), [IDH, GRADE])
    assert said.startswith("The site tells idh = mutant: what share") and "an AUC of 1.00" in said
    assert 'split = "leave_one_site_out"' in said
    assert "[harmonize] may take the outcome out with the site" in said


def test_few_patients_or_one_site_are_no_reason_to_warn():
    y = np.repeat([0.0, 1.0], [9, 10])
    assert site_warnings(samples(np.where(y, "A", "B"), idh=y), [IDH]) == []
    assert site_warnings(samples(["A"] * 19, idh=y), [IDH]) == []
    assert site_warnings(samples(["A"] * 19, idh=y).drop(columns="site"), [IDH]) == []
