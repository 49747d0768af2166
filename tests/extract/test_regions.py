"""Several regions of each mask in one run: features of their own, and a part that a tumor lacks is a gap."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract import RadiomicsExtractor, collect_features, extract_cohort
from radiofuse.extract.outcomes import extract_regions_of_mask
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging import RoiPair, gate, write_volume
from radiofuse.store import Block, FeatureStore

VOLUME = {"featureClass": {"shape": ["VoxelVolume"], "firstorder": ["Mean"]}}


@pytest.fixture
def cohort(tmp_path: Path) -> pd.DataFrame:
    """Two patients, coded as BraTS was and is; the second has no enhancing tumor."""
    rng = np.random.default_rng(0)
    rows = []
    for name, coding, parts in (("A", "NCR=1 ED=2 ET=4", (1, 2, 4)), ("B", "NCR=1 ED=2 ET=3", (1, 2))):
        mask = np.zeros((12, 12, 12), dtype=np.uint8)
        for at, label in enumerate(parts):
            mask[2:8, 2:8, 1 + 3 * at : 4 + 3 * at] = label
        write_volume(tmp_path / f"{name}_mask.nii.gz", mask, spacing_mm=(1, 1, 1))
        write_volume(tmp_path / f"{name}_t1.nii.gz", rng.normal(size=(12, 12, 12)), spacing_mm=(1, 1, 1))
        paths = {"t1__image": str(tmp_path / f"{name}_t1.nii.gz"), "t1__mask": str(tmp_path / f"{name}_mask.nii.gz")}
        rows.append({"sample_id": name, "patient_id": name, "mask_regions": coding} | paths)
    return pd.DataFrame(rows)


def test_a_region_is_the_union_of_its_parts_under_either_coding(cohort: pd.DataFrame) -> None:
    wanted = {
        region: [task.label for task in list_tasks(cohort, "any", region=region)] for region in ("WT", "TC", "ET")
    }
    assert wanted == {"WT": [[1, 2, 4], [1, 2, 3]], "TC": [[1, 4], [1, 3]], "ET": [[4], [3]]}


def test_volumes_add_up_and_a_part_that_is_not_there_is_a_gap(
    cohort: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FeatureStore(tmp_path / "store")
    with caplog.at_level(logging.WARNING):
        found = collect_features(cohort, RadiomicsExtractor(VOLUME), store, regions=["WT", "NCR", "ED", "ET"])
    volumes = found.table.filter(like="VoxelVolume")
    assert list(volumes) == [f"t1__{region}_original_shape_VoxelVolume" for region in ("WT", "NCR", "ED", "ET")]
    parts = volumes.iloc[:, 1:].sum(axis=1)
    np.testing.assert_array_equal(volumes.iloc[:, 0], parts)
    assert np.isnan(volumes.loc["B", "t1__ET_original_shape_VoxelVolume"])
    assert found.failures.empty
    assert "The region ET is not in the mask of 1 sample: B." in caplog.text


def test_one_region_equals_its_labels_written_out(cohort: pd.DataFrame, tmp_path: Path) -> None:
    store, first = FeatureStore(tmp_path / "store"), cohort.iloc[:1]
    by_name = extract_cohort(first, RadiomicsExtractor(VOLUME), store, region="TC")
    by_label = extract_cohort(first, RadiomicsExtractor(VOLUME, label=[4, 1]), store)
    assert by_name.keys == by_label.keys
    assert by_label.n_stored == 1


@pytest.mark.parametrize("cell", ["", "NCR=1", "1,2,4"])
def test_a_row_that_does_not_name_the_region_is_refused_before_any_work(cohort: pd.DataFrame, cell: str) -> None:
    with pytest.raises(RequestError, match="^B: .*mask_regions"):
        list_tasks(cohort.assign(mask_regions=["NCR=1 ED=2 ET=4", cell]), "any", region="ET")


FILTERED = {
    "imageType": {"Original": {}, "LoG": {"sigma": [1.0]}},
    "featureClass": {"firstorder": ["Mean", "Entropy"], "glcm": ["Contrast"]},
    "setting": {"binCount": 8, "normalize": True},
}
REGIONS = ["WT", "TC", "ED", "ET"]


def vectors(store: FeatureStore, cohort: pd.DataFrame, extractor: RadiomicsExtractor, region: str) -> np.ndarray:
    found = extract_cohort(cohort, extractor, store, region=region)
    return store.read([found.block.name], list(cohort["sample_id"]), keys=found.keys).to_numpy()


def test_regions_read_and_filtered_together_have_the_bits_of_regions_by_themselves(
    cohort: pd.DataFrame, tmp_path: Path
) -> None:
    extractor = RadiomicsExtractor(FILTERED)
    store, alone = FeatureStore(tmp_path / "store"), FeatureStore(tmp_path / "alone")
    together = collect_features(cohort, extractor, store, regions=REGIONS)
    for region in REGIONS:
        own = together.table.filter(like=f"__{region}_").to_numpy()
        np.testing.assert_array_equal(own, vectors(alone, cohort, extractor, region))
    assert (together.extraction.n_computed, together.extraction.n_stored) == (8, 0)
    again = collect_features(cohort, extractor, store, regions=REGIONS).extraction
    assert (again.n_computed, again.n_stored) == (0, 8)  # a part that is not there is decided, too
    assert set(store.failures(together.extraction.block)["modality"]) == {"t1"}


def test_files_are_read_once_for_all_regions_and_one_that_is_refused_costs_no_other(
    cohort: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor, read = RadiomicsExtractor(FILTERED), []
    tasks = [list_tasks(cohort, None, region=region)[1] for region in REGIONS]
    monkeypatch.setattr(gate, "_read", lambda path, real=gate._read: (read.append(path.name), real(path))[1])
    found = extract_regions_of_mask(extractor, tasks)
    assert read == ["B_t1.nii.gz", "B_mask.nii.gz"]
    assert [outcome.code for outcome in found] == [None, None, None, "label_not_found"]

    def refuse_edema(image: object, rois: list) -> list[dict[str, float]]:
        raise ImageError("too_few_grey_levels", "One of them is flat.")

    monkeypatch.setattr(extractor._engine, "compute_each", refuse_edema)
    each = extract_regions_of_mask(extractor, tasks)  # compute stands on compute_each
    assert [outcome.code for outcome in each] == ["too_few_grey_levels"] * 3 + ["label_not_found"]
    cohort.loc[1, "t1__image"] = "gone.nii.gz"
    gone = [list_tasks(cohort, None, region=region)[1] for region in REGIONS]
    assert {outcome.code for outcome in extract_regions_of_mask(extractor, gone)} == {"file_missing"}


class DiesOfRegion:
    """Takes the process with it where a region has more than 300 voxels."""

    label, label_is_named, reads_outside_region = "any", False, False

    def block(self) -> Block:
        return Block.create("voxels", ["voxels"], {})

    def compute(self, pair: RoiPair) -> np.ndarray:
        n_voxels = int(sitk.GetArrayViewFromImage(pair.roi).sum())
        if n_voxels > 300:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([float(n_voxels)])


def test_a_region_that_kills_its_process_costs_no_other(cohort: pd.DataFrame, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    found = collect_features(cohort.iloc[:1], DiesOfRegion(), store, regions=["WT", "ET"])
    assert found.table.loc["A"].isna().tolist() == [True, False]
    assert found.table.loc["A", "t1__ET_voxels"] == 108.0
    failure = found.failures.iloc[0]
    assert (failure["modality"], failure["code"]) == ("t1", "worker_died")
    assert failure["message"].startswith("Region WT: The processes that worked on it died")
