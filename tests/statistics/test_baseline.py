"""Table 1 against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from radiofuse.statistics import describe_by_class


def told_of(values, label, classes=("no", "yes")):
    return describe_by_class(pd.Series(values, name="v"), pd.Series(label), classes)


@pytest.fixture(scope="module")
def age():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 90)
    values = rng.normal(50, 10, 90) + 4 * label
    values[:5] = np.nan
    return values, label


def test_numbers_have_the_tests_of_scipy(age):
    values, label = age
    parts = [values[(label == place) & np.isfinite(values)] for place in range(3)]
    three = told_of(values, label, ("a", "b", "c")).iloc[0]
    assert (three["test"], three["p_value"]) == ("Kruskal-Wallis", pytest.approx(stats.kruskal(*parts).pvalue))
    two = told_of(values[label < 2], label[label < 2]).iloc[0]
    assert (two["test"], two["p_value"]) == ("Mann-Whitney", pytest.approx(stats.mannwhitneyu(*parts[:2]).pvalue))
    spread = np.sqrt((parts[0].var(ddof=1) + parts[1].var(ddof=1)) / 2)
    assert two["smd"] == pytest.approx(abs(parts[0].mean() - parts[1].mean()) / spread)
    assert three["smd"] > two["smd"]


def test_numbers_are_summarized_by_class_with_what_is_missing(age):
    values, label = age
    told = told_of(values, label, ("a", "b", "c")).set_index("class")
    assert told["n"].tolist() == [85, *(int(np.isfinite(values[label == place]).sum()) for place in range(3))]
    assert told.loc["", "missing"] == told["missing"][1:].sum() == 5
    own = values[(label == 1) & np.isfinite(values)]
    expected = [own.mean(), own.std(ddof=1), *np.quantile(own, [0.5, 0.25, 0.75])]
    np.testing.assert_allclose(
        told.loc["b", ["mean", "sd", "median", "low_quartile", "high_quartile"]].astype(float), expected
    )


def test_two_levels_are_tested_by_fisher_and_more_by_chi_square():
    rng = np.random.default_rng(1)
    label, sex = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    told = told_of(sex, label)
    counts = pd.crosstab(label, sex).to_numpy()
    assert set(told.loc[told["class"] == "", "test"]) == {"Fisher"}
    assert told["p_value"].max() == pytest.approx(stats.fisher_exact(counts).pvalue)
    p, q = counts[:, 1] / counts.sum(axis=1)
    assert told["smd"].max() == pytest.approx(abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2))
    site = rng.choice(["n", "s", "w"], 60)
    told = told_of(site, label)
    found = stats.chi2_contingency(pd.crosstab(label, site), correction=False)
    assert told["p_value"].max() == pytest.approx(found.pvalue)
    assert told.loc[told["class"] == "yes", "share"].sum() == pytest.approx(1)
    rare = told_of(np.where(np.arange(60) < 2, "x", site), label)
    assert rare["test"].iloc[0] == "chi-square, few expected"


def test_what_cannot_be_tested_says_nothing_and_does_not_warn():
    for values in ([1.0, np.nan, np.nan, 2.0], ["a", None, None, "c"], ["a"] * 4, [np.nan] * 4):
        told = told_of(values, [0, 1, 1, 0])
        assert told["p_value"].isna().all()
        assert told["test"].eq("").all()
