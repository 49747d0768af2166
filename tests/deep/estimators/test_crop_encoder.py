"""Training rows get the answers of encoders that never saw their patient; new rows those of the full one."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sklearn.base import clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.utils._param_validation import InvalidParameterError  # noqa: E402
from test_encoder_cache import forward_passes  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops, patients  # noqa: E402

from radiofuse.classify.modality import modality_classifier  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder, rows_seen  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.evaluate import cross_validated_predictions  # noqa: E402
from radiofuse.fuse import LateFusion  # noqa: E402
from radiofuse.patients import permuted  # noqa: E402
from radiofuse.patients.routing import fit_with_groups  # noqa: E402

NEW = slice(24, 32)


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    return make_crops(tmp_path_factory.mktemp("crops"), n=32, signal=1.0)


@pytest.fixture
def table(crops):
    """A feature of radiomics beside the pointers; one row has no crop."""
    table = crops.pointer_table()
    table.insert(0, "t1__mean", np.arange(32.0))
    table["t1__sd"] = 1.0
    table.loc["s09", "t1__crop"] = np.nan
    return table


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One for all tests of this file: what a key stands for does not change."""
    return tmp_path_factory.mktemp("store")


def options(crops, cache, **own):
    shared = {"encoder": TINY, "crops": crops, "cache": cache, "training": TRAINING, "device": "cpu"}
    return {**shared, "random_state": 7, **own}


def encoder(crops, cache, **own):
    return CropEncoder(**options(crops, cache, **{"cv": 3, **own}))


def fit(model, table, **fit_params):
    train = table.iloc[:24]
    return model.fit_transform(train, labels(train), groups=patients(train), **fit_params)


# ---------------------------------------------------------------- who sees whom


def test_every_training_row_is_embedded_by_an_encoder_that_never_saw_its_patient(crops, cache, table):
    model = encoder(crops, cache, output="logit")
    features = fit(model, table)
    of_patient = pd.Series(patients(table), table.index)
    held_out_in = dict.fromkeys(table.index[:24], 0)
    for inner in model.inner_encoders_:
        seen = set(of_patient[list(inner.training_ids)])
        for sample_id in table.index[:24]:
            if sample_id == "s09" or of_patient[sample_id] in seen:
                continue
            held_out_in[sample_id] += 1
            answer = EncoderCache(cache).embeddings(inner, crops, [int(table.at[sample_id, "t1__crop"])])[0, -1]
            assert features.at[sample_id, "t1__tiny_logit"] == answer
            assert sample_id not in inner.training_ids
    assert len(model.inner_encoders_) == 3
    assert held_out_in == {**dict.fromkeys(table.index[:24], 1), "s09": 0}
    assert model.encoder_.training_ids == set(table.index[:24]) - {"s09"}


def test_new_rows_get_the_encoder_trained_on_all_training_rows(crops, cache, table):
    model = encoder(crops, cache)
    fit(model, table)
    answers = EncoderCache(cache).embeddings(model.encoder_, crops, table["t1__crop"].iloc[NEW].astype(int))
    assert np.array_equal(model.transform(table.iloc[NEW]).iloc[:, 2:], answers[:, :-1])


def test_cross_fitted_embeddings_are_turned_to_the_axes_of_the_full_encoder(crops, cache, table):
    model = encoder(crops, cache)
    features = fit(model, table)
    store = EncoderCache(cache)
    for inner, alignment in zip(model.inner_encoders_, model.alignments_, strict=True):
        assert np.allclose(alignment.rotation @ alignment.rotation.T, np.eye(4))
        for sample_id in set(table.index[:24]) - inner.training_ids - {"s09"}:
            raw = store.embeddings(inner, crops, [int(table.at[sample_id, "t1__crop"])])[0, :-1]
            assert np.allclose(features.loc[sample_id, "t1__tiny_0001":], alignment.apply(raw))
    rows = table["t1__crop"].iloc[:24].dropna().astype(int)
    in_sample = store.embeddings(model.encoder_, crops, rows)[:, :-1]
    centers = [alignment.target_mean for alignment in model.alignments_]
    assert np.allclose(np.mean(centers, axis=0), in_sample.mean(axis=0), atol=0.2 * in_sample.std())


def test_as_published_gives_training_rows_the_encoder_trained_on_them(crops, cache, table):
    published, fitted = encoder(crops, cache, protocol="as_published"), encoder(crops, cache)
    in_sample, out_of_fold = fit(published, table), fit(fitted, table)
    rows = table["t1__crop"].iloc[:24].dropna().astype(int)
    answers = EncoderCache(cache).embeddings(published.encoder_, crops, rows)
    assert np.array_equal(in_sample.dropna().iloc[:, 2:], answers[:, :-1])
    assert published.inner_encoders_ == []
    assert published.encoder_.key == fitted.encoder_.key
    assert not np.allclose(in_sample.dropna(), out_of_fold.dropna())


def test_fit_alone_trains_the_encoder_of_new_rows_only(crops, cache, table):
    alone, whole = encoder(crops, cache), encoder(crops, cache)
    fit(whole, table)
    alone.fit(table.iloc[:24], labels(table)[:24], groups=patients(table)[:24])
    pd.testing.assert_frame_equal(alone.transform(table.iloc[NEW]), whole.transform(table.iloc[NEW]))
    assert alone.inner_encoders_ == alone.alignments_ == []


def test_labels_of_noise_are_not_learned_by_heart_but_as_published_they_are(tmp_path):
    noise = make_crops(tmp_path, n=48, seed=11)
    X = noise.pointer_table()
    training = {**TRAINING, "epochs": 60, "learning_rate": 0.02}
    scores = {"crossfit": [], "as_published": []}
    for seed in range(6):
        y = permuted(labels(X), X.index, random_state=seed)
        for protocol, found in scores.items():
            model = encoder(
                noise, tmp_path, protocol=protocol, output="logit", cv=2, training=training, random_state=seed
            )
            found.append(roc_auc_score(y, model.fit_transform(X, y).iloc[:, 0]))
    assert np.mean(scores["crossfit"]) == pytest.approx(0.5, abs=0.1)
    assert np.mean(scores["as_published"]) > 0.8


# ---------------------------------------------------------------- what is refused


def test_transform_refuses_samples_that_the_encoder_was_trained_on(crops, cache, table):
    model = encoder(crops, cache)
    fit(model, table)
    with pytest.raises(CohortError, match=r"2 problems(.|\n)*Sample s03 \(t1\) is one that the encoder was trained"):
        model.transform(table.loc[["s03", "s04", "s24"]])
    assert model.transform(table.loc[["s09", "s24"]]).loc["s09", "t1__tiny_0001":].isna().all()


def test_transform_refuses_the_same_crop_under_another_name(tmp_path):
    keys = [f"key-{number}" for number in range(24)]
    twins = make_crops(tmp_path, n=24, signal=1.0, keys=[*keys[:23], keys[0]])
    X = twins.pointer_table()
    model = encoder(twins, tmp_path).fit(X.iloc[:20], labels(X)[:20])
    with pytest.raises(CohortError, match="Sample s23 .* has the image of another sample"):
        model.transform(X.iloc[20:])
    with pytest.raises(CohortError, match="Give both samples one patient_id"):
        encoder(twins, tmp_path, cv=5, random_state=1).fit_transform(X, np.arange(24) % 2)


def test_transform_refuses_the_same_pixels_from_another_file(tmp_path):
    crops = make_crops(tmp_path / "a", n=24, signal=1.0)
    copies = make_crops(tmp_path / "b", n=24, signal=1.0, keys=[f"compressed anew {number}" for number in range(24)])
    X = crops.pointer_table()
    model = encoder(crops, tmp_path).fit(X.iloc[:20], labels(X)[:20]).set_params(crops=copies)
    assert model.transform(X.iloc[20:]).notna().all(axis=None)
    renamed = rows_seen(replace(model.encoder_, card={**model.encoder_.card, "training_ids": []}), copies, range(24))
    assert sorted(renamed) == list(range(20))
    assert "has the image of another sample" in renamed[0]


def test_pointers_of_another_crop_file_are_refused(tmp_path):
    crops = make_crops(tmp_path, n=24, modalities=("t1", "t2"))
    X = crops.pointer_table()
    shifted = X[["t1__crop"]].shift(1).rename_axis("sample_id")
    with pytest.raises(RequestError, match=r"Row s01 of column t1__crop points at the crop of sample s00 \(t1\)"):
        encoder(crops, tmp_path).fit(shifted, labels(shifted))
    swapped = X[["t2__crop"]].set_axis(["t1__crop"], axis=1)
    with pytest.raises(RequestError, match=r"sample s00 \(t2\) in .* belong to another crop file"):
        encoder(crops, tmp_path).fit(swapped, labels(swapped))
    unnamed = X[["t1__crop"]].reset_index(drop=True)
    assert encoder(crops, tmp_path).fit(unnamed, labels(X)).encoder_.training_ids == set(X.index)


def test_five_patients_are_a_sentence(crops, cache, table):
    five = table.iloc[[0, 1, 4, 5, 8]]
    with pytest.raises(CohortError, match="Cross-fitting an encoder in 3 folds needs 3 patients of each class"):
        encoder(crops, cache).fit_transform(five, labels(five))


def test_one_class_in_a_fold_is_a_sentence(crops, cache, table):
    one = table.iloc[:24:2]
    with pytest.raises(CohortError, match="class"):
        encoder(crops, cache, protocol="as_published").fit_transform(one, labels(one))
    by_hand = [(np.arange(12), np.arange(12, 23)), (np.arange(12, 23), np.arange(12))]

    class Halves:
        def split(self, X, y, groups):
            return by_hand

        def get_n_splits(self):
            return 2

    y = np.r_[np.zeros(12, int), np.ones(12, int)]
    with pytest.raises(CohortError, match="class"):
        encoder(crops, cache, cv=Halves()).fit_transform(table.iloc[:24], y)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda X: X.drop(columns="t1__crop"), "One column <modality>__crop was expected and there are 0"),
        (lambda X: X.assign(t2__crop=1.0), "there are 2 of them"),
        (lambda X: X.to_numpy(), "X is a ndarray"),
        (lambda X: X.assign(t1__crop=X["t1__crop"] + 0.5), "holds 0.5; row numbers of"),
        (lambda X: X.assign(t1__crop=X["t1__crop"] + 1000), "from 0 to 31"),
        (lambda X: X.assign(t1__crop=X["t1__crop"] - 3), "holds -3"),
    ],
)
def test_a_table_without_sound_pointers_is_a_sentence(change, sentence, crops, cache, table):
    with pytest.raises(RequestError, match=sentence):
        encoder(crops, cache).fit(change(table), labels(table))


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"crops": None}, "crops=None; pass a crop file"),
        ({"cache": None}, "cache=None; pass the folder"),
        ({"training": {"epoch": 3}}, "epoch"),
        ({"encoder": "san11"}, "san11"),
    ],
)
def test_a_wrong_option_is_a_sentence(own, sentence, crops, cache, table):
    with pytest.raises(RequestError, match=sentence):
        encoder(crops, cache).set_params(**own).fit(table, labels(table))


@pytest.mark.parametrize("own", [{"protocol": "honest"}, {"output": "both"}, {"cv": 1}])
def test_a_wrong_value_is_refused_by_its_rule(own, crops, cache, table):
    with pytest.raises(InvalidParameterError):
        encoder(crops, cache, **own).fit(table, labels(table))


def test_labels_are_places_of_classes(crops, cache, table):
    with pytest.raises(RequestError, match="Labels 0 and 1, or 0 to K - 1, were expected, y holds 2"):
        encoder(crops, cache).fit(table, labels(table) + 1)


# ---------------------------------------------------------------- what comes out


def test_other_columns_stand_in_front_and_names_follow_the_grammar(crops, cache, table):
    model = encoder(crops, cache)
    features = fit(model, table)
    expected = ["t1__mean", "t1__sd", "t1__tiny_0001", "t1__tiny_0002", "t1__tiny_0003", "t1__tiny_0004"]
    assert features.columns.to_list() == model.get_feature_names_out().tolist() == expected
    assert features.index.equals(table.index[:24])
    assert features["t1__mean"].to_list() == table["t1__mean"].to_list()[:24]
    assert model.n_features_in_ == 3
    logit = encoder(crops, cache, output="logit")
    assert fit(logit, table).columns.to_list() == ["t1__mean", "t1__sd", "t1__tiny_logit"]


def test_rows_without_a_crop_are_nan_and_nothing_else_is(crops, cache, table):
    features = fit(encoder(crops, cache), table)
    assert features.loc["s09", "t1__tiny_0001":].isna().all()
    assert features.loc["s09", "t1__mean"] == 9
    assert features.drop(index="s09").notna().all(axis=None)


def test_the_order_of_rows_changes_no_number(crops, cache, table):
    straight, mixed = encoder(crops, cache), encoder(crops, cache)
    train = table.iloc[:24]
    shuffled = train.sample(frac=1, random_state=0)
    before = straight.fit_transform(train, labels(train))
    after = mixed.fit_transform(shuffled, labels(shuffled))
    pd.testing.assert_frame_equal(after.loc[before.index], before, check_exact=True)


def test_set_output_keeps_the_table(crops, cache, table):
    model = encoder(crops, cache).set_output(transform="pandas")
    pd.testing.assert_frame_equal(fit(model, table), fit(encoder(crops, cache), table))


def test_a_second_fit_makes_no_forward_pass(crops, cache, table):
    first = fit(encoder(crops, cache), table)
    with forward_passes() as count:
        second = fit(encoder(crops, cache), table)
    assert len(count) == 0
    assert first.to_numpy().tobytes() == second.to_numpy().tobytes()


def test_without_a_seed_two_fits_differ(crops, cache, table):
    models = [encoder(crops, cache, protocol="as_published", random_state=None) for _ in range(2)]
    assert len({fit(model, table).to_numpy().tobytes() for model in models}) == 2


# ---------------------------------------------------------------- scikit-learn


@pytest.mark.parametrize("kind", [CropEncoder, CropClassifier])
def test_clone_params_and_pickle(kind, crops, cache, table):
    model = kind(**options(crops, cache))
    assert clone(model).get_params().keys() == model.get_params().keys()
    assert clone(model).set_params(random_state=8, training={"epochs": 1}).random_state == 8
    model.fit(table.iloc[:24], labels(table)[:24])
    content = pickle.dumps(model)
    assert len(content) < 20_000
    again, new = pickle.loads(content), table.iloc[NEW]
    answer = (lambda m: m.transform(new)) if kind is CropEncoder else (lambda m: m.predict_proba(new))
    assert np.array_equal(answer(again), answer(model))


def test_crops_may_be_a_path(crops, cache, table):
    by_path = encoder(str(crops.path), str(cache))
    pd.testing.assert_frame_equal(fit(by_path, table), fit(encoder(crops, cache), table))


def test_a_pipeline_hands_it_the_patients(crops, cache, table):
    chain = Pipeline([("encode", encoder(crops, cache)), ("classify", LogisticRegression())])
    train = table.iloc[:24].drop(index="s09")
    fit_with_groups(chain, train, labels(train), patients(train))
    for inner in chain["encode"].inner_encoders_:
        seen = train.loc[sorted(inner.training_ids)]
        assert not set(patients(seen)) & set(patients(train.drop(index=seen.index)))
    assert chain.predict_proba(table.iloc[NEW]).shape == (8, 2)


def test_late_fusion_of_encoders_answers_for_patients_it_never_saw(tmp_path):
    crops = make_crops(tmp_path, n=32, modalities=("t1", "t2"), signal=2.0)
    X = crops.pointer_table()
    X.loc["s05", "t2__crop"] = np.nan
    training = {**TRAINING, "epochs": 15}
    chains = [
        (name, modality_classifier(select=None, random_state=0, encoder=encoder(crops, tmp_path, training=training)))
        for name in ("t1", "t2")
    ]
    fusion = LateFusion(chains, random_state=0)
    found = cross_validated_predictions(fusion, X, labels(X), groups=patients(X), cv=2, random_state=0)
    by_model = found.pivot(index="sample_id", columns="model", values="probability").loc[X.index]
    assert by_model["t2"].isna().sum() == 1
    assert roc_auc_score(labels(X), by_model["mean"]) > 0.9


# ---------------------------------------------------------------- the classifier


def test_the_classifier_answers_with_the_networks_softmax(crops, cache, table):
    model = CropClassifier(**options(crops, cache)).fit(table.iloc[:24], np.array(["no", "yes"])[labels(table)[:24]])
    logit = EncoderCache(cache).embeddings(model.encoder_, crops, range(24, 32))[:, -1]
    probability = model.predict_proba(table.iloc[NEW])
    assert np.allclose(probability[:, 1], 1 / (1 + np.exp(-logit)))
    assert np.allclose(probability.sum(axis=1), 1)
    assert model.predict(table.iloc[NEW]).tolist() == np.where(logit >= 0, "yes", "no").tolist()


def test_the_classifier_says_nan_without_a_crop_and_refuses_what_it_saw(crops, cache, table):
    model = CropClassifier(**options(crops, cache)).fit(table.iloc[:24], labels(table)[:24])
    assert np.isnan(model.predict_proba(table.loc[["s09"]])).all()
    with pytest.raises(CohortError, match="s09 has no crop"):
        model.predict(table.loc[["s09"]])
    with pytest.raises(CohortError, match="Sample s01"):
        model.predict_proba(table.loc[["s01"]])
    with pytest.raises(RequestError, match="knows two classes, and the outcome has 3"):
        CropClassifier(**options(crops, cache)).fit(table, np.arange(32) % 3)
