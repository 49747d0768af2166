"""ComBat: R's values, the plain algorithm, what it may not change, and rows it was not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from radiofuse.errors import CohortError, RequestError
from radiofuse.prepare.harmonize import ComBat


def scans(rng, sizes=(14, 20, 9), n_features: int = 30):
    """Features with a shift and a scale per site; an age that some features follow."""
    site = np.repeat(np.array(["north", "south", "east", "west"])[: len(sizes)], sizes)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    age = rng.normal(60, 10, len(site)) + 4 * codes
    X = rng.normal(size=(len(site), n_features)) + 0.1 * np.outer(age, rng.normal(size=n_features))
    shift, scale = rng.normal(1, 1, (len(sizes), n_features)), rng.gamma(4, 0.3, (len(sizes), n_features))
    order = rng.permutation(len(site))
    return (X * scale[codes] + shift[codes])[order], site[order], age[order]


def plain_combat(X, site, covariates=None, *, parametric=True, eb=True, mean_only=False, reference=None):
    """The steps of sva::ComBat in the order and with the design matrices of its source, feature by feature."""
    n, names = len(X), np.unique(site)
    design = np.stack([site == name for name in names], axis=1).astype(float)
    anchor = None if reference is None else int(np.flatnonzero(names == reference)[0])
    if anchor is not None:
        design[:, anchor] = 1.0
    batch = design.copy()
    if covariates is not None:
        design = np.column_stack([design, covariates])
    beta = np.linalg.lstsq(design, X, rcond=None)[0]
    rows = np.arange(n) if anchor is None else np.flatnonzero(site == reference)
    share = np.array([np.mean(site == name) for name in names])
    grand = share @ beta[: len(names)] if anchor is None else beta[anchor]
    pooled = ((X - design @ beta)[rows] ** 2).mean(axis=0)
    stand = grand + (0 if covariates is None else design[:, len(names) :] @ beta[len(names) :])
    Z = (X - stand) / np.sqrt(pooled)
    gamma_hat = np.linalg.lstsq(batch, Z, rcond=None)[0]
    out = np.empty_like(X)
    for i, name in enumerate(names):
        own = site == name
        if i == anchor:
            out[own] = X[own]
            continue
        data, g_hat = Z[own], gamma_hat[i]
        d_hat = np.ones(X.shape[1]) if mean_only else data.var(axis=0, ddof=1)
        if not eb:
            g, d = g_hat, d_hat
        elif not parametric:
            g, d = leave_one_out_average(data, g_hat, d_hat)
        elif mean_only:
            g, d = (g_hat.var(ddof=1) * g_hat + g_hat.mean()) / (g_hat.var(ddof=1) + 1), d_hat
        else:
            g, d = iterate(data, g_hat, d_hat)
        out[own] = (data - g) / np.sqrt(d) * np.sqrt(pooled) + np.broadcast_to(stand, X.shape)[own]
    return out


def iterate(data, g_hat, d_hat):
    n, t2, bar = len(data), g_hat.var(ddof=1), g_hat.mean()
    m, s2 = d_hat.mean(), d_hat.var(ddof=1)
    a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    g, d, change = g_hat, d_hat, 1.0
    while change > 1e-4:
        g_new = (t2 * n * g_hat + d * bar) / (t2 * n + d)
        d_new = (0.5 * ((data - g_new) ** 2).sum(axis=0) + b) / (n / 2 + a - 1)
        change = max((np.abs(g_new - g) / g).max(), (np.abs(d_new - d) / d).max())
        g, d = g_new, d_new
    return g, d


def leave_one_out_average(data, g_hat, d_hat):
    found = []
    for feature in range(data.shape[1]):
        g, d = np.delete(g_hat, feature), np.delete(d_hat, feature)
        sums = ((data[:, feature][:, None] - g) ** 2).sum(axis=0)
        weight = softmax(-len(data) / 2 * np.log(2 * np.pi * d) - sums / (2 * d))
        found.append(((g * weight).sum(), (d * weight).sum()))
    return np.array(found).T


# ---------------------------------------------------------------- against R and the plain algorithm


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "parametric", "keep"),
    [("param_nomod", True, False), ("param_mod", True, True), ("nonparam", False, False)],
)
def test_it_is_the_combat_of_r(name, parametric, keep, data_dir):
    """sva 3.46.0: 159 patients, 3 sites, 60 features; "mod" keeps the effect of one covariate."""
    table = pd.read_csv(data_dir / "golden" / "combat_input.csv")
    expected = pd.read_csv(data_dir / "golden" / f"combat_{name}.csv").to_numpy()
    features = table.drop(columns=["Target", "batch"])
    covariates = table["Target"] if keep else None
    found = ComBat(parametric=parametric).fit_transform(features, site=table["batch"], covariates=covariates)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("reference", [None, "south"])
@pytest.mark.parametrize(
    "options",
    [{}, {"parametric": False}, {"mean_only": True}, {"mean_only": True, "parametric": False}, {"eb": False}],
    ids=str,
)
def test_it_is_the_plain_algorithm(options, reference, covariate):
    X, site, age = scans(np.random.default_rng(4))
    age = age if covariate else None
    names = {"empirical_bayes" if name == "eb" else name: value for name, value in options.items()}
    found = ComBat(reference=reference, **names).fit_transform(X, site=site, covariates=age)
    expected = plain_combat(X, site, age, reference=reference, **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_features_beyond_one_block_and_sites_beyond_the_range_of_a_likelihood():
    """The likelihood of 700 rows is below the smallest float; sva divides 0 by 0 there."""
    X, site, _ = scans(np.random.default_rng(0), (12, 11), 300)
    model = ComBat(parametric=False)
    np.testing.assert_allclose(model.fit_transform(X, site=site), plain_combat(X, site, parametric=False), atol=1e-10)
    X, site, _ = scans(np.random.default_rng(0), (700, 800), 10)
    np.testing.assert_allclose(model.fit_transform(X, site=site), plain_combat(X, site, parametric=False), atol=1e-9)


# ---------------------------------------------------------------- what must and must not change


def test_without_bayes_sites_have_the_same_mean_and_spread():
    X, site, _ = scans(np.random.default_rng(1))
    found = ComBat(empirical_bayes=False).fit_transform(X, site=site)
    means = np.stack([found[site == name].mean(axis=0) for name in np.unique(site)])
    spreads = np.stack([found[site == name].std(axis=0, ddof=1) for name in np.unique(site)])
    np.testing.assert_allclose(means, np.broadcast_to(X.mean(axis=0), means.shape), atol=1e-12)
    np.testing.assert_allclose(spreads, np.broadcast_to(spreads[0], spreads.shape), rtol=1e-12)


def test_rows_of_the_reference_stay_and_others_come_to_it():
    X, site, _ = scans(np.random.default_rng(2))
    model = ComBat(reference="east", empirical_bayes=False).fit(X, site=site)
    found = model.transform(X, site=site)
    np.testing.assert_array_equal(found[site == "east"], X[site == "east"])
    target = X[site == "east"].mean(axis=0)
    np.testing.assert_allclose(found[site == "north"].mean(axis=0), target, atol=1e-12)


def test_the_effect_of_a_covariate_survives():
    """Sites differ in age; without the covariate what age does is taken for what the site does."""
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], 200)
    age = rng.normal(50, 5, 400) + 20 * (site == "b")
    X = 0.1 * age[:, None] + rng.normal(size=(400, 8)) + 3.0 * (site == "b")[:, None]
    kept = ComBat().fit_transform(X, site=site, covariates=age)
    lost = ComBat().fit_transform(X, site=site)
    assert np.polyfit(age, kept.mean(axis=1), 1)[0] == pytest.approx(0.1, abs=0.015)
    assert np.polyfit(age, lost.mean(axis=1), 1)[0] < 0.06


@given(st.integers(0, 10_000), st.sampled_from([1e-3, 50.0]), st.floats(-100, 100))
def test_units_of_a_feature_and_order_of_rows_do_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    X, site, _ = scans(rng, (6, 8), 5)
    order = rng.permutation(len(X))
    factors = np.array([1, scale, 1, scale, 1])
    found = ComBat().fit_transform(X, site=site)
    moved = ComBat().fit_transform((X * factors + shift)[order], site=site[order])
    np.testing.assert_allclose((moved - shift) / factors, found[order], atol=1e-8)


def test_new_rows_get_what_training_rows_taught():
    rng = np.random.default_rng(3)
    X, site, age = scans(rng, (30, 30, 30))
    train = rng.random(90) < 0.7
    model = ComBat().fit(X[train], site=site[train], covariates=age[train])
    together = model.transform(X, site=site, covariates=age)
    np.testing.assert_allclose(
        together[train], ComBat().fit_transform(X[train], site=site[train], covariates=age[train])
    )
    alone = [model.transform(X[[row]], site=site[[row]], covariates=age[[row]])[0] for row in range(90)]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_training_does_not_see_the_rows_held_out():
    X, site, _ = scans(np.random.default_rng(3))
    model = ComBat().fit(X[:30], site=site[:30])
    wild = X.copy()
    wild[30:] *= 1e6
    np.testing.assert_array_equal(ComBat().fit(wild[:30], site=site[:30]).gamma_, model.gamma_)
    np.testing.assert_array_equal(model.transform(wild, site=site)[:30], model.transform(X, site=site)[:30])


def test_one_site_is_left_as_it_is():
    X, _, _ = scans(np.random.default_rng(0))
    np.testing.assert_array_equal(ComBat().fit_transform(X), X)
    np.testing.assert_array_equal(ComBat().fit_transform(X, site=["only"] * len(X)), X)


def test_constant_features_stay_and_do_not_disturb_the_others():
    X, site, _ = scans(np.random.default_rng(0))
    broken = np.column_stack([X, np.full(len(X), 0.1), np.where(site == "east", 7.0, X[:, 0])])
    model = ComBat().fit(broken, site=site)
    found = model.transform(broken, site=site)
    np.testing.assert_array_equal(found[:, -2:], broken[:, -2:])
    np.testing.assert_allclose(found[:, :-2], ComBat().fit_transform(X, site=site), atol=1e-12)
    assert model.adjusted_.tolist() == [True] * 30 + [False, False]


def test_features_that_sites_and_covariates_explain_to_the_last_bit_stay():
    X, site, age = scans(np.random.default_rng(0))
    found = ComBat().fit_transform(np.column_stack([X, 2 * age + (site == "east")]), site=site, covariates=age)
    np.testing.assert_array_equal(found[:, -1], 2 * age + (site == "east"))


def test_equal_features_do_no_harm():
    """Their shifts and scales have no spread, which the priors divide by."""
    x = scans(np.random.default_rng(0))[0][:, :1]
    site = scans(np.random.default_rng(0))[1]
    found = ComBat().fit_transform(np.repeat(x, 3, axis=1), site=site)
    np.testing.assert_allclose(found, np.repeat(ComBat(empirical_bayes=False).fit_transform(x, site=site), 3, axis=1))


def test_a_gap_stays_and_each_feature_is_learned_from_the_rows_that_have_it():
    X, site, age = scans(np.random.default_rng(5))
    X[::4, 0], X[1::5, 3], X[5::9, :2] = np.nan, np.nan, np.nan
    found = ComBat(empirical_bayes=False).fit_transform(X, site=site, covariates=age)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(X))
    for feature in (0, 1, 3, 7):
        there = ~np.isnan(X[:, feature])
        expected = plain_combat(X[there, feature : feature + 1], site[there], age[there], eb=False)
        np.testing.assert_allclose(found[there, feature], expected[:, 0], atol=1e-10)


# ---------------------------------------------------------------- sites that training did not have


def test_an_unseen_site_is_refused_or_left_as_it_is():
    X, site, _ = scans(np.random.default_rng(0), (10, 12, 9, 8))
    seen = site != "west"
    with pytest.raises(CohortError, match=r"Site 'west' \(rows .*\) was not among the training rows, .*unseen='pass'"):
        ComBat().fit(X[seen], site=site[seen]).transform(X, site=site)
    model = ComBat(unseen="pass").fit(X[seen], site=site[seen])
    found = model.transform(X, site=site)
    np.testing.assert_array_equal(found[~seen], X[~seen])
    np.testing.assert_array_equal(found[seen], model.transform(X[seen], site=site[seen]))


def test_an_unseen_site_can_be_learned_from_its_own_rows():
    X, site, _ = scans(np.random.default_rng(0), (30, 30, 30, 40))
    seen = site != "west"
    model = ComBat(unseen="reference", empirical_bayes=False).fit(X[seen], site=site[seen])
    found = model.transform(X[~seen], site=site[~seen])
    np.testing.assert_allclose(found.mean(axis=0), model.grand_mean_, atol=1e-12)
    np.testing.assert_allclose(found.var(axis=0, ddof=1), model.pooled_variance_, rtol=1e-12)
    with pytest.raises(CohortError, match="1 rows of site 'west' are too few"):
        model.transform(X[~seen][:1], site=["west"])


def test_a_single_site_is_the_reference_of_those_to_come():
    X, site, _ = scans(np.random.default_rng(0), (40, 40))
    north = site == "north"
    model = ComBat(unseen="reference").fit(X[north], site=site[north])
    found = model.transform(X, site=site)
    np.testing.assert_array_equal(found[north], X[north])
    np.testing.assert_allclose(found, plain_combat(X, site, reference="north"), atol=1e-10)


def test_a_feature_that_a_site_never_had_counts_as_unseen_there():
    X, site, _ = scans(np.random.default_rng(0))
    X[site == "east", 0] = np.nan
    new = X[site == "east"]
    new[0, 0] = 1.5
    with pytest.raises(CohortError, match="Site 'east' .* had no value of some features in the training rows"):
        ComBat().fit(X, site=site).transform(new, site=["east"] * len(new))
    model = ComBat(unseen="pass").fit(X, site=site)
    found = model.transform(new, site=["east"] * len(new))
    assert found[0, 0] == 1.5
    np.testing.assert_array_equal(found[:, 1:], model.transform(X[site == "east"], site=["east"] * len(new))[:, 1:])


# ---------------------------------------------------------------- how sites come in


def table(rng):
    X, site, age = scans(rng, (20, 20, 20), 4)
    frame = pd.DataFrame(X, columns=[f"t1__x{number}" for number in range(4)])
    return frame.assign(site=site, age=age), np.arange(60) % 2


def test_named_columns_serve_and_are_gone():
    frame, _ = table(np.random.default_rng(0))
    model = ComBat(site="site", covariates=["age"]).set_output(transform="pandas").fit(frame)
    found = model.transform(frame)
    assert found.columns.tolist() == ["t1__x0", "t1__x1", "t1__x2", "t1__x3"]
    features = frame.drop(columns=["site", "age"])
    expected = ComBat().fit_transform(features, site=frame["site"], covariates=frame[["age"]])
    np.testing.assert_array_equal(found.to_numpy(), expected)


def test_a_pipeline_needs_no_routing_where_the_site_is_a_column():
    frame, y = table(np.random.default_rng(0))
    chain = make_pipeline(ComBat(site="site", covariates=["age"]), LogisticRegression())
    search = GridSearchCV(chain, {"combat__parametric": [True, False]}, cv=3).fit(frame, y)
    assert search.predict_proba(frame).shape == (60, 2)


def test_sites_are_routed_to_fit_and_to_transform():
    frame, y = table(np.random.default_rng(0))
    X, site = frame.drop(columns=["site", "age"]), frame["site"]
    with sklearn.config_context(enable_metadata_routing=True):
        step = ComBat().set_fit_request(site=True).set_transform_request(site=True)
        chain = make_pipeline(step, LogisticRegression()).fit(X, y, site=site)
        found = chain.decision_function(X, site=site)
    harmonized = ComBat().fit_transform(X, site=site)
    np.testing.assert_allclose(found, LogisticRegression().fit(harmonized, y).decision_function(harmonized))


# ---------------------------------------------------------------- what is refused


def test_the_label_is_no_covariate_and_no_site():
    frame, y = table(np.random.default_rng(0))
    X, site = frame.drop(columns=["site", "age"]), frame["site"]
    with pytest.raises(RequestError, match="Covariate 1 tells the label of every row"):
        ComBat().fit(X, np.where(y, "yes", "no"), site=site, covariates=np.column_stack([frame["age"], 1 - y]))
    with pytest.raises(RequestError, match="Each site has rows of one label only"):
        ComBat().fit(X, y, site=y + 5)
    finer = 2 * y + (np.arange(len(y)) % 2)  # two sites of either label
    with pytest.raises(RequestError, match="Each site has rows of one label only"):
        ComBat().fit(X, y, site=finer)
    with pytest.raises(RequestError, match="Covariate 0 tells the label of every row"):
        ComBat().fit(X, y, site=site, covariates=finer)
    ComBat().fit(X, y, site=site, covariates=np.roll(y, 1) * y)


def test_a_measurement_that_rows_of_one_patient_share_is_a_covariate():
    frame, y = table(np.random.default_rng(0))
    rng, X, site = np.random.default_rng(1), frame.drop(columns=["site", "age"]), frame["site"]
    age = rng.normal(50, 10, len(y))
    drawn = rng.integers(len(y), size=len(y))  # with copies, as a bootstrap of patients has them
    ComBat().fit(X.iloc[drawn], y[drawn], site=site.iloc[drawn], covariates=age[drawn])
    ordered = np.sort(age)[np.argsort(np.argsort(y, kind="stable"))]  # all old patients are of one label
    with pytest.raises(RequestError, match="Covariate 0 tells the label of every row"):
        ComBat().fit(X.iloc[drawn], y[drawn], site=site.iloc[drawn], covariates=ordered[drawn])


def test_thin_sites_are_named():
    X, site, _ = scans(np.random.default_rng(0), (10, 10, 1))
    with pytest.raises(CohortError, match=r"Site 'east' has one row, .* pass mean_only=True"):
        ComBat().fit(X, site=site)
    found = ComBat(mean_only=True, empirical_bayes=False).fit_transform(X, site=site)
    np.testing.assert_allclose(found[site == "east"][0], X.mean(axis=0), atol=1e-12)
    with pytest.raises(CohortError, match="Site 'east' has one row, .* choose another reference"):
        ComBat(mean_only=True, reference="east").fit(X, site=site)
    X[np.flatnonzero(site == "north")[1:], 3] = np.nan
    with pytest.raises(CohortError, match="Site 'north' has fewer than two values of 1 features"):
        ComBat().fit(X[site != "east"], site=site[site != "east"])
    with pytest.raises(CohortError, match="leave no row to learn a spread from"):
        ComBat(mean_only=True).fit(X, site=np.arange(len(X)))


def refusals():
    X, site, age = scans(np.random.default_rng(0))
    frame = pd.DataFrame(X).rename(columns=str).assign(site=site)
    gap = np.where(np.arange(len(site)) == 2, None, site)
    return {
        "adds up": (ComBat(), X, {"site": site, "covariates": np.column_stack([age, 2 * age + 1])}, "Leave it out"),
        "site in disguise": (ComBat(), X, {"site": site, "covariates": site == "east"}, "fixed by the others or by"),
        "words": (ComBat(), X, {"site": site, "covariates": site}, "Covariate 0 holds .* ComBat needs numbers"),
        "gap": (ComBat(), X, {"site": site, "covariates": np.where(age > 60, np.nan, age)}, "missing or infinite"),
        "no site": (ComBat(), X, {"site": gap}, "Every row needs a site, and row 2 has none"),
        "short": (ComBat(), X, {"site": site[1:]}, "Every row needs a site, and there are 42 for 43 rows"),
        "reference": (ComBat(reference="moon"), X, {"site": site}, "'moon' is not among the training rows"),
        "array": (ComBat(site="site"), X, {}, "looks for column 'site' in X and found a ndarray"),
        "column": (ComBat(site="scanner"), frame, {}, "looks for column 'scanner' in X and found 31 other columns"),
        "twice": (ComBat(site="site"), frame, {"site": site}, "site is given twice"),
        "one feature": (ComBat(), X[:, :1], {"site": site}, "Pass empirical_bayes=False"),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_cannot_be_harmonized_is_refused(name):
    model, X, metadata, message = refusals()[name]
    with pytest.raises((RequestError, CohortError), match=message):
        model.fit(X, **metadata)


def test_transform_needs_what_fit_had():
    X, site, age = scans(np.random.default_rng(0))
    model = ComBat().fit(X, site=site, covariates=age)
    for metadata in (
        {},
        {"site": site},
        {"covariates": age},
        {"site": site, "covariates": np.column_stack([age, age])},
    ):
        with pytest.raises(RequestError, match="transform got"):
            model.transform(X, **metadata)
    with pytest.raises(RequestError, match="transform got"):
        ComBat().fit(X).transform(X, site=site)
