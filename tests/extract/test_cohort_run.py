"""A cohort through the extractor: bad files are named, the rest goes on, reruns do only what is missing."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from threadpoolctl import threadpool_info

from radiofuse.errors import ImageError, StoreError
from radiofuse.extract import PerturbedExtractor, RadiomicsExtractor, extract_cohort, label_of_masks
from radiofuse.extract.one_task import Task
from radiofuse.extract.outcomes import extract_task
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging import file_sha256
from radiofuse.store import Block, FeatureStore, Record, content_key
from radiofuse.tables.cohort import read_cohort

SIZE = (14, 14, 14)
QUICK = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean", "Energy"], "glcm": ["Contrast"]}}

SHAPE = {"imageType": {"Original": {}}, "featureClass": {"shape": ["VoxelVolume"]}}


def volume(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, SIZE).astype(np.float32)


def region() -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[4:10, 4:10, 4:10] = 1
    return mask


def write(path: Path, values: np.ndarray, origin=(0.0, 0.0, 0.0)) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return path


def truncated(folder: Path) -> None:
    file = write(folder / "image.nii.gz", volume())
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def with_value(value: float):
    def plant(folder: Path) -> None:
        values = volume()
        values[6, 6, 6] = value
        write(folder / "image.nii.gz", values)

    return plant


def four_dimensional(folder: Path) -> None:
    write_4d = sitk.JoinSeries([sitk.GetImageFromArray(volume(seed)) for seed in (0, 1)])
    sitk.WriteImage(write_4d, str(folder / "image.nii.gz"))


def mask_of(values: np.ndarray, **options):
    return lambda folder: write(folder / "mask.nii.gz", values, **options)


def one_voxel() -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[5, 5, 5] = 1
    return mask


BAD = {
    "truncated": (truncated, {"file_truncated", "file_corrupted"}),
    "four_d": (four_dimensional, {"wrong_dimensions"}),
    "nan": (with_value(np.nan), {"not_finite"}),
    "infinite": (with_value(np.inf), {"not_finite"}),
    "other_grid": (mask_of(region()[:-2]), {"geometry_mismatch"}),
    "wrong_affine": (mask_of(region(), origin=(5.0, 0.0, 0.0)), {"geometry_mismatch"}),
    "empty_mask": (mask_of(np.zeros(SIZE, np.uint8)), {"empty_roi"}),
    "other_label": (mask_of(region() * 2), {"label_not_found"}),
    "one_voxel": (mask_of(one_voxel()), {"roi_too_small"}),
    "text": (lambda folder: (folder / "image.nii.gz").write_text("not an image"), {"not_an_image", "wrong_extension"}),
    "missing": (lambda folder: (folder / "image.nii.gz").unlink(), {"file_missing"}),
}

OF_THE_FILE = {"truncated", "four_d", "text"}  # tried again by every run: the content alone does not decide these


@pytest.fixture
def bad_cohort(tmp_path) -> Path:
    """Two good samples, and one for each way to be bad."""
    rows = []
    for seed, name in enumerate(["good_1", *BAD, "good_2"]):
        folder = tmp_path / name
        folder.mkdir()
        write(folder / "image.nii.gz", volume(seed))
        write(folder / "mask.nii.gz", region())
        if name in BAD:
            BAD[name][0](folder)
        rows.append((name, f"{name}/image.nii.gz", f"{name}/mask.nii.gz"))
    table = pd.DataFrame(rows, columns=["sample_id", "t1__image", "t1__mask"])
    table.to_csv(tmp_path / "cohort.csv", index=False)
    return tmp_path / "cohort.csv"


@pytest.fixture
def extractor():
    return RadiomicsExtractor(QUICK, label=1)


def test_every_bad_input_is_named_and_the_rest_goes_on(bad_cohort, extractor, tmp_path):
    store = FeatureStore(tmp_path / "store")
    result = extract_cohort(read_cohort(bad_cohort, missing_files="keep"), extractor, store, n_jobs=2)
    failures = result.failures.set_index("sample_id")
    for name, (_, codes) in BAD.items():
        assert failures.at[name, "code"] in codes, (name, failures.at[name, "message"])
        assert failures.at[name, "modality"] == "t1"
    assert sorted(failures.index) == sorted(BAD)
    table = store.read([result.block.name], ["good_1", "good_2"], keys=result.keys)
    assert table.notna().all(axis=None)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "code", "sentence"),
    [
        (empty, "file_empty", "{}.nii.gz has zero bytes."),
        (folder_instead, "file_unreadable", "{}.nii.gz is a folder, one image file was expected."),
        (Path.unlink, "file_missing", "{}.nii.gz does not exist."),
    ],
)
@pytest.mark.parametrize("part", ["image", "mask"])
def test_what_cannot_be_fingerprinted_has_its_own_code(tmp_path, extractor, spoil, code, sentence, part):
    write(tmp_path / "image.nii.gz", volume())
    write(tmp_path / "mask.nii.gz", region())
    spoil(tmp_path / f"{part}.nii.gz")
    (tmp_path / "cohort.csv").write_text("sample_id,t1__image,t1__mask\na,image.nii.gz,mask.nii.gz\n")
    cohort = read_cohort(tmp_path / "cohort.csv", missing_files="keep")
    (failure,) = extract_cohort(cohort, extractor, FeatureStore(tmp_path / "store")).failures.to_dict("records")
    assert failure["code"] == code
    assert failure["message"].startswith(f"{part.capitalize()}: {sentence.format(part)}")


def test_messages_name_no_folder(bad_cohort, extractor, tmp_path):
    """Folder names often hold patients' names."""
    store = FeatureStore(tmp_path / "store")
    result = extract_cohort(read_cohort(bad_cohort, missing_files="keep"), extractor, store, n_jobs=2)
    assert not result.failures["message"].str.contains(str(tmp_path), regex=False).any()


def test_a_second_run_tries_what_the_content_does_not_decide_and_nothing_else(bad_cohort, extractor, tmp_path):
    cohort, store = read_cohort(bad_cohort, missing_files="keep"), FeatureStore(tmp_path / "store")
    first = extract_cohort(cohort, extractor, store, n_jobs=2)
    again = extract_cohort(cohort, extractor, FeatureStore(tmp_path / "store"), n_jobs=2)
    assert (first.n_computed, again.n_computed) == (len(BAD) + 1, len(OF_THE_FILE))
    pd.testing.assert_frame_equal(first.failures, again.failures)


def test_all_that_failed_is_tried_again_on_request(bad_cohort, extractor, tmp_path):
    cohort, store = read_cohort(bad_cohort, missing_files="keep"), FeatureStore(tmp_path / "store")
    extract_cohort(cohort, extractor, store, n_jobs=2)
    again = extract_cohort(cohort, extractor, store, n_jobs=2, retry_failed=True)
    assert again.n_computed == len(BAD) - 1  # all but the missing file, which has no content


def table_of(folder: Path, **images: str) -> pd.DataFrame:
    rows = "".join(f"{sample_id},{image},mask.nii.gz\n" for sample_id, image in images.items())
    (folder / "c.csv").write_text("sample_id,t1__image,t1__mask\n" + rows)
    return read_cohort(folder / "c.csv", missing_files="keep")


def test_files_of_the_same_bytes_and_other_names_do_not_share_a_fate(tmp_path, extractor):
    write(tmp_path / "mask.nii.gz", region())
    write(tmp_path / "right.nii", volume())
    for name in ("wrong.nii.gz", "wrong.dat"):
        (tmp_path / name).write_bytes((tmp_path / "right.nii").read_bytes())
    store = FeatureStore(tmp_path / "store")
    misnamed = extract_cohort(table_of(tmp_path, a="wrong.nii.gz", b="wrong.dat"), extractor, store)
    codes = misnamed.failures.set_index("sample_id")["code"].to_dict()
    assert codes == {"a": "wrong_extension", "b": "not_an_image"}
    both = extract_cohort(table_of(tmp_path, a="wrong.dat", b="right.nii"), extractor, store)
    assert both.failures.empty
    expected = extractor.extract(tmp_path / "right.nii", tmp_path / "mask.nii.gz", as_array=True)
    assert (store.read(both.block, ["a", "b"], keys=both.keys).to_numpy() == expected).all()


def test_a_failure_that_the_content_does_not_decide_is_forgotten_by_the_next_run(tmp_path, extractor):
    write(tmp_path / "mask.nii.gz", region())
    codes = ["too_many_voxels", "file_unreadable", "extraction_failed", "header_invalid", "worker_died", "empty_roi"]
    images = {f"s{number}": write(tmp_path / f"{number}.nii", volume(number)).name for number in range(len(codes))}
    cohort, store = table_of(tmp_path, **images), FeatureStore(tmp_path / "store")
    with store.writer(extractor.block()) as writer:
        for (sample_id, image), code in zip(images.items(), codes, strict=True):
            digests = (file_sha256(tmp_path / name) for name in (image, "mask.nii.gz"))
            key = content_key(extractor.block(), *digests, extractor.label)
            writer.add(Record(key, sample_id, "t1", status="failed", error_code=code, message="Once upon a time."))
    assert extract_cohort(cohort, extractor, store).failures["code"].to_list() == ["empty_roi"]


def test_a_changed_file_is_extracted_again_and_a_changed_setting_is_a_new_block(bad_cohort, extractor, tmp_path):
    store = FeatureStore(tmp_path / "store")
    cohort = read_cohort(bad_cohort, missing_files="keep")
    first = extract_cohort(cohort, extractor, store, n_jobs=2)
    before = store.read([first.block.name], ["good_1", "good_2"], keys=first.keys)
    write(bad_cohort.parent / "good_1" / "image.nii.gz", volume(99))
    second = extract_cohort(cohort, extractor, store, n_jobs=2)
    assert second.n_computed == 1 + len(OF_THE_FILE)
    after = store.read([second.block.name], ["good_1", "good_2"], keys=second.keys)
    assert (before.loc["good_1"] != after.loc["good_1"]).all()
    assert (before.loc["good_2"] == after.loc["good_2"]).all()
    other = RadiomicsExtractor({**QUICK, "setting": {"binWidth": 10}}, label=1)
    assert extract_cohort(cohort, other, store, n_jobs=2).block.name != first.block.name


def test_a_modality_that_nobody_has_is_a_block_of_nan(bad_cohort, extractor, tmp_path):
    store = FeatureStore(tmp_path / "store")
    cohort = read_cohort(bad_cohort, missing_files="keep").head(1).assign(t2__image="", t2__mask="")
    result = extract_cohort(cohort, extractor, store)
    table = store.read([result.block.name], ["good_1"], keys=result.keys)
    assert table.filter(like="t2__").shape == (1, 3)
    assert table.filter(like="t2__").isna().all(axis=None)
    assert table.filter(like="t1__").notna().all(axis=None)


def test_the_vector_does_not_depend_on_jobs(bad_cohort, extractor, tmp_path):
    cohort = read_cohort(bad_cohort, missing_files="keep")
    tables = []
    for jobs in (1, 2):
        store = FeatureStore(tmp_path / f"store{jobs}")
        result = extract_cohort(cohort, extractor, store, n_jobs=jobs)
        tables.append(store.read([result.block.name], ["good_1", "good_2"], keys=result.keys))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


class CountThreads:
    label = 1

    def block(self) -> Block:
        return Block.create("threads", ["largest"], {})

    def compute(self, pair) -> np.ndarray:
        return np.array([max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")])


def test_linear_algebra_has_one_thread_so_that_numbers_do_not_depend_on_the_machine(tmp_path):
    write(tmp_path / "image.nii.gz", volume())
    write(tmp_path / "mask.nii.gz", region())
    outcome = extract_task(CountThreads(), Task("a", "t1", tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", 1))
    assert outcome.values.tolist() == [1]


def test_the_same_files_under_two_names_are_computed_once(tmp_path, extractor):
    write(tmp_path / "image.nii.gz", volume())
    write(tmp_path / "mask.nii.gz", region())
    rows = [(name, "p", "image.nii.gz", "mask.nii.gz") for name in ("a", "b")]
    pd.DataFrame(rows, columns=["sample_id", "patient_id", "t1__image", "mask"]).to_csv(tmp_path / "c.csv", index=False)
    store = FeatureStore(tmp_path / "store")
    result = extract_cohort(read_cohort(tmp_path / "c.csv"), extractor, store)
    assert result.n_computed == 1
    table = store.read([result.block.name], ["a", "b"], keys=result.keys)
    assert (table.loc["a"] == table.loc["b"]).all()


def test_an_unwritable_store_stops_before_any_work(bad_cohort, extractor, tmp_path):
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(StoreError):
        extract_cohort(read_cohort(bad_cohort, missing_files="keep"), extractor, FeatureStore(tmp_path / "store"))


def test_united_labels_and_regions_that_fill_the_image_are_said_once_per_run(tmp_path, caplog):
    head, tumor = region(), region() * 0
    tumor[5:8, 5:8, 5:8], tumor[5:8, 5:8, 8:10] = 1, 4
    write(tmp_path / "mask.nii.gz", tumor)
    write(tmp_path / "head.nii.gz", head)
    write(tmp_path / "t1.nii.gz", volume() * head)
    write(tmp_path / "t2.nii.gz", volume(1) * head)
    header = "sample_id,t1__image,t2__image,t1__mask,t2__mask"
    (tmp_path / "c.csv").write_text(f"{header}\na,t1.nii.gz,t2.nii.gz,mask.nii.gz,head.nii.gz\n")
    cohort, store = read_cohort(tmp_path / "c.csv"), FeatureStore(tmp_path / "store")
    for n_computed in (2, 0):  # the second run finds the vectors in the store and says the same
        with caplog.at_level("INFO", logger="radiofuse"):
            caplog.clear()
            assert extract_cohort(cohort, RadiomicsExtractor(QUICK), store).n_computed == n_computed
        told = [record.getMessage() for record in caplog.records if "notes on the images" not in record.getMessage()]
        assert len(told) == 2
        assert told[0].startswith('Label "any" united the mask labels 1, 4 (1 of 2 regions hold several).')
        assert told[1].startswith("1 of 2 regions fill all that the image shows, for instance a (t2): 100.0% of its")


def test_masks_of_all_but_the_tumor_and_cropped_masks_are_said_once_per_run(tmp_path, caplog):
    inside = region()
    write(tmp_path / "inverted.nii.gz", (1 - inside).astype(np.uint8))
    cropped = sitk.GetImageFromArray(inside[2:, 1:, 1:])
    cropped.SetOrigin((1.0, 1.0, 2.0))
    sitk.WriteImage(cropped, str(tmp_path / "cropped.nii.gz"))
    for seed, name in enumerate(("t1", "t2")):
        write(tmp_path / f"{name}.nii.gz", volume(seed))
    header = "sample_id,t1__image,t2__image,t1__mask,t2__mask"
    (tmp_path / "c.csv").write_text(f"{header}\na,t1.nii.gz,t2.nii.gz,inverted.nii.gz,cropped.nii.gz\n")
    with caplog.at_level("WARNING", logger="radiofuse"):
        extract_cohort(read_cohort(tmp_path / "c.csv"), RadiomicsExtractor(QUICK), FeatureStore(tmp_path / "s"))
    share = f"{100 * (1 - inside.mean()):.1f}%"
    told = sorted(record.getMessage() for record in caplog.records)
    assert told[0].startswith("1 of 2 masks cover a part of their image, for instance a (t2): ")
    assert told[1].startswith(f"1 of 2 regions hold every corner of their image, for instance a (t1): {share} of all")


def test_regions_of_one_intensity_have_features_and_are_said_once_per_run(tmp_path, caplog):
    write(tmp_path / "mask.nii.gz", region())
    write(tmp_path / "t1.nii.gz", np.where(region(), 7, volume()).astype(np.float32))
    write(tmp_path / "t2.nii.gz", volume(1))
    (tmp_path / "c.csv").write_text("sample_id,t1__image,t2__image,mask\na,t1.nii.gz,t2.nii.gz,mask.nii.gz\n")
    with caplog.at_level("WARNING", logger="radiofuse"):
        result = extract_cohort(
            read_cohort(tmp_path / "c.csv"), RadiomicsExtractor(QUICK), FeatureStore(tmp_path / "s")
        )
    assert result.failures.empty and result.n_computed == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("1 of 2 regions hold a single intensity, for instance a (t1): 7. Their textures")


def test_a_feature_that_is_not_finite_is_refused_by_name(extractor, monkeypatch):
    image, mask = sitk.GetImageFromArray(volume()), sitk.GetImageFromArray(region())
    features = dict.fromkeys(extractor.feature_names(), 1.0) | {"original_glcm_Contrast": np.nan}
    monkeypatch.setattr(extractor._engine, "compute", lambda *_: features)
    with pytest.raises(ImageError, match="1 of 3 features came out NaN or infinite, the first is original_glcm"):
        extractor.extract(image, mask)


@pytest.mark.parametrize(
    ("cells", "options", "volume_vox"),
    [
        ({}, {}, 90),  # as pyradiomics: label 1
        ({"Label": ""}, {}, 90),
        ({"Label": "2"}, {"label": "any"}, 60),  # the row's own label comes first
        ({}, {"label": "any"}, 150),
        ({}, {"label": 2}, 60),
        ({}, {"settings": {**SHAPE, "setting": {"label": 2}}}, 60),
    ],
)
def test_a_batch_table_that_names_no_label_takes_1_unless_the_user_names_one(tmp_path, cells, options, volume_vox):
    mask = np.zeros(SIZE, np.uint8)
    mask[3:8, 3:6, 3:9], mask[3:8, 3:6, 9:13] = 1, 2
    write(tmp_path / "image.nii.gz", volume())
    write(tmp_path / "mask.nii.gz", mask)
    for extra in ({}, {"Modality": "T1"}):
        row = {"ID": "a", "Image": "image.nii.gz", "Mask": "mask.nii.gz", **cells, **extra}
        pd.DataFrame([row]).to_csv(tmp_path / "batch.csv", index=False)
        cohort = read_cohort(tmp_path / "batch.csv")
        extractor = pickle.loads(pickle.dumps(RadiomicsExtractor(**{"settings": SHAPE, **options})))
        for chosen in (extractor, PerturbedExtractor(extractor, 2)):
            (task,) = list_tasks(cohort, label_of_masks(cohort, chosen))
            assert extract_task(extractor, task).values.tolist() == [volume_vox]
