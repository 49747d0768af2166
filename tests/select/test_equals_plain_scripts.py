"""The chain against the plain script of the field, on real feature tables, on all rows and in outer folds.

Of each table one modality stands here, and all in `make test-thorough`.

The script: ``scipy.stats.mannwhitneyu`` column by column, a loop over the whole ``numpy.corrcoef`` matrix,
``sklearn.linear_model.lars_path`` in every inner fold. Nothing of it is the project's but the inner folds, which
are random and therefore taken from the fitted selector.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression, lars_path
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from radiofuse.select import ThreeStepSelector, fit_in_folds
from radiofuse.selection_run.nested import fit_selections
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import check_table

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::radiofuse.select.shortfall.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

MEDIMAGE = ("T1", "T1CE", "T2", "T2F")
BLOCKS = [
    *[("LGG-1p19qDeletion", name) for name in ("T1", "T2")],
    *[("Sasaki2019", name) for name in ("FLAIR", "T1", "T1Gd", "T2", "core", "edema", "z")],
    *[("Wang2024", name) for name in ("FA", "MD", "RCBV", "SPGRC", "T2")],
    *[("medimage", name) for name in MEDIMAGE],
    *[("mu_glioma", name) for name in ("flair", "t1", "t1ce", "t2")],
    ("golden", "all"),
]
ONE_OF_EACH = {
    ("LGG-1p19qDeletion", "T1"),
    ("Sasaki2019", "T1Gd"),
    ("Wang2024", "T2"),
    ("medimage", "T1CE"),
    ("mu_glioma", "t1ce"),
    ("golden", "all"),
}
BY_BLOCK = [pytest.param(*block, marks=() if block in ONE_OF_EACH else pytest.mark.thorough) for block in BLOCKS]
OUTER_FOLDS = {"LGG-1p19qDeletion": 10}  # elsewhere 5
N_ALPHAS, SMALLEST = 100, 1e-3


@pytest.fixture(autouse=True)
def one_thread():
    """Threads make such small products slower, not faster."""
    with threadpool_limits(1):
        yield


# ---------------------------------------------------------------- the tables


class Block(NamedTuple):
    """One modality: features without a missing value, labels 0 and 1, the patient of each row."""

    X: pd.DataFrame
    y: np.ndarray
    patients: np.ndarray


@functools.cache
def read_blocks(folder: Path, table: str) -> dict[str, Block]:
    """All modalities of a table; rows are in the order of the file."""
    if table == "medimage":
        return {name: read_medimage(folder, name) for name in MEDIMAGE}
    if table == "mu_glioma":
        X = pd.read_csv(folder / "mu_glioma_post" / "features.csv", index_col="subject_id").filter(like="core__")
        clinical = pd.read_csv(folder / "mu_glioma_post" / "clinical.csv", index_col="Patient_ID")
        return by_modality(X, clinical.loc[X.index, "Progression"], X.columns.str.split("__").str[1])
    if table == "golden":
        X = pd.read_csv(folder / "golden" / "LGG-1p19qDeletion.csv")
        return by_modality(X.drop(columns="Target"), X["Target"], np.full(X.shape[1] - 1, "all"))
    X = pd.read_csv(folder / "radmlbench" / f"{table}.gz", index_col="ID")
    features = X.drop(columns="Target")
    return by_modality(features, X["Target"], features.columns.str.split("_|[.]", regex=True).str[0])


def by_modality(X: pd.DataFrame, y: pd.Series, modality) -> dict[str, Block]:
    patients = X.index.to_numpy()
    return {name: Block(X.loc[:, modality == name], y.to_numpy(int), patients) for name in np.unique(modality)}


def medimage_file(folder: Path, name: str) -> Path:
    return folder / "medimage_tcga_radiomics" / f"radiomics__{name}(gliomaTumorAuto)__image.csv.gz"


def read_labels(folder: Path) -> pd.Series:
    """IDH status by the names of the feature tables; NaN where it is unknown."""
    labels = pd.read_csv(folder / "medimage_tcga_radiomics" / "labels.csv", index_col="tcga_id")["idh"]
    return labels.set_axis("Glioma-" + labels.index)


def read_medimage(folder: Path, name: str) -> Block:
    X = pd.read_csv(medimage_file(folder, name), index_col="PatientID").sort_index()
    y = read_labels(folder)[X.index]
    X, y = X[y.notna()], y.dropna()
    assert X.isna().all().sum() == 3 and (X.nunique() == 1).sum() >= 3  # what is special about these tables
    X = X.dropna(axis=1, how="all")
    assert X.notna().all(axis=None)
    return Block(X, y.to_numpy(int), X.index.to_numpy())


def training_rows(block: Block, n_folds: int) -> list[np.ndarray]:
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
    return [train for train, _ in splitter.split(block.y, block.y, block.patients)]


def groups_of(block: Block) -> np.ndarray | None:
    return block.patients if len(np.unique(block.patients)) < len(block.patients) else None


# ---------------------------------------------------------------- the plain script


class Plain(NamedTuple):
    """What the script finds: p-values, columns left after each step by position, and the curve."""

    pvalues: np.ndarray
    tested: np.ndarray
    pruned: np.ndarray
    cv_mean: np.ndarray
    cv_se: np.ndarray
    selected: dict[str, np.ndarray]


def plain_script(X: np.ndarray, y: np.ndarray, folds: np.ndarray, *, loop: bool = False, empty: bool = False) -> Plain:
    """Run all steps; where one leaves nothing its strongest column stays, or with ``empty`` none does."""
    pvalues, effect = plain_tests(X, y, loop)
    tested = or_strongest(np.flatnonzero(pvalues < 0.05), effect, empty)
    pruned = tested[plain_prune(X[:, tested], effect[tested])]
    if not len(pruned):
        return Plain(pvalues, tested, pruned, np.empty(0), np.empty(0), dict.fromkeys(("min", "1se"), pruned))
    mean, se, coefs, strength = plain_lasso(X[:, pruned], y.astype(float), folds)
    least = mean.argmin()
    place = {"min": least, "1se": (mean <= mean[least] + se[least]).argmax()}
    chosen = {
        rule: or_strongest(np.flatnonzero(np.abs(coefs[k]) > 1e-12), strength, empty) for rule, k in place.items()
    }
    return Plain(pvalues, tested, pruned, mean, se, {rule: pruned[columns] for rule, columns in chosen.items()})


def or_strongest(columns: np.ndarray, strength: np.ndarray, empty: bool) -> np.ndarray:
    return columns if len(columns) or empty else np.array([strength.argmax()])


def plain_tests(X: np.ndarray, y: np.ndarray, loop: bool) -> tuple[np.ndarray, np.ndarray]:
    """p-values, and the distance of U from its mean: of the AUC from .5, times the pairs, without rounding."""
    with np.errstate(divide="ignore"):  # constant columns
        if loop:
            tests = [mannwhitneyu(column[y == 1], column[y == 0], method="asymptotic") for column in X.T]
            U, pvalues = np.array(tests).T
        else:
            U, pvalues = mannwhitneyu(X[y == 1], X[y == 0], axis=0, method="asymptotic")
    return pvalues, np.abs(U - np.sum(y == 1) * np.sum(y == 0) / 2)


def plain_prune(X: np.ndarray, effect: np.ndarray) -> np.ndarray:
    r = np.abs(np.atleast_2d(np.corrcoef(X, rowvar=False)))
    kept: list[int] = []
    for column in np.argsort(-effect, kind="stable"):
        if not any(r[column, other] > 0.9 for other in kept):
            kept.append(int(column))
    return np.array(sorted(kept), dtype=int)


def plain_lasso(X: np.ndarray, y: np.ndarray, folds: np.ndarray):
    """Mean and standard error of the error over the whole grid, coefficients on all rows, first gradient."""
    mean, scale = center_and_scale(X)
    strength = np.abs((X - mean).T @ (y - y.mean()) / scale) / len(y)
    grid = strength.max() * np.geomspace(1, SMALLEST, N_ALPHAS)
    errors = []
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        center, spread = center_and_scale(X[train])
        coefs = lars_coefs((X[train] - center) / spread, y[train], grid)
        predicted = y[train].mean() + (X[test] - center) / spread @ coefs.T
        errors.append(np.mean((y[test, None] - predicted) ** 2, axis=0))
    return *mean_and_se(np.array(errors), np.bincount(folds)), lars_coefs((X - mean) / scale, y, grid), strength


def center_and_scale(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column means and standard deviations; 1 as that of a constant column, which stays at zero."""
    return X.mean(axis=0), np.where(X.max(axis=0) > X.min(axis=0), X.std(axis=0), 1.0)


def lars_coefs(Z: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Coefficients at the penalties: the path is linear between the knots of LARS."""
    knots, _, coefs = lars_path(Z, y - y.mean(), method="lasso", alpha_min=0.999 * grid[-1])
    return np.array([np.interp(grid, knots[::-1], row[::-1]) for row in coefs]).T


def mean_and_se(errors: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As cv.glmnet: over folds, weighted by their sizes."""
    shares = sizes / sizes.sum()
    mean = shares @ errors
    return mean, np.sqrt(shares @ (errors - mean) ** 2 / (len(sizes) - 1))


# ---------------------------------------------------------------- least squares


def assert_found_alike(found, plain: Plain, rule: str) -> None:
    """Same p-values to the last bit, same columns after every step, same curve."""
    assert np.array_equal(found.steps_["mann_whitney"].pvalues_, plain.pvalues)
    assert np.array_equal(found.seen_["correlation"], plain.tested)
    assert np.array_equal(found.seen_["lasso"], plain.pruned)
    lasso = found.steps_["lasso"]
    run = len(lasso.alphas_)
    np.testing.assert_allclose(lasso.cv_mean_, plain.cv_mean[:run], rtol=0, atol=1e-9)
    np.testing.assert_allclose(lasso.cv_se_, plain.cv_se[:run], rtol=0, atol=1e-9)
    assert found.get_support(indices=True).tolist() == plain.selected[rule].tolist()


@pytest.mark.parametrize(("table", "name"), BY_BLOCK)
def test_all_rows_and_every_outer_fold_select_what_the_script_selects(data_dir, table, name):
    block = read_blocks(data_dir, table)[name]
    X, y, patients = block.X.to_numpy(float), block.y, groups_of(block)
    trains = [np.arange(len(y)), *training_rows(block, OUTER_FOLDS.get(table, 5))]
    states = range(len(trains))
    by_rule = [
        fit_in_folds(ThreeStepSelector(rule=rule), X, y, trains, groups=patients, states=states)
        for rule in ("min", "1se")
    ]
    for place, (train, least, sparse) in enumerate(zip(trains, *by_rule, strict=True)):
        folds = least.steps_["lasso"].inner_folds_
        assert np.array_equal(sparse.steps_["lasso"].inner_folds_, folds)
        assert_folds_are_sound(folds, y[train], block.patients[train])
        plain = plain_script(X[train], y[train], folds, loop=place == 0)
        assert_found_alike(least, plain, "min")
        assert_found_alike(sparse, plain, "1se")


def assert_folds_are_sound(folds: np.ndarray, y: np.ndarray, patients: np.ndarray) -> None:
    """Ten folds, each with both classes, the scans of a patient together."""
    assert np.array_equal(np.unique(folds), np.arange(10))
    assert all(set(y[folds == fold]) == {0, 1} for fold in range(10))
    assert pd.Series(folds).groupby(patients).nunique().eq(1).all()


@pytest.mark.parametrize("name", MEDIMAGE)
def test_columns_without_a_value_change_nothing(data_dir, name):
    block = read_blocks(data_dir, "medimage")[name]
    whole = pd.read_csv(medimage_file(data_dir, name), index_col="PatientID").loc[block.X.index]
    assert set(whole) - set(block.X) == {"radVar28", "radVar29", "radVar31"}
    with_empty, without = (ThreeStepSelector(random_state=0).fit(X, block.y) for X in (whole, block.X))
    assert with_empty.get_feature_names_out().tolist() == without.get_feature_names_out().tolist()
    kept = with_empty.report_["feature"].isin(block.X.columns).to_numpy()
    assert np.array_equal(with_empty.report_["pvalue"][kept], without.report_["pvalue"])


def test_the_command_selects_what_the_script_selects(data_dir, tmp_path):
    """From the files as they are, with their columns without a value, through joining, checking and outer folds."""
    labels = tmp_path / "labels.csv"
    read_labels(data_dir).rename_axis("PatientID").to_csv(labels)
    files = [f"{name}={medimage_file(data_dir, name)}" for name in MEDIMAGE]
    request = SelectionRequest("idh=1", features=files, labels=labels, sample_id="PatientID", repeats=1)
    results = fit_selections(check_table(read_raw(request), request.roles, n_folds=request.folds), request)
    assert [result.block.modality for result in results] == [name.lower() for name in MEDIMAGE]
    for result, name in zip(results, MEDIMAGE, strict=True):
        X, y, patients = read_blocks(data_dir, "medimage")[name]
        assert result.block.X.columns.tolist() == X.columns.tolist()
        assert np.array_equal(result.block.y, y) and np.array_equal(result.block.patients, patients)
        final = result.final.steps_["lasso"].inner_folds_
        fits = [(np.arange(len(y)), final, result.final.get_support())]
        fits += [(one.split.train, one.inner_folds, one.chosen) for one in result.outcomes]
        assert len(fits) == 6
        for train, folds, support in fits:
            plain = plain_script(X.to_numpy(float)[train], y[train], folds, empty=True)
            assert np.flatnonzero(support).tolist() == plain.selected["min"].tolist()


# ---------------------------------------------------------------- logistic


def smooth_logistic(Z: np.ndarray, y: np.ndarray, alpha: float) -> tuple[float, np.ndarray]:
    """Intercept and coefficients by a bounded quasi-Newton method: b = u − v, both not negative, is smooth."""
    n, p = Z.shape

    def loss(w):
        linear = w[0] + Z @ (w[1 : p + 1] - w[p + 1 :])
        slope = Z.T @ (expit(linear) - y) / n
        value = np.mean(np.logaddexp(0, linear) - y * linear) + alpha * w[1:].sum()
        return value, np.r_[np.mean(expit(linear) - y), slope + alpha, alpha - slope]

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 30}
    bounds = [(None, None)] + [(0, None)] * (2 * p)
    w = minimize(loss, np.zeros(2 * p + 1), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return w[0], w[1 : p + 1] - w[p + 1 :]


def held_out_deviance(X, y, folds, alpha: float) -> float:
    """Deviance over held-out rows, probabilities kept 1e-5 from 0 and 1 as in cv.glmnet; each fold by its size."""
    total = 0.0
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        mean, scale = center_and_scale(X[train])
        intercept, coef = smooth_logistic((X[train] - mean) / scale, y[train], alpha)
        p = np.clip(expit(intercept + (X[test] - mean) / scale @ coef), 1e-5, 1 - 1e-5)
        total -= 2 * np.sum(np.log(np.where(y[test] == 1, p, 1 - p)))
    return total / len(y)


@pytest.mark.parametrize(("table", "name"), BY_BLOCK)
def test_logistic_chain_selects_what_a_general_optimizer_does(data_dir, table, name):
    block = read_blocks(data_dir, table)[name]
    X, y = block.X.to_numpy(float), block.y
    found = ThreeStepSelector(family="binomial", cv=5, random_state=0).fit(X, y, groups=groups_of(block))
    lasso, columns = found.steps_["lasso"], found.seen_["lasso"]
    assert np.array_equal(columns, plain_script(X, y, lasso.inner_folds_).pruned)
    mean, scale = center_and_scale(X[:, columns])
    Z = (X[:, columns] - mean) / scale
    slope = Z.T @ (expit(lasso.intercept_ + Z @ lasso.coef_) - y) / len(y)
    active = lasso.coef_ != 0
    assert np.abs(slope).max() <= lasso.alpha_ * (1 + 1e-7)
    np.testing.assert_allclose(slope[active], -lasso.alpha_ * np.sign(lasso.coef_[active]), rtol=1e-7)
    intercept, coef = smooth_logistic(Z, y, lasso.alpha_)
    np.testing.assert_allclose([lasso.intercept_, *lasso.coef_], [intercept, *coef], atol=2e-6)
    if active.any():
        assert np.array_equal(columns[np.abs(coef) > 1e-5], np.flatnonzero(found.get_support()))


@pytest.mark.parametrize(("table", "name"), [("LGG-1p19qDeletion", "T1"), ("medimage", "T1CE"), ("Wang2024", "T2")])
def test_logistic_penalty_is_that_of_least_held_out_deviance(data_dir, table, name):
    block = read_blocks(data_dir, table)[name]
    X, y = block.X.to_numpy(float), block.y
    found = ThreeStepSelector(family="binomial", cv=5, random_state=0).fit(X, y)
    lasso, X = found.steps_["lasso"], X[:, found.seen_["lasso"]]
    least = int(np.flatnonzero(lasso.alphas_ == lasso.alpha_)[0])
    run = slice(0, least + 5)
    curve = [held_out_deviance(X, y, lasso.inner_folds_, alpha) for alpha in lasso.alphas_[run]]
    np.testing.assert_allclose(lasso.cv_mean_[run], curve, atol=1e-6)
    assert np.argmin(curve) == least
    assert lasso.cv_mean_[least] < lasso.cv_mean_[least + 5 :].min()


@pytest.mark.parametrize(("table", "name"), [("LGG-1p19qDeletion", "T2"), ("medimage", "T1CE")])
@pytest.mark.parametrize("rule", ["min", "1se"])
def test_logistic_support_is_that_of_saga(data_dir, table, name, rule):
    block = read_blocks(data_dir, table)[name]
    X, y = block.X.to_numpy(float), block.y
    found = ThreeStepSelector(family="binomial", rule=rule, random_state=0).fit(X, y)
    lasso, X = found.steps_["lasso"], X[:, found.seen_["lasso"]]
    mean, scale = center_and_scale(X)
    saga = LogisticRegression(
        l1_ratio=1, C=1 / (len(y) * lasso.alpha_), solver="saga", tol=1e-7, max_iter=50_000, random_state=0
    )
    coef = saga.fit((X - mean) / scale, y).coef_[0]
    assert np.array_equal(coef != 0, lasso.coef_ != 0)
    np.testing.assert_allclose(coef, lasso.coef_, atol=1e-4)
