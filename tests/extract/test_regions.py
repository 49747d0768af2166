"""Several regions of each mask in one run: features of their own, and a part that a tumor lacks is a gap."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.extract import RadiomicsExtractor, collect_features, extract_cohort
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging import write_volume
from radiofuse.store import FeatureStore

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
