"""The plan of trainings names exactly what the fits ask for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sklearn.model_selection import GroupKFold, KFold  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops, patients  # noqa: E402

from radiofuse.classify.modality import modality_classifier  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.plan import TrainingSet, crossfit_folds, train_encoders, training_sets  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.evaluate import run_folds  # noqa: E402
from radiofuse.fuse import LateFusion  # noqa: E402
from radiofuse.patients import patient_splits  # noqa: E402

SPEC = EncoderSpec(TINY, Training.from_options({**TRAINING, "epochs": 1}), "cpu")


@pytest.fixture
def study(tmp_path):
    """Two modalities; some samples lack one of them, and the rows stand in no order."""
    crops = make_crops(tmp_path, n=40, modalities=("t1", "t2"), signal=1.0)
    X = crops.pointer_table().sample(frac=1, random_state=3)
    X["t1__mean"] = np.random.default_rng(0).normal(size=len(X))
    X.loc[["s05", "s11"], "t1__crop"] = np.nan
    X.loc[["s20", "s21", "s22"], "t2__crop"] = np.nan
    return crops, X, labels(X), patients(X)


def options(crops, tmp_path):
    own = {"training": {**TRAINING, "epochs": 1}, "device": "cpu", "random_state": 5}
    return {"encoder": TINY, "crops": crops, "cache": tmp_path, **own}


def keys_in(tmp_path):
    return {path.name for path in (tmp_path / "encoders").glob("[0-9a-f]*")}


def plan(study, splits, **folds):
    _, X, y, groups = study
    return training_sets(X[["t1__crop", "t2__crop"]], y, groups, splits=splits, random_state=5, **folds)


@pytest.mark.parametrize("combine", ["mean", "regression"])
def test_after_it_a_fusion_of_encoders_trains_nothing_more(study, tmp_path, combine):
    crops, X, y, groups = study
    splits = patient_splits(y, groups, n_splits=2, random_state=1)
    sets = plan(study, [split.train for split in splits], fusion_cv=2 if combine == "regression" else None, cv=2)
    train_encoders(EncoderCache(tmp_path), SPEC, crops, sets, seed=5)
    planned = keys_in(tmp_path)
    encoder = CropEncoder(cv=2, **options(crops, tmp_path))
    chains = [(name, modality_classifier(select=None, random_state=5, encoder=encoder)) for name in ("t1", "t2")]
    fusion = LateFusion(chains, combine=combine, cv=2, random_state=5)
    predictions = run_folds({"fusion": fusion}, X, y, groups=groups, splits=splits)[0].predictions
    assert keys_in(tmp_path) == planned
    assert len(planned) == len(sets)
    assert predictions["probability"].notna().all()


def test_nothing_is_planned_that_is_not_used(study, tmp_path):
    crops, X, y, groups = study
    splits = [np.arange(len(X))]
    sets = plan(study, splits, fusion_cv=2, cv=2)
    encoder = CropEncoder(cv=2, **options(crops, tmp_path))
    chains = [(name, modality_classifier(select=None, random_state=5, encoder=encoder)) for name in ("t1", "t2")]
    LateFusion(chains, combine="regression", cv=2, random_state=5).fit(X, y, groups=groups)
    assert len(keys_in(tmp_path)) == len(sets) == len(set(sets))


def test_classifiers_that_are_not_cross_fitted_need_no_more_than_the_fusions_folds(study, tmp_path):
    crops, X, y, groups = study
    sets = plan(study, [np.arange(len(X))], fusion_cv=2)
    assert len(sets) == 2 * (1 + 2)
    train_encoders(EncoderCache(tmp_path), SPEC, crops, sets, seed=5)
    planned = keys_in(tmp_path)
    members = [(f"{name}deep", CropClassifier(**options(crops, tmp_path))) for name in ("t1", "t2")]
    columns = {f"{name}deep": [f"{name}__crop"] for name in ("t1", "t2")}
    known = X[["t1__crop", "t2__crop"]].notna().any(axis=1).to_numpy()
    fusion = LateFusion(members, combine="regression", columns=columns, cv=2, random_state=5)
    fusion.fit(X[known], y[known], groups=groups[known])
    assert keys_in(tmp_path) == planned


def test_training_in_several_processes_changes_no_byte_and_news_counts_up(study, tmp_path):
    crops, *_ = study
    sets = plan(study, [np.arange(20), np.arange(20, 40)])
    news = []
    train_encoders(EncoderCache(tmp_path / "one"), SPEC, crops, sets, seed=5)
    train_encoders(
        EncoderCache(tmp_path / "two"), SPEC, crops, sets, seed=5, n_jobs=2, on_done=lambda *n: news.append(n)
    )
    weights = [
        {path.name: path.read_bytes() for path in (tmp_path / part).rglob("*.safetensors")} for part in ("one", "two")
    ]
    assert weights[0] == weights[1]
    assert len(weights[0]) == 4
    assert news == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_sets_hold_the_rows_of_their_split_and_whole_patients(study):
    _, X, _, groups = study
    train = np.flatnonzero(np.isin(groups, np.unique(groups)[:12]))
    sets = plan(study, [train], fusion_cv=2, cv=2)
    pointers = X["t1__crop"].to_numpy()
    crop_rows = {p: set(pointers[(groups == p) & ~np.isnan(pointers)]) for p in groups[train]}
    of_t1 = [one for one in sets if set(one.rows) <= set(pointers)]
    assert set(of_t1[0].rows) == set().union(*crop_rows.values())
    for one in of_t1:
        assert set(one.rows) == set().union(*(crop_rows[patient] for patient in one.groups))
        assert set(one.labels) == {0, 1}


def test_what_cannot_be_fitted_is_not_planned():
    pointers = pd.DataFrame({"t1__crop": np.arange(6.0)}, index=list("abcdef"))
    one_class = training_sets(pointers, [0] * 6, splits=[np.arange(6)], cv=2, random_state=0)
    assert one_class == []
    few = training_sets(pointers, [0, 0, 0, 0, 1, 1], splits=[np.arange(6)], fusion_cv=3, cv=2, random_state=0)
    assert [len(one.rows) for one in few] == [6, 3, 3]
    assert training_sets(pointers * np.nan, [0, 1] * 3, splits=[np.arange(6)], cv=2, random_state=0) == []


def test_too_few_patients_for_the_folds_is_a_sentence():
    y, groups = np.array([0, 0, 0, 1, 1, 1]), np.array(["a", "b", "c", "d", "e", "e"])
    with pytest.raises(CohortError, match="needs 3 patients of each class with a crop, and the smallest class has 2"):
        crossfit_folds(3, y, groups, 0)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_a_splitter_that_parts_a_patient_is_refused():
    y, groups = np.array([0, 1] * 4), np.repeat(list("abcd"), 2)
    assert len(crossfit_folds(GroupKFold(2), y, groups, None)) == 2
    with pytest.raises(RequestError, match="on both sides of a fold"):
        crossfit_folds(KFold(4, shuffle=True, random_state=0), y, groups, None)


def test_the_folds_of_patients_follow_neither_the_order_of_rows_nor_other_rows_positions(study):
    _, X, y, groups = study
    order = np.random.default_rng(1).permutation(len(X))
    splits = [np.arange(0, 30)]
    moved = [np.flatnonzero(np.isin(order, splits[0]))]
    pointers = X[["t1__crop", "t2__crop"]]
    same = training_sets(pointers.iloc[order], y[order], groups[order], splits=moved, fusion_cv=2, cv=2, random_state=5)
    assert set(same) == set(plan(study, splits, fusion_cv=2, cv=2))


def test_a_set_too_small_for_validation_is_passed_over(tmp_path):
    crops, training = make_crops(tmp_path, n=8), Training.from_options({"epochs": 1, "validation": 0.3})
    fine = TrainingSet(tuple(range(8)), (0, 1) * 4, tuple("abcdefgh"))
    one_of_a_class = TrainingSet((0, 1, 2), (0, 1, 0), tuple("abc"))
    cache, news = EncoderCache(tmp_path), []
    spec = EncoderSpec(TINY, training, "cpu")
    train_encoders(cache, spec, crops, [one_of_a_class, fine], seed=5, on_done=lambda *pair: news.append(pair))
    assert len(keys_in(tmp_path)) == 1
    assert news == [(1, 2), (2, 2)]
    with pytest.raises(CohortError, match="Validation holds out patients of each class"):
        cache.encoder(spec, crops, *list(vars(one_of_a_class).values())[:3], seed=5)
