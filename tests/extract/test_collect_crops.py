"""Crops of a cohort: through store and file to the last bit, once, and with every bad input named."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import RequestError, StoreError
from radiofuse.extract import CropExtractor, add_crops, collect_crops, collect_features
from radiofuse.imaging import Cropping, Crops, read_pair, tumor_crops
from radiofuse.store import FeatureStore
from radiofuse.tables.cohort import read_cohort

TWO_SLICES = Cropping(size=24, slices=2)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory) -> pd.DataFrame:
    """Eight generated patients with ten samples, of which one lacks a modality."""
    return read_cohort(make_phantom_cohort(tmp_path_factory.mktemp("phantom"), n_patients=8))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def cropped(phantom, store):
    return collect_crops(phantom, TWO_SLICES, store, n_jobs=2)


def present(cohort: pd.DataFrame) -> set[tuple[str, str]]:
    names = ("t1", "t1ce", "t2", "flair")
    return {(row["sample_id"], name) for row in cohort.to_dict("records") for name in names if row[f"{name}__image"]}


def hollow(cohort: pd.DataFrame, **cells) -> pd.DataFrame:
    """The first two samples with t1 only, and some cells of the first one changed."""
    cohort = cohort.head(2).copy()
    cohort[["t1ce__image", "t2__image", "flair__image"]] = ""
    for name, value in cells.items():
        cohort.loc[cohort.index[0], name] = value
    return cohort


class TestCrops:
    def test_one_row_per_image_that_is_there(self, phantom, cropped):
        crops = cropped.crops
        assert set(zip(crops.sample_ids, crops.modalities, strict=True)) == present(phantom)
        assert len(present(phantom)) == 39
        assert crops.modalities == sorted(crops.modalities, key=["t1", "t1ce", "t2", "flair"].index)
        pairs = zip(crops.sample_ids, crops.modalities, strict=True)
        assert crops.keys == [cropped.extraction.keys[pair] for pair in pairs]
        assert (crops.size, crops.n_slices, crops.identity) == (24, 2, TWO_SLICES.identity())

    def test_pointers_lead_to_the_bits_of_the_crop(self, phantom, cropped):
        table = cropped.crops.pointer_table()
        for row in phantom.to_dict("records"):
            for name in ("t1", "flair"):
                if row[f"{name}__image"]:
                    expected = tumor_crops(read_pair(row[f"{name}__image"], row[f"{name}__mask"]), TWO_SLICES)
                    pointer = [int(table.at[row["sample_id"], f"{name}__crop"])]
                    assert cropped.crops.images(pointer)[0].tobytes() == expected.images.tobytes()
                    assert cropped.crops.masks(pointer)[0].tobytes() == expected.masks.tobytes()
        assert table.isna().sum().sum() == 1

    def test_slices_that_are_not_there_are_zero(self, phantom, store):
        crops = collect_crops(hollow(phantom), Cropping(size=12, slices=40), store).crops
        assert (crops.counts([0, 1]) < 40).all()
        for row, count in enumerate(crops.counts([0, 1])):
            images, masks = crops.images([row])[0], crops.masks([row])[0]
            assert masks[:count].any(axis=(1, 2)).all()
            assert not images[count:].any() and not masks[count:].any()

    def test_every_slice_up_to_a_limit_that_is_said(self, phantom, store, caplog):
        caplog.set_level(logging.INFO)
        crops = collect_crops(hollow(phantom), Cropping(size=12, slices="all", max_slices=3), store).crops
        assert crops.counts([0, 1]).tolist() == [3, 3]
        assert "2 tumors lie in more than 3 slices; the largest were taken." in caplog.text

    @pytest.mark.parametrize(("named", "like"), [({}, 1), ({"label": "any"}, "any"), ({"label": 2}, 2)])
    def test_a_batch_table_that_names_no_label_takes_1_unless_the_caller_names_one(self, phantom, store, named, like):
        row = hollow(phantom).iloc[0]
        pd.DataFrame([{"ID": "a", "Image": row["t1__image"], "Mask": row["t1__mask"]}]).to_csv(
            store.root / "batch.csv", index=False
        )
        (mask,) = collect_crops(read_cohort(store.root / "batch.csv"), TWO_SLICES, store, **named).crops.masks([0])
        pair = read_pair(row["t1__image"], row["t1__mask"], label=like)
        assert np.array_equal(mask, tumor_crops(pair, TWO_SLICES).masks)

    def test_the_label_chooses_the_tumor(self, phantom, store):
        whole, core = (collect_crops(hollow(phantom), TWO_SLICES, store, label=label).crops for label in ("any", 1))
        assert whole.path != core.path
        assert not np.array_equal(whole.masks([0]), core.masks([0]))

    def test_the_same_files_under_two_names_are_two_rows(self, phantom, store):
        twice = pd.concat([hollow(phantom).head(1), hollow(phantom).head(1).assign(sample_id="again")])
        result = collect_crops(twice, Cropping(size=10), store)
        assert result.extraction.n_computed == 1
        assert result.crops.keys[0] == result.crops.keys[1]
        assert np.array_equal(*result.crops.images([0, 1]))
        assert result.crops.images([1]).any()


class TestAgain:
    def test_a_second_run_computes_and_writes_nothing(self, phantom, store, cropped):
        before = cropped.crops.path.stat()
        again = collect_crops(phantom, TWO_SLICES, FeatureStore(store.root), n_jobs=2)
        assert (again.extraction.n_computed, again.extraction.n_stored) == (0, 39)
        assert again.crops.path == cropped.crops.path
        assert again.crops.path.stat().st_ino == before.st_ino

    def test_two_runs_write_the_same_bytes(self, phantom, cropped, tmp_path):
        """One child or two, one store or another."""
        alone = collect_crops(phantom, TWO_SLICES, FeatureStore(tmp_path / "store"), n_jobs=1)
        for suffix in (".npy", ".json"):
            one, other = (run.crops.path.with_suffix(suffix) for run in (alone, cropped))
            assert one.name == other.name
            assert one.read_bytes() == other.read_bytes()

    @pytest.mark.parametrize("damage", ["truncated", "changed", "absent", "no index", "of other settings"])
    def test_a_damaged_file_is_built_anew_without_cropping(self, phantom, store, cropped, damage, caplog):
        path, content = cropped.crops.path, cropped.crops.path.read_bytes()
        if damage == "truncated":
            path.write_bytes(content[: len(content) // 2])
        elif damage == "changed":
            path.write_bytes(content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:])
        elif damage == "absent":
            path.unlink()
        elif damage == "no index":
            path.with_suffix(".json").unlink()
        else:
            other = collect_crops(phantom.head(3), Cropping(size=16), store).crops.path
            for suffix in (".npy", ".json"):
                path.with_suffix(suffix).write_bytes(other.with_suffix(suffix).read_bytes())
        again = collect_crops(phantom, TWO_SLICES, store)
        assert again.extraction.n_computed == 0
        assert again.crops.path.read_bytes() == content
        Crops.open(path).verify()
        assert ("is not usable" in caplog.text) == (damage != "absent")

    def test_other_settings_are_another_file(self, phantom, store, cropped):
        first = cropped.crops.path.read_bytes()
        other = collect_crops(phantom.head(2), Cropping(size=25, slices=2), store)
        assert other.crops.path != cropped.crops.path
        assert other.crops.images([0]).shape == (1, 2, 25, 25)
        assert cropped.crops.path.read_bytes() == first

    def test_a_damaged_store_stops_before_a_file_is_written(self, phantom, tmp_path):
        """Vectors that vanish between two looks at the store must not become black crops."""
        store, cohort = FeatureStore(tmp_path / "store"), hollow(phantom)
        first = collect_crops(cohort, TWO_SLICES, store)
        (shard,) = (store.root / "blocks").glob("*/*.parquet")
        shard.unlink()
        with pytest.raises(StoreError, match="Run the extraction with this store again"):
            list(store.vectors(first.extraction.block, first.crops.keys))
        assert collect_crops(cohort, TWO_SLICES, store).extraction.n_computed == 2


def with_nan(source: str, folder: Path) -> str:
    voxels = sitk.ReadImage(source, sitk.sitkFloat32)
    voxels[0, 0, 0] = float("nan")
    sitk.WriteImage(voxels, str(folder / "nan.nii.gz"))
    return str(folder / "nan.nii.gz")


def without_tumor(source: str, folder: Path) -> str:
    sitk.WriteImage(sitk.ReadImage(source) * 0, str(folder / "empty.nii.gz"))
    return str(folder / "empty.nii.gz")


class TestBadInput:
    @pytest.mark.parametrize(
        ("column", "spoil", "code", "sentence"),
        [
            ("t1__mask", lambda *_: "", "file_missing", "No mask is named for this image"),
            ("t1__mask", without_tumor, "empty_roi", "The mask is zero everywhere."),
            ("t1__image", with_nan, "not_finite", "The image has 1 NaN or infinite voxel, 0 in the region"),
            ("t1__image", lambda *_: "/nowhere.nii.gz", "file_missing", "Image: nowhere.nii.gz does not exist."),
        ],
        ids=["no mask", "no tumor", "nan", "no file"],
    )
    def test_is_named_and_has_no_pointer(self, phantom, tmp_path, column, spoil, code, sentence):
        cohort = hollow(phantom)
        cohort = hollow(phantom, **{column: spoil(cohort[column].iloc[0], tmp_path)})
        bad, good = cohort["sample_id"]
        result = collect_crops(cohort, TWO_SLICES, FeatureStore(tmp_path / "store"))
        (failure,) = result.failures.to_dict("records")
        assert (failure["sample_id"], failure["modality"], failure["code"]) == (bad, "t1", code)
        assert sentence in failure["message"]
        assert result.crops.sample_ids == [good]
        assert result.crops.images([0]).any()

    def test_a_cohort_in_which_nothing_can_be_cropped(self, phantom, tmp_path):
        cohort = hollow(phantom, t1__image="/nowhere.nii.gz").head(1)
        result = collect_crops(cohort, TWO_SLICES, FeatureStore(tmp_path / "store"))
        assert len(result.failures) == 1
        assert result.crops.pointer_table().empty

    def test_a_modality_without_a_crop_has_its_column(self, phantom, tmp_path):
        cohort, store = hollow(phantom), FeatureStore(tmp_path / "store")
        features, crops = add_crops(collect_features(cohort, None, store), cohort, TWO_SLICES, store)
        pointers = [f"{name}__crop" for name in ("t1", "t1ce", "t2", "flair")]
        assert features.table.columns[-4:].to_list() == pointers
        assert features.table.notna()[pointers].all().to_list() == [True, False, False, False]
        assert len(crops.keys) == 2

    def test_a_cohort_without_images(self, tmp_path):
        with pytest.raises(RequestError, match="no <modality>__image column"):
            collect_crops(pd.DataFrame({"sample_id": ["a"]}), TWO_SLICES, FeatureStore(tmp_path / "store"))

    def test_a_folder_that_cannot_be_made(self, phantom, tmp_path):
        store = FeatureStore(tmp_path / "store")
        store.root.mkdir()
        (store.root / "crops").write_text("a file, not a folder")
        with pytest.raises(StoreError, match="crops could not be written to .* what was cropped is kept"):
            collect_crops(hollow(phantom), TWO_SLICES, store)


def test_a_vector_says_which_slices_it_shows(phantom):
    row = phantom.iloc[0]
    pair = read_pair(row["t1__image"], row["t1__mask"])
    extractor = CropExtractor(Cropping(size=8, slices=60))
    vector = pd.Series(extractor.compute(pair), extractor.block().feature_names)
    crops = tumor_crops(pair, Cropping(size=8, slices=60))
    n = len(crops.slices)
    assert vector["n_slices"] == n < 60
    assert tuple(vector[[f"slice_{number}" for number in range(n)]]) == crops.slices
    assert vector[f"slice_{n}"] == -1
    assert vector["image_1_0_7"] == crops.images[1, 0, 7]
    assert vector["mask_1_4_4"] == crops.masks[1, 4, 4] == 1


EDGES = np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]


@pytest.mark.data
def test_the_real_cohort(data_dir, tmp_path):
    cohort = read_cohort(data_dir / "brats20_tcga_roi" / "cohort.csv")
    result = collect_crops(cohort, Cropping(), FeatureStore(tmp_path / "store"), n_jobs=2)
    table = result.crops.pointer_table()
    assert result.failures.empty
    assert table.shape == (111, 4)
    assert sorted(table.to_numpy().ravel()) == list(range(444))
    images, masks = result.crops.images(range(444)), result.crops.masks(range(444))
    assert np.isfinite(images).all()
    upper, lower, right, left = (masks[:, 0][:, *edge].any(axis=1) for edge in EDGES)
    assert ((upper & lower) | (right & left)).all()  # the tumor fills its square along the longer edge
    four = table.loc["BraTS20_Training_158"].astype(int).tolist()
    assert all(np.array_equal(masks[four[0]], masks[row]) for row in four)
    assert len({images[row].tobytes() for row in four}) == 4
