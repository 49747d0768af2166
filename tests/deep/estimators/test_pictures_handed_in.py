"""Pictures handed in as an array: scikit-learn's tools work on them, and nothing is written."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sklearn.base import clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_predict  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from tiny_crops import TINY, TRAINING  # noqa: E402

from radiofuse.deep import CropClassifier, CropEncoder, SeenRowsWarning  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402

OPTIONS = {"training": {**TRAINING, "epochs": 15}, "device": "cpu", "random_state": 7}
y = np.arange(40) % 2
X = np.random.default_rng(0).normal(size=(40, 12, 12))
X[y == 1, :6] += 1.0
NAMES = np.array(["wildtype", "mutant"])[y]


def classifier(**own):
    return CropClassifier(TINY, **{**OPTIONS, **own})


def encoder(**own):
    return CropEncoder(TINY, **{**OPTIONS, "cv": 2, **own})


def test_flat_rows_rows_of_tables_and_pictures_are_the_same_pictures():
    model = classifier().fit(X[:30], NAMES[:30])
    flat = classifier(picture_shape=(12, 12)).fit(X[:30].reshape(30, 144), NAMES[:30])
    channels = classifier().fit(X[:30, None], NAMES[:30])
    table = pd.DataFrame(X.reshape(40, 144)).add_prefix("pixel")
    of_table = classifier(picture_shape=(12, 12)).fit(table[:30], pd.Series(NAMES[:30]))
    answers = model.predict_proba(X[30:])
    assert np.array_equal(flat.predict_proba(X[30:].reshape(10, 144)), answers)
    assert np.array_equal(channels.predict_proba(X[30:, None]), answers)
    assert np.array_equal(of_table.predict_proba(table[30:]), answers)
    assert model.classes_.tolist() == ["mutant", "wildtype"]
    assert roc_auc_score(NAMES[30:] == "wildtype", answers[:, 1]) > 0.9


def test_a_cache_keeps_what_is_else_made_again_and_changes_no_number(tmp_path):
    kept, unkept = encoder(cache=tmp_path), encoder()
    assert np.array_equal(kept.fit_transform(X[:30], y[:30]), unkept.fit_transform(X[:30], y[:30]))
    assert np.array_equal(kept.transform(X[30:]), unkept.transform(X[30:]))
    assert len(list((tmp_path / "encoders").iterdir())) == 3


def test_training_rows_get_the_answers_of_encoders_that_never_saw_them():
    noise = np.random.default_rng(1).permutation(y)
    options = {"output": "logit", "training": {**TRAINING, "epochs": 60, "learning_rate": 0.02}}
    honest = encoder(**options).fit_transform(X[:, 6:], noise)
    fitted = encoder(protocol="as_published", **options).fit_transform(X[:, 6:], noise)
    assert roc_auc_score(noise, fitted) > 0.9
    assert 0.2 < roc_auc_score(noise, honest) < 0.8


def test_pictures_of_the_training_are_known_by_their_pixels():
    model = classifier().fit(X[:30], y[:30])
    with pytest.warns(SeenRowsWarning, match="trained on 2 of 3 pictures"):
        model.predict(X[28:31])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X[30:])
    twice, patients = np.concatenate([X[:30], X[:1]]), [*range(30), 99]
    assert encoder(output="logit").fit_transform(twice, np.r_[y[:30], 0]).shape == (31, 1)
    with pytest.raises(CohortError, match="was trained on"):
        encoder(cv=5, random_state=0).fit_transform(twice, np.r_[y[:30], 0], groups=patients)


def test_tools_of_scikit_learn():
    chain = make_pipeline(encoder(picture_shape=(12, 12)), StandardScaler(), LogisticRegression())
    probability = cross_val_predict(chain, X.reshape(40, 144), NAMES, cv=2, method="predict_proba")
    assert roc_auc_score(NAMES == "wildtype", probability[:, 1]) > 0.85
    grid = {"training": [{**TRAINING, "epochs": epochs} for epochs in (1, 15)]}
    search = GridSearchCV(classifier(), grid, cv=2, scoring="roc_auc").fit(X[:30], y[:30])
    assert search.best_params_["training"]["epochs"] == 15
    assert search.predict(X[30:]).shape == (10,)
    assert clone(classifier(picture_shape=(12, 12))).picture_shape == (12, 12)


def test_a_pickle_brings_its_weights_along():
    for model in (classifier().fit(X[:30], y[:30]), encoder().fit(X[:30], y[:30])):
        again = pickle.loads(pickle.dumps(model))
        answers = [getattr(each, "transform", getattr(each, "predict_proba", None))(X[30:]) for each in (model, again)]
        assert np.array_equal(*answers)


def test_set_output_names_the_axes():
    model = encoder().set_output(transform="pandas")
    index = pd.RangeIndex(100, 140)
    table = pd.DataFrame(X.reshape(40, 144), index).add_prefix("pixel")
    features = model.set_params(picture_shape=(12, 12)).fit(table[:30], y[:30]).transform(table[30:])
    assert features.columns.tolist() == ["tiny_0001", "tiny_0002", "tiny_0003", "tiny_0004"]
    assert features.index.equals(index[30:])
    assert model.get_feature_names_out(table.columns).tolist() == features.columns.tolist()


def test_small_pictures_get_zeros_around_them_and_channels_reach_the_network():
    small = CropClassifier("mobilenet_v2", options={"width": 0.1}, training={"epochs": 1}, random_state=0, device="cpu")
    of_two = np.stack([X, X], axis=1)[:8, :, :, :5]
    model = small.fit(of_two, y[:8])
    assert (model.picture_shape_, model.smallest_) == ((2, 12, 5), 32)
    assert model.encoder_.options["channels"] == 2
    assert np.isfinite(model.predict_proba(of_two + 0.5)).all()


@pytest.mark.parametrize(
    ("model", "rows", "sentence"),
    [
        (classifier(picture_shape=(12, 13)), X.reshape(40, 144), "144 pixels here"),
        (classifier(picture_shape=(13, 12)), X, r"picture_shape is \(13, 12\)"),
        (classifier(), np.where(X > 3, np.nan, X), "Input X contains NaN"),
        (classifier(), pd.DataFrame({"t1__crop": np.arange(40.0)}), "crops=None; pass a crop file"),
        (classifier(), X[:1], "1 sample"),
    ],
)
def test_what_is_no_picture_is_a_sentence(model, rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.fit(rows, y[: len(rows)])


def test_pictures_of_another_size_are_refused():
    model = classifier().fit(X, y)
    with pytest.raises(
        RequestError, match=r"shape \(1, 12, 12\), as in fit, were expected; these are .* \(1, 12, 11\)"
    ):
        model.predict(X[:, :, :11])
