"""The multi-task network as an estimator: it learns, answers, draws, keeps its work, and refuses in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn.base import clone

torch = pytest.importorskip("torch")

from tiny_volumes import SIDE, SIZES, TRAINING, outcomes_of, read_pictures, write_cohort  # noqa: E402

from radiofuse.deep import MultiTaskNetwork  # noqa: E402
from radiofuse.deep.tasks.batches import TaskRows, one_hot  # noqa: E402
from radiofuse.deep.tasks.loop import TaskPlan, train_tasks  # noqa: E402
from radiofuse.deep.tasks.network import MultiTaskNet  # noqa: E402
from radiofuse.deep.tasks.training_task import TASKS_VERSION  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.fuse.each_outcome import EachOutcome  # noqa: E402
from radiofuse.fuse.held_files import attached, portable  # noqa: E402

LOSSES = [4.66018, 3.02595]  # of a tiny training, two epochs


class Study:
    """Twelve patients to learn from and four others, one of them without t1; a network that was trained on them."""

    def __init__(self, folder):
        self.folder, self.table = folder, write_cohort(folder / "cohort", 16)
        self.pictures = read_pictures(self.table, folder / "store")
        table = self.pictures.pointer_table()
        table.loc["s13", "t1__crop"] = np.nan
        self.X, self.new, self.y = table.iloc[:12], table.iloc[12:], outcomes_of(self.table, table.index[:12])
        self.fitted = self.model().fit(self.X, self.y)

    def model(self, **more):
        options = {"crops": self.pictures, "cache": self.folder / "store", "training": {**TRAINING, "epochs": 12}}
        options |= {"options": SIZES, "dropout": 0.1, "over": "image", "random_state": 0, "device": "cpu"}
        return MultiTaskNetwork(**{**options, **more})


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("multitask"))


def test_it_answers_every_outcome_of_every_row_with_a_patch_and_learns_the_one_that_shows(study):
    told = study.fitted.predict_proba(study.new)
    assert [answer.shape for answer in told] == [(4, 2), (4, 2)]
    assert all(np.allclose(answer.sum(axis=1), 1) for answer in told)
    whole = study.new["t1__crop"].notna().to_numpy()
    np.testing.assert_array_equal(told[0][whole].argmax(axis=1), (np.arange(12, 16) % 2)[whole])
    history = study.fitted.encoder_.card["history"]
    assert history["task_losses"]["idh"][-1] < history["task_losses"]["idh"][0]
    assert set(history["log_variances"]) == {"idh", "codel", "regions"}
    nothing = study.new.assign(**dict.fromkeys(study.new, np.nan))
    assert all(np.isnan(answer).all() for answer in study.fitted.predict_proba(nothing))


def test_regions_have_volumes_by_the_size_of_a_voxel(study):
    drawn = study.fitted.draw_regions(study.new)
    assert study.fitted.regions_ == ["NCR", "ED", "ET"]
    flipped = study.fitted.draw_regions(study.new, flips=True, without_scatter=False)
    assert [one.classes.shape for one in flipped] == [one.classes.shape for one in drawn]
    first = drawn[0]
    assert first.sample_id == "s12" and first.classes.shape == (SIDE,) * 3 and first.classes.max() <= 3
    counts = np.bincount(first.classes.ravel(), minlength=4)[1:]
    assert first.volumes_ml == pytest.approx(dict(zip(["NCR", "ED", "ET"], counts * 2.0 / 1000, strict=True)))
    lacking = study.new.copy()
    lacking.iloc[1] = np.nan
    with pytest.raises(CohortError, match="Sample s13 has no patch of t1, flair to draw on"):
        study.fitted.draw_regions(lacking)


def test_passes_with_dropout_differ_the_same_seed_gives_them_again_and_an_answer_does_not_move(study):
    passes = study.fitted.dropout_passes(study.new, 5, seed=1)
    assert [one.shape for one in passes] == [(5, 4, 2), (5, 4, 2)]
    assert (passes[0].std(axis=0) > 0).all()
    np.testing.assert_array_equal(passes[0], study.fitted.dropout_passes(study.new, 5, seed=1)[0])
    once, again = (study.fitted.predict_proba(study.new)[0] for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_the_same_arguments_give_the_same_network_in_another_cache_and_in_another_order(study, tmp_path):
    rows = np.random.default_rng(0).permutation(12)
    other = study.model(cache=tmp_path).fit(study.X.iloc[rows], study.y.iloc[rows])
    assert other.encoder_.key == study.fitted.encoder_.key
    assert other.encoder_.card["sha256"] == study.fitted.encoder_.card["sha256"]
    n_before = len(list((study.folder / "store" / "encoders").iterdir()))
    clone(study.fitted).fit(study.X, study.y)
    assert len(list((study.folder / "store" / "encoders").iterdir())) == n_before


def test_what_the_weights_depend_on_is_in_their_key(study):
    keys = {study.fitted.encoder_.key}
    quick = {"training": {**TRAINING, "epochs": 1}}
    for more in ({}, {"uncertainty_weighted": "parent"}, {"uncertainty_weighted": "off"}, {"regions": False}):
        keys.add(study.model(**quick, **more).fit(study.X, study.y).encoder_.key)
    keys.add(study.model(**quick, tumor_cutmix=0.5).fit(study.X, study.y).encoder_.key)
    other = study.model(**quick).fit(study.X, study.y.rename(columns={"codel": "mgmt"}))
    assert list(other.encoder_.card["tasks"]["outcomes"]) == ["idh", "mgmt"]
    keys.add(other.encoder_.key)
    unknown = study.y.copy()
    unknown.iloc[4, 1] = np.nan
    keys.add(study.model(**quick).fit(study.X, unknown).encoder_.key)
    assert len(keys) == 8


def test_it_travels_in_a_bundles_folder_and_refuses_those_it_was_trained_on(study, tmp_path):
    carried = portable(study.fitted, tmp_path / "encoders")
    assert carried.crops is None and not carried.encoder_.folder.is_absolute()
    here = attached(carried, weights=tmp_path / "encoders", crops=study.pictures, cache=tmp_path / "cache")
    for one, other in zip(here.predict_proba(study.new), study.fitted.predict_proba(study.new), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(CohortError, match="Sample s03"):
        here.predict_proba(study.X)
    assert len(here.rows_seen(study.pictures)) == 2 * 12


def test_weights_of_the_sequences_are_told_and_add_up_to_1(study):
    weights = study.fitted.modality_weights()
    assert list(weights.index) == ["t1", "flair"] and weights.sum() == pytest.approx(1)
    assert weights["t1"] != 0.5
    table = study.fitted.findings_of("idh").weights
    assert table["member"].to_list() == ["t1", "flair"] and table["weight"].sum() == pytest.approx(1)


def test_patients_held_out_tell_the_epoch_that_is_kept(study):
    model = study.model(training={**TRAINING, "epochs": 3, "validation": 0.25}, tumor_cutmix=1.0)
    history = model.fit(study.X, study.y).encoder_.card["history"]
    assert len(history["validation_losses"]) == 3
    assert history["best_epoch"] == np.argmin(history["validation_losses"]) + 1


@pytest.fixture(scope="module")
def one_mask(study, tmp_path_factory):
    """Six patients of whom one has a mask."""
    folder = tmp_path_factory.mktemp("one_mask")
    cohort = pd.read_csv(write_cohort(folder / "cohort", 6))
    cohort.loc[1:, "mask"] = ""
    cohort.to_csv(folder / "cohort" / "cohort.csv", index=False)
    pictures = read_pictures(folder / "cohort" / "cohort.csv", folder)
    return {"crops": pictures, "cache": folder}, pictures.pointer_table()


def test_the_only_mask_is_learned_from_whoever_is_held_out(study, one_mask):
    places, X = one_mask
    y = pd.DataFrame({"idh": np.arange(6) % 2.0}, X.index)
    for seed in range(3):
        model = study.model(**places, training={**TRAINING, "epochs": 1, "validation": 0.34}, random_state=seed)
        for _ in range(2):  # the second time the network is read from the cache
            with pytest.warns(UserWarning, match="known label of regions: the epoch that is kept"):
                model.fit(X, y)
        assert model.encoder_.card["history"]["task_losses"]["regions"][0] > 0


def test_tumors_that_cannot_be_cut_are_refused(study, one_mask):
    places, X = one_mask
    y = pd.DataFrame({"idh": np.arange(6) % 2.0}, X.index)
    with pytest.raises(RequestError, match="and 1 of the training patients have a patch with its mask"):
        study.model(**places, tumor_cutmix=0.5).fit(X, y)
    for asked in (lambda model: model.fit(X, y), lambda model: model.pass_blank(1, [SIDE] * 3)):
        with pytest.raises(RequestError, match="regions = false has no masks"):
            asked(study.model(**places, tumor_cutmix=0.5, regions=False))


def test_masks_without_a_tumor_are_told_since_nothing_is_cut(study, tmp_path):
    pictures = read_pictures(write_cohort(tmp_path / "cohort", 4, labels=()), tmp_path)
    X = pictures.pointer_table()
    y = pd.DataFrame({"idh": np.arange(4) % 2.0}, X.index)
    model = study.model(crops=pictures, cache=tmp_path, tumor_cutmix=1.0, training={**TRAINING, "epochs": 1})
    with pytest.warns(UserWarning, match="cuts nothing: of 4 training patients with a mask 0 have a tumor in it"):
        model.fit(X, y)


def test_an_outcome_called_as_another_task_is_refused(study):
    for names in (["idh", "regions"], ["between_passes", "codel"], ["idh", "idh"]):
        with pytest.raises(RequestError, match=f"An outcome is called '({'|'.join(names)})', and so is another task"):
            study.model().fit(study.X, study.y.set_axis(names, axis=1))


def test_one_outcome_is_the_same_network_with_one_head_and_each_by_itself_gives_one_each(study):
    quick = study.model(training={**TRAINING, "epochs": 1}, regions=False, uncertainty_weighted="off")
    alone = clone(quick).fit(study.X, study.y[["idh"]])
    each = EachOutcome(quick).fit(study.X, study.y)
    np.testing.assert_array_equal(each.predict_proba(study.new)[0], alone.predict_proba(study.new)[0])
    assert each.models_["codel"].encoder_.card["tasks"]["outcomes"] == {"codel": 2}
    assert alone.regions_ == [] and len(each.models_["codel"].encoder_.training_ids) == study.y["codel"].notna().sum()
    with pytest.raises(RequestError, match="learned no regions"):
        alone.draw_regions(study.new)


def test_masks_of_one_label_give_one_region_and_rows_without_a_mask_count_for_outcomes(tmp_path):
    table = write_cohort(tmp_path / "cohort", 6, labels=(1,))
    cohort = pd.read_csv(table)
    cohort.loc[0, "mask"] = ""
    cohort.to_csv(table, index=False)
    pictures = read_pictures(table, tmp_path)
    X = pictures.pointer_table()
    options = {"crops": pictures, "training": {**TRAINING, "epochs": 1}, "options": SIZES, "over": "image"}
    model = MultiTaskNetwork(**options, cache=tmp_path, random_state=0, device="cpu")
    model.fit(X, outcomes_of(table, X.index)[["idh"]])
    assert model.regions_ == ["tumor"] and "s00" in model.encoder_.training_ids


def test_other_labels_than_those_of_a_tumors_parts_are_refused_by_the_patients_name(study, tmp_path):
    table = write_cohort(tmp_path / "cohort", 6)
    strange = tmp_path / "cohort" / "s02_mask.nii.gz"
    mask = sitk.ReadImage(str(strange))
    sitk.WriteImage(sitk.Cast(mask + 3 * sitk.Cast(mask == 2, mask.GetPixelID()), mask.GetPixelID()), str(strange))
    pictures = read_pictures(table, tmp_path)
    X = pictures.pointer_table()
    with pytest.raises(
        CohortError, match=r"the labels \[1, 2, 4, 5\]; .* The mask of s02 holds 5. Write the labels anew"
    ):
        study.model(crops=pictures, cache=tmp_path).fit(X, outcomes_of(table, X.index)[["idh"]])


def test_what_cannot_be_learned_is_refused_in_one_sentence(study):
    nothing = study.y.assign(codel=np.nan)
    with pytest.raises(CohortError, match="Two classes of codel or more were expected, and no row has a label"):
        study.model().fit(study.X, nothing)
    with pytest.raises(CohortError, match="all that are known are 0.0"):
        study.model().fit(study.X, study.y.assign(codel=0.0))
    with pytest.raises(CohortError, match="No row has a picture of flair"):
        study.model().fit(study.X.assign(flair__crop=np.nan), study.y)
    with pytest.raises(RequestError, match="mixup = 0.2 is of networks of one outcome"):
        study.model(training={"mixup": 0.2}).fit(study.X, study.y)
    with pytest.raises(RequestError, match="dim is 9, which 2 heads do not divide"):
        study.model(options={**SIZES, "dim": 9}).fit(study.X, study.y)


def test_a_second_encoder_reads_the_whole_volume_where_there_is_one(study, tmp_path):
    pictures, quick = read_pictures(study.table, tmp_path, whole=SIDE), {"training": {**TRAINING, "epochs": 1}}
    model = study.model(crops=pictures, cache=tmp_path, whole=True, **quick).fit(study.X, study.y)
    scaling = model.encoder_.scaling
    assert len(scaling.shift) == 4 and scaling.shift[:2] == scaling.shift[2:]
    assert all(np.isfinite(answer).all() for answer in model.predict_proba(study.new))
    with pytest.raises(RequestError, match=r"Make them with VolumePatch\(size=n, whole=n\)"):
        study.model(whole=True, **quick).fit(study.X, study.y)
    with pytest.raises(RequestError, match="whole = true has volumes that are not cut with it"):
        study.model(whole=True, tumor_cutmix=0.5).fit(study.X, study.y)


def test_slices_are_no_patches(tmp_path):
    from tiny_crops import labels, make_crops

    crops = make_crops(tmp_path, n=4)
    X = crops.pointer_table()
    model = MultiTaskNetwork(crops=crops, cache=tmp_path, options=SIZES, device="cpu")
    with pytest.raises(RequestError, match="Write dimensions = 3 under"):
        model.fit(X, pd.DataFrame({"idh": labels(X)}, index=X.index))


class Cramped(MultiTaskNet):
    """A network on a device whose memory holds two patches."""

    holds = 2

    def answers(self, x, beside):
        if len(x) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().answers(x, beside)


def test_where_memory_holds_no_batch_steps_are_taken_in_parts_and_one_patch_too_many_is_told():
    rng = np.random.default_rng(0)
    targets = {"idh": one_hot(np.arange(8) % 2.0, 2)}
    rows = TaskRows(rng.normal(size=(8, 1, 8, 8, 8)).astype(np.float32), np.ones((8, 1)), targets, None)
    options = {"plan": TaskPlan(), "training": Training(**{**TRAINING, "epochs": 1}), "seed": 0, "device": "cpu"}
    histories = [
        train_tasks(kind(1, size=8, dropout=0.0, **SIZES), rows, None, **options) for kind in (MultiTaskNet, Cramped)
    ]
    assert [history.batch_size for history in histories] == [4, 2]
    Cramped.holds = 0
    with pytest.raises(RequestError, match="The device's memory does not hold a batch of one crop"):
        train_tasks(Cramped(1, size=8, **SIZES), rows, None, **options)


def test_trainings_give_the_numbers_on_record(study):
    """Other numbers need another TASKS_VERSION: trained networks are kept under it."""
    history = study.model(training=TRAINING).fit(study.X, study.y).encoder_.card["history"]
    assert TASKS_VERSION == 3
    assert history["losses"] == pytest.approx(LOSSES, rel=1e-3)


def test_a_training_that_is_stopped_goes_on_and_ends_with_the_same_bits(study, tmp_path, monkeypatch):
    from radiofuse.deep.tasks import loop

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    options = {"training": {**TRAINING, "epochs": 3}}
    whole = study.model(cache=tmp_path / "whole", **options).fit(study.X, study.y)
    epochs, plain = [], loop._epoch

    def stopping(*given):
        if len(epochs) == 2:
            raise KeyboardInterrupt
        epochs.append(plain(*given))
        return epochs[-1]

    monkeypatch.setattr(loop, "_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        study.model(cache=tmp_path / "parts", **options).fit(study.X, study.y)
    monkeypatch.setattr(loop, "_epoch", plain)
    resumed = study.model(cache=tmp_path / "parts", **options).fit(study.X, study.y)
    assert resumed.encoder_.card["sha256"] == whole.encoder_.card["sha256"]
    assert resumed.encoder_.card["history"] == whole.encoder_.card["history"]
