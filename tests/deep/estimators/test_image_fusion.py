"""Networks of several modalities as a classifier: the same numbers again, missing modalities, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

torch = pytest.importorskip("torch")

from tiny_crops import IDENTITY, TRAINING, labels, make_crops, patients  # noqa: E402

from radiofuse.deep import ImageFusion  # noqa: E402
from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.sample_rows import SampleRows  # noqa: E402
from radiofuse.deep.scaling import fit_scaling  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.fuse.held_files import attached, portable  # noqa: E402
from radiofuse.prepare.impute import MedianImputer  # noqa: E402
from radiofuse.store.picture_rows import PictureRows  # noqa: E402

MODALITIES = ("t1", "flair")
pytestmark = pytest.mark.usefixtures("tiny_encoder")


class Study:
    """Crops with a signal, of which some are missing; 16 samples to train on and eight new ones."""

    def __init__(self, folder):
        self.folder, self.crops = folder, make_crops(folder, modalities=MODALITIES, signal=3.0)
        table = self.crops.pointer_table()
        table["clinical__age"] = np.random.default_rng(0).normal(50, 9, len(table))
        table.loc["s03", "flair__crop"] = table.loc["s17", "flair__crop"] = table.loc["s05", "clinical__age"] = np.nan
        table.loc["s18", ["t1__crop", "flair__crop"]] = np.nan
        self.X, self.new = table.iloc[:16], table.iloc[16:]
        rng, names = np.random.default_rng(1), ["t1__volume", "t1__texture", "flair__volume"]
        self.radiomics = pd.DataFrame(rng.normal(50, 9e3, (len(table), 3)), index=table.index, columns=names)
        self.radiomics.loc["s04", names[:2]] = self.radiomics.loc["s06", "t1__texture"] = np.nan
        self.y, self.groups = labels(self.X), patients(self.X)

    def model(self, **options):
        given = {"crops": self.crops, "cache": self.folder / "store", "head": (6,), "width": 8, "scorer": 4}
        given |= {"training": {**TRAINING, "epochs": 20, "batch_size": 4}, "random_state": 0, **options}
        return ImageFusion("tiny_encoder:TinyOfChannels", **given)

    def fitted(self, **options):
        return self.model(**options).fit(self.X, self.y, self.groups)

    def told(self, X):
        """Return rows with their radiomic features beside the pointers."""
        return X.join(self.radiomics)

    def guided(self, **options):
        model = self.model(fusion="radiomics_attention", clinical=True, **options)
        return model.fit(self.told(self.X), self.y, self.groups)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("fusion"))


def test_it_learns_from_images_and_answers_for_every_row_that_has_one(study):
    model = study.fitted(clinical=True, modality_dropout=True)
    answers = model.predict_proba(study.new)
    lacking = study.new.index == "s18"
    assert np.isnan(answers[lacking]).all()
    np.testing.assert_allclose(answers[~lacking].sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(study.new[~lacking]), labels(study.new[~lacking]))
    with pytest.raises(CohortError, match="Sample s18 has no picture of t1, flair to classify"):
        model.predict(study.new)


def test_the_same_arguments_give_the_same_answers_with_a_cache_and_with_another(study, tmp_path):
    first = study.fitted(fusion="weighting").predict_proba(study.new)
    folders = sorted((study.folder / "store" / "encoders").iterdir())
    np.testing.assert_array_equal(study.fitted(fusion="weighting").predict_proba(study.new), first)
    assert sorted((study.folder / "store" / "encoders").iterdir()) == folders
    elsewhere = study.model(fusion="weighting", cache=tmp_path).fit(study.X[::-1], study.y[::-1], study.groups[::-1])
    np.testing.assert_array_equal(elsewhere.predict_proba(study.new), first)


@pytest.mark.parametrize("intensities", ["z_score", "nyul"])
def test_an_absent_picture_may_be_anything(study, tmp_path, intensities):
    """Crops of other pixels in the rows that nobody points at: training, scaling and answers are the same."""
    model = study.fitted(clinical=True, intensities=intensities)
    assert model.encoder_.card["scaling"]["method"] == intensities
    noisy = make_noisy(study.crops, tmp_path, ["s03", "s17"])
    other = study.fitted(clinical=True, crops=noisy, cache=tmp_path / "store", intensities=intensities)
    assert other.encoder_.card["sha256"] == model.encoder_.card["sha256"]
    np.testing.assert_array_equal(other.predict_proba(study.new), model.predict_proba(study.new))


def make_noisy(crops: PictureRows, folder, sample_ids):
    from radiofuse.imaging import CropIndex, Crops, row_type, write_crops

    records = np.array(crops._rows)
    for row, (sample_id, modality) in enumerate(zip(crops.sample_ids, crops.modalities, strict=True)):
        if sample_id in sample_ids and modality == "flair":
            records["image"][row] = 1e4
    index = CropIndex(IDENTITY, crops.sample_ids, crops.modalities, crops.keys)
    return Crops.open(write_crops(folder, index, row_type(2, crops.size), enumerate(records)))


@pytest.mark.parametrize("fusion", ["weighting", "scalar_average"])
def test_weights_of_rows_add_up_to_1_and_are_offered_to_folds(study, fusion):
    model = study.fitted(fusion=fusion, clinical=True)
    weights = model.modality_weights(study.new)
    assert list(weights) == ["t1", "flair", *(["clinical"] if fusion == "weighting" else [])]
    np.testing.assert_allclose(weights.drop("s18").sum(axis=1), 1, rtol=1e-6)
    assert weights.loc["s17", "flair"] == 0
    assert weights.loc["s18"].isna().all()
    assert model.findings().weighing is model
    with pytest.raises(RequestError, match="gives modalities no weights"):
        study.fitted(fusion="stacked").modality_weights(study.new)


def test_who_was_trained_on_is_refused_by_name_and_by_one_picture(study, tmp_path):
    model = study.fitted()
    with pytest.raises(CohortError, match=r"16 problems:\n  - Sample s00 \(t1\) is one that the encoder was trained"):
        model.predict_proba(study.X)
    keys = [f"new-{number}" for number in range(47)] + [study.crops.keys[-9]]  # flair of s15, under another name
    others = make_crops(tmp_path, modalities=MODALITIES, seed=5, keys=keys, names="n")
    seen = attached(model, crops=others)
    with pytest.raises(CohortError, match=r"Sample n23 \(flair\) has the image of another sample"):
        seen.predict_proba(others.pointer_table().assign(clinical__age=50.0))


def test_saved_and_loaded_it_answers_the_same(study, tmp_path):
    model = study.fitted(fusion="self_attention", clinical=True, clinical_attention=True)
    carried = portable(model, tmp_path / "encoders")
    assert carried.crops is None and carried.cache is None
    assert sorted(path.suffix for path in (tmp_path / "encoders").iterdir()) == [".json", ".safetensors"]
    again = attached(carried, weights=tmp_path / "encoders", crops=study.crops, cache=tmp_path / "store")
    np.testing.assert_array_equal(again.predict_proba(study.new), model.predict_proba(study.new))


def test_radiomic_features_are_scaled_in_training_and_move_the_answer_where_there_are_some(study, tmp_path):
    model, new = study.guided(), study.told(study.new)
    answers, scaler = model.predict_proba(new), model.radiomics_["t1"][-1].scaler_
    np.testing.assert_allclose(scaler.mean_[0], study.radiomics["t1__volume"][:16].mean())
    assert model.encoder_.card["options"]["radiomics"] == 2
    assert np.isnan(answers[new.index == "s18"]).all()
    other = new.assign(flair__volume=study.radiomics["flair__volume"] + 3e4)
    moved = (model.predict_proba(other)[:, 0] - answers[:, 0]).tolist()
    assert [name for name, by in zip(new.index, moved, strict=True) if by == 0] == ["s17"]  # it has no picture of flair
    assert np.isfinite(model.predict_proba(new.assign(t1__volume=np.nan, t1__texture=np.nan))[0]).all()
    weights = model.modality_weights(new)
    assert list(weights) == ["t1", "flair"] and weights.loc["s17"].tolist() == [1, 0]
    carried = portable(model, tmp_path / "encoders")
    again = attached(carried, weights=tmp_path / "encoders", crops=study.crops, cache=tmp_path / "store")
    np.testing.assert_array_equal(again.predict_proba(new), answers)


def test_a_second_network_of_the_same_radiomic_features_is_the_first_and_of_others_another(study, tmp_path):
    first, new = study.guided(), study.told(study.new)
    again = study.guided(cache=tmp_path)
    np.testing.assert_array_equal(again.predict_proba(new), first.predict_proba(new))
    study.radiomics.loc["s00", "flair__volume"] += 1e4
    try:
        assert study.guided(cache=tmp_path).encoder_.card["sha256"] != first.encoder_.card["sha256"]
    finally:
        study.radiomics.loc["s00", "flair__volume"] -= 1e4


def test_radiomic_features_are_selected_on_the_training_rows_alone(study):
    model = study.guided(radiomics=make_pipeline(MedianImputer(), SelectKBest(k=1)))
    expected = SelectKBest(k=1).fit(*known_t1(study)).get_support()
    assert model.radiomics_["t1"][0][-1].get_support().tolist() == expected.tolist()
    assert model.encoder_.card["options"]["radiomics"] == 1
    refused = pytest.raises(CohortError, match="No feature of t1 is left. Let the selector keep one at least")
    with refused, pytest.warns(UserWarning, match="No features were selected"):
        study.guided(radiomics=make_pipeline(MedianImputer(), SelectKBest(k=0)))


def known_t1(study):
    """Return the features of t1 of the training rows that have some, filled, and labels."""
    block = study.radiomics[["t1__volume", "t1__texture"]].iloc[:16]
    known = block.notna().any(axis=1).to_numpy()
    return MedianImputer().fit_transform(block[known]), study.y[known]


def test_three_classes_and_columns_in_another_order(study):
    y = np.array(["a", "b", "c"])[np.arange(16) % 3]
    model = study.model(fusion="channel_attention", training={**TRAINING, "epochs": 1}).fit(study.X, y)
    answers = model.predict_proba(study.new.iloc[:2])
    assert answers.shape == (2, 3)
    np.testing.assert_array_equal(model.predict_proba(study.new.iloc[:2, ::-1].assign(more=1.0)), answers)


def test_it_stands_in_a_search_of_scikit_learn(study):
    model = study.model(training={**TRAINING, "epochs": 1})
    search = GridSearchCV(model, {"fusion": ["stacked", "squeeze_excitation"]}, cv=2).fit(study.X, study.y)
    assert search.best_params_["fusion"] in ("stacked", "squeeze_excitation")
    assert clone(model).get_params()["head"] == (6,)


@pytest.mark.parametrize("fusion", ["weighting", "stacked"])
def test_encoders_of_rate_0_stay_as_they_began_while_the_head_moves(study, fusion):
    told = {**TRAINING, "encoder_learning_rate": 0.0, "optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"}
    model = study.model(fusion=fusion, training=told).fit(study.X, study.y)
    task, module = model.encoder_.card["inputs"], model.encoder_.module().cpu().state_dict()
    start = make_encoder(task["encoder"], task["seed"], options=task["options"]).state_dict()
    moved = {name.split(".")[0] for name in start if not torch.equal(module[name], start[name])}
    assert moved == {"head", "classify", *(["join"] if fusion == "weighting" else [])}


def test_raw_pixels_are_told_their_size(study):
    model = study.model(clinical=True, clinical_width=0, options={}).set_params(encoder="pixels")
    model.fit(study.X, study.y)
    assert model.encoder_.module().joined_dim == 2 * 12 * 12 + 1


def test_intensities_are_measured_where_a_modality_is_there(study):
    pointers = np.array([[0.0, np.nan], [1.0, 25.0]])
    samples = SampleRows(study.crops, MODALITIES, pointers, (~np.isnan(pointers)).astype(float))
    rows, counts = [0, 1], samples.counts([0, 1])
    assert samples.pictures(rows).shape == (counts.sum(), 2, 12, 12)
    assert (samples.pictures(rows)[: counts[0], 1] == 0).all()
    scaling = fit_scaling("z_score", samples.pictures(rows), samples.tumors(rows), counts)
    own = study.crops.pictures([25])[: counts[1], 0]
    assert scaling.shift[1] == pytest.approx(own.mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda X: X.to_numpy(), "X has the type ndarray"),
        (lambda X: X[["clinical__age"]], "X has the columns clinical__age"),
        (lambda X: X[["t1__crop"]], "clinical=True reads columns called clinical__<name>, and the table has none"),
        (lambda X: X.assign(flair__crop=np.nan), "No row has a picture of flair"),
        (lambda X: X.assign(t1__volume=1.0), "reads columns called flair__<feature>, and the table has none"),
        (lambda X: X.assign(t1__a=1.0, flair__a=np.nan), "No row has a radiomic feature of flair"),
        (lambda X: X.assign(flair__crop=X["t1__crop"]), "belong to another crop file"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(study, change, expected):
    fusion = "radiomics_attention" if "feature" in expected else "stacked"
    with pytest.raises((RequestError, CohortError), match=expected):
        study.model(fusion=fusion, clinical=True).fit(change(study.X), study.y)


def test_a_table_that_lacks_a_column_and_options_that_know_pictures_alone_are_refused(study):
    with pytest.raises(RequestError, match="lacks flair__crop, which the network was fitted on"):
        study.fitted().predict_proba(study.new.drop(columns="flair__crop"))
    with pytest.raises(RequestError, match="mixup knows pictures alone"):
        study.model(training={**TRAINING, "mixup": 0.2}).fit(study.X, study.y)
    with pytest.raises(RequestError, match="Two classes or more"):
        study.model().fit(study.X, np.zeros(16))
    assert isinstance(study.X, pd.DataFrame)
