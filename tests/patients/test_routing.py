"""Labels and patients go with the rows of X: to every part that takes them, and never to other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from radiofuse import cross_validated_predictions
from radiofuse.classify import BayesianRegularizedNetwork, RecalibratedClassifier
from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.errors import RequestError
from radiofuse.fuse import ConstraintFusion, JoinedFeatures, LateFusion, ModalityWeighting
from radiofuse.fuse.named import Named
from radiofuse.names import lookup
from radiofuse.patients.routing import fit_with_groups, refuse_misaligned
from radiofuse.prepare.harmonize import ComBat
from radiofuse.select import SELECTORS, LassoSelector, SelectorChain

GROUPS = np.repeat(np.arange(30), 2)
Y = GROUPS % 2
X = pd.DataFrame(
    np.random.default_rng(0).normal(size=(60, 4)) + Y[:, None],
    columns=["t1__a", "t1__b", "t2__a", "t2__b"],
    index=[f"s{row:02d}" for row in range(60)],
)


class Witness(ClassifierMixin, BaseEstimator):
    """Keeps the patients it is handed, of every fit of every clone."""

    seen: list = []

    def __init__(self, level=0.5):
        self.level = level

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        Witness.seen.append(None if groups is None else list(groups))
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class Declines(Witness):
    """Takes patients and wants none."""

    __metadata_request__fit = {"groups": False}


def whole(seen, n_fits):
    assert len(seen) == n_fits
    for groups in seen:
        assert groups is not None
        assert len(groups) == 2 * len(set(groups))


@pytest.mark.parametrize("routed", [False, True])
@pytest.mark.parametrize(
    ("model", "n_fits"),
    [
        (Witness(), 1),
        (make_pipeline(StandardScaler(), Witness()), 1),
        (GridSearchCV(Witness(), {"level": [0.1]}, cv=StratifiedGroupKFold(3), scoring="roc_auc"), 4),
        (make_pipeline(StandardScaler(), GridSearchCV(Witness(), {"level": [0.1]}, cv=StratifiedGroupKFold(3))), 4),
        (CalibratedClassifierCV(Witness(), cv=StratifiedGroupKFold(3)), 3),
        (RecalibratedClassifier(make_pipeline(StandardScaler(), Witness()), cv=3), 4),
        (LateFusion([("t1", Witness())], combine="regression", cv=3), 4),
        (
            LateFusion([("t1", GridSearchCV(Witness(), {"level": [0.1]}, cv=StratifiedGroupKFold(3)))], combine="mean"),
            4,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
def test_patients_reach_every_part_that_takes_them(model, n_fits, routed):
    Witness.seen.clear()
    with config_context(enable_metadata_routing=routed):
        fit_with_groups(model, X, Y, GROUPS)
    whole(Witness.seen, n_fits)


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_patients_go_on_to_a_step_beside_one_that_knows_no_routing():
    Witness.seen.clear()
    chain = make_pipeline(SelectorChain([("lasso", lookup("lasso", SELECTORS, "selector")())]), AdaBoostClassifier())
    fitted = fit_with_groups(chain, X, Y, GROUPS)
    folds = fitted[0].steps_["lasso"].inner_folds_
    assert all(len(set(folds[patient == GROUPS])) == 1 for patient in range(30))
    with pytest.raises(RequestError, match="Witness must be handed the patients, and AdaBoostClassifier cannot"):
        fit_with_groups(AdaBoostClassifier(Witness()), X, Y, GROUPS)


def test_a_part_that_declines_patients_gets_none():
    Witness.seen.clear()
    fit_with_groups(make_pipeline(StandardScaler(), Declines()), X, Y, GROUPS)
    assert Witness.seen == [None]


def test_a_search_that_tears_patients_apart_is_told():
    with pytest.warns(UserWarning, match=r"GridSearchCV deals rows into its folds \(cv=3\)"):
        fit_with_groups(GridSearchCV(Witness(), {"level": [0.1]}, cv=3, scoring="roc_auc"), X, Y, GROUPS)
    fit_with_groups(GridSearchCV(Witness(), {"level": [0.1]}, cv=3, scoring="roc_auc"), X, Y, np.arange(60))


def test_under_metadata_routing_the_tools_of_scikit_learn_hand_patients_to_the_inner_folds():
    """What arrives at the members of a fusion, nobody having asked for it."""
    model = LateFusion([("t1", Witness())], combine="nonnegative", cv=3, random_state=0)
    with config_context(enable_metadata_routing=True):
        Witness.seen.clear()
        grid = GridSearchCV(model, {"t1__level": [0.1]}, cv=StratifiedGroupKFold(3), scoring="roc_auc")
        grid.fit(X, Y, groups=GROUPS)
        whole(Witness.seen, 16)  # three outer folds and all rows, each with three inner folds and all rows
        Witness.seen.clear()
        cross_validate(
            model, X, Y, params={"groups": GROUPS}, cv=StratifiedGroupKFold(3), scoring="roc_auc", error_score="raise"
        )
        whole(Witness.seen, 12)


def test_a_search_by_patients_is_cross_validated_without_metadata_routing_being_on():
    Witness.seen.clear()
    inner = LateFusion([("t1", Witness())], combine="nonnegative", cv=3, random_state=0)
    grid = GridSearchCV(inner, {"t1__level": [0.1]}, cv=StratifiedGroupKFold(3), scoring="roc_auc")
    table = cross_validated_predictions({"grid": grid}, X, Y, groups=GROUPS, cv=3, random_state=0)
    assert len(table) == 60
    whole(Witness.seen, 3 * 16)


def members():
    return [(name, make_pipeline(StandardScaler(), LogisticRegression())) for name in ("t1", "t2")]


GIVEN = {"y": pd.Series(Y, X.index), "groups": pd.Series(GROUPS, X.index), "site": pd.Series(GROUPS % 3, X.index)}
BLOCKS = {"t1": ["t1__a", "t1__b"], "t2": ["t2__a", "t2__b"]}
DOORS = [
    (BayesianRegularizedNetwork(), "y"),
    (CalibratedSVC(), "y groups"),
    (RecalibratedClassifier(LogisticRegression()), "y groups"),
    (LateFusion(members()), "y groups"),
    (ConstraintFusion(members(), method="method1"), "y groups"),
    (ModalityWeighting(members(), epochs=5), "y groups"),
    (JoinedFeatures(members(), LogisticRegression()), "y groups"),
    (Named(LateFusion(members(), columns=BLOCKS), "radiomics"), "y groups"),
    (Named(ConstraintFusion(members(), method={"a": ["t1"], "b": ["t2"]}), "c"), "y groups"),
    (SelectorChain([("test", lookup("mann_whitney", SELECTORS, "selector")())]), "y groups"),
    (ComBat(), "y site"),
]
BLIND = {"variance", "reproducibility"}  # selectors that look at no label
for key in sorted(set(SELECTORS) - BLIND):
    selector = lookup(key, SELECTORS, "selector")()
    DOORS.append((selector, "y groups" if has_fit_parameter(selector, "groups") else "y"))


@pytest.mark.parametrize(("model", "names"), DOORS, ids=[type(model).__name__ for model, _ in DOORS])
def test_what_lies_in_another_order_than_x_is_refused_by_every_door(model, names):
    given = {name: GIVEN[name] for name in names.split()}
    for moved in given:
        with pytest.raises(RequestError, match=f"index of {moved} must be that of X"):
            model.fit(X, **{"y": Y, **given, moved: given[moved].iloc[::-1]})


FUSION = LateFusion([("t1", LogisticRegression())], combine="nonnegative", cv=2, random_state=0)
LASSO = make_pipeline(LassoSelector(cv=2, random_state=0), LogisticRegression())


@pytest.mark.parametrize("model", [FUSION, LASSO], ids=["fusion", "step of a pipeline"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_patients_that_scikit_learn_would_keep_for_itself_are_refused(model, n_jobs):
    options = {"cv": StratifiedGroupKFold(2), "scoring": "roc_auc", "n_jobs": n_jobs}
    taker = "LateFusion" if model is FUSION else "LassoSelector"
    with pytest.raises(RequestError, match=f"{taker} would not be handed the patients"):
        GridSearchCV(model, {}, **options).fit(X, Y, groups=GROUPS)
    with pytest.raises(RequestError, match=r"takes params=\{'groups': patients\}"):
        cross_validate(model, X, Y, groups=GROUPS, **options)


def test_searches_that_lose_no_patient_are_not_refused():
    options = {"cv": StratifiedGroupKFold(2), "scoring": "roc_auc"}
    mean = clone(FUSION).set_params(combine="mean")
    cross_validate(mean, X, Y, groups=GROUPS, **options)  # no folds of its own
    cross_validate(FUSION, X, Y, groups=np.arange(len(Y)), **options)  # one row each
    cross_validate(FUSION, X, Y, cv=2)  # nobody spoke of patients
    cross_validate(FUSION, X, Y, groups=GROUPS, params={"groups": GROUPS}, **options)  # to the folds and to fit
    with config_context(enable_metadata_routing=True):
        cross_validate(FUSION, X, Y, params={"groups": GROUPS}, **options)
        GridSearchCV(FUSION, {}, **options).fit(X, Y, groups=GROUPS)


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (["a", np.nan], ["a", np.nan]),
        ([1, 2], [1.0, 2.0]),
        (pd.CategoricalIndex(["a", "b"]), ["a", "b"]),
        (pd.CategoricalIndex(["a", "b"], ["a", "b", "c"]), pd.CategoricalIndex(["a", "b"])),
        (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), [("a", 1), ("b", 2)]),
    ],
)
def test_an_index_is_compared_by_what_it_says(index, other):
    table = pd.DataFrame({"t1__a": [0.1, 0.2]}, index)
    refuse_misaligned(table)
    refuse_misaligned(table, y=pd.Series([0, 1], other))
    with pytest.raises(RequestError, match="index of y must be that of X"):
        refuse_misaligned(table, y=pd.Series([0, 1], other).iloc[::-1])
