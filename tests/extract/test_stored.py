"""Vectors of a store are found by what files hold, whatever samples are called meanwhile."""

from __future__ import annotations

import shlex
import shutil

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.extract import app as extract_app
from radiofuse.commands.store import app
from radiofuse.errors import CohortError, StoreError
from radiofuse.extract import RadiomicsExtractor, collect_features
from radiofuse.extract.stored import find_stored
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.store import FeatureStore
from radiofuse.tables.cohort import read_cohort

QUICK = {"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean", "Energy"]}}
IDS = ["a", "b", "c"]


def write_table(folder, ids, files=IDS, name="cohort.csv"):
    rows = [
        f"{one},{number % 2},{file}.nii,mask.nii" for number, (one, file) in enumerate(zip(ids, files, strict=True))
    ]
    (folder / name).write_text("\n".join(["sample_id,idh,t1__image,t1__mask", *rows]) + "\n")
    return folder / name


@pytest.fixture
def extracted(tmp_path):
    """Three samples in a store, and the features that ``run`` sees."""
    for seed, name in enumerate(IDS):
        voxels = np.random.default_rng(seed).normal(100, 20, (12, 12, 12)).astype("f4")
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / f"{name}.nii"))
    mask = np.pad(np.ones((6, 6, 6), np.uint8), 3)
    mask[3] *= 2
    sitk.WriteImage(sitk.GetImageFromArray(mask), str(tmp_path / "mask.nii"))
    cohort, store = read_cohort(write_table(tmp_path, IDS)), FeatureStore(tmp_path / "store")
    return tmp_path, store, collect_features(cohort, RadiomicsExtractor(QUICK), store).table


def export(folder, table):
    arguments = ["export", str(folder / "out.csv"), "--store", str(folder / "store"), "--cohort", str(table)]
    result = CliRunner().invoke(app, [*arguments, "--overwrite"])
    assert result.exit_code == 0, result.output
    return pd.read_csv(folder / "out.csv", index_col="sample_id"), result.stderr


def test_renamed_and_exchanged_samples_are_answered_by_content(extracted):
    folder, _, features = extracted
    for ids, files in (["x", "y", "z"], IDS), (["b", "a", "new"], IDS), (IDS, ["c", "a", "b"]):
        table = write_table(folder, ids, files, "renamed.csv")
        expected = features.loc[files].set_axis(pd.Index(ids, name="sample_id"))
        exported, words = export(folder, table)
        pd.testing.assert_frame_equal(exported, expected, check_exact=True)
        assert words == ""
        raw = read_raw(SelectionRequest("idh", folder / "store", cohort=table))
        assert raw.rows[features.columns].to_numpy().tolist() == expected.to_numpy().tolist()


def test_the_command_says_how_its_features_become_a_table(extracted):
    folder, _, _ = extracted
    store = folder / "a store"
    done = CliRunner().invoke(extract_app, [str(folder / "cohort.csv"), "--store", str(store), "--jobs", "1"])
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("As a table: ")]
    python, dash_m, module, command, name, *options = shlex.split(said.removeprefix("As a table: "))
    assert (python, dash_m, module, command, name) == ("python", "-m", "radiofuse.store", "export", "features.csv")
    result = CliRunner().invoke(app, ["export", str(folder / name), *options])
    assert result.exit_code == 0, result.output
    assert pd.read_csv(folder / name)["sample_id"].to_list() == IDS


def test_what_is_not_stored_or_not_here_is_told(extracted):
    folder, _, features = extracted
    sitk.WriteImage(sitk.GetImageFromArray(np.full((12, 12, 12), 7, np.float32)), str(folder / "a.nii"))  # changed
    (folder / "c.nii").unlink()
    exported, words = export(folder, write_table(folder, IDS))
    assert exported.loc["a"].isna().all() and exported.loc["c"].to_list() == features.loc["c"].to_list()
    assert "1 images have no vector in" in words and "for instance a (t1)" in words
    assert "taken by sample id; for instance c (t1)" in words


def test_several_labels_of_one_pair_are_told_apart_by_the_table_alone(extracted):
    folder, store, features = extracted
    cohort = read_cohort(folder / "cohort.csv")
    of_one = collect_features(cohort, RadiomicsExtractor(QUICK, label=1), store)
    with pytest.raises(StoreError, match=r"several vectors of a \(t1\).*t1__mask_label into the table"):
        find_stored(cohort, store, of_one.extraction.block)
    named = cohort.assign(t1__mask_label=1)
    assert find_stored(named, store, of_one.extraction.block).keys == of_one.extraction.keys


def test_a_batch_table_takes_its_usual_label_and_else_the_one_that_was_extracted(extracted):
    folder, store, features = extracted
    rows = [f"{name},{name}.nii,mask.nii" for name in IDS]
    (folder / "batch.csv").write_text("\n".join(["ID,Image,Mask", *rows]) + "\n")
    cohort = read_cohort(folder / "batch.csv")
    extractor = RadiomicsExtractor(QUICK)
    block = extractor.block()
    united = find_stored(cohort, store, block).keys
    assert set(united.values()) == set(store.contents(block)["key"])
    of_one = collect_features(cohort, extractor, store)
    assert find_stored(cohort, store, block).keys == of_one.extraction.keys
    assert not set(of_one.extraction.keys.values()) & set(united.values())


def test_a_scan_under_two_patients_is_refused_here_too(extracted):
    folder, store, _ = extracted
    shutil.copy(folder / "a.nii", folder / "d.nii")
    cohort = read_cohort(write_table(folder, ["a", "b"], ["a", "d"]))
    with pytest.raises(CohortError, match="t1 of a = t1 of b"):
        find_stored(cohort, store, store.blocks()[0])


def test_damage_is_no_absence(extracted):
    folder, store, _ = extracted
    (path,) = folder.glob("store/blocks/*/*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError, match="3 records of the damaged shard"):
            find_stored(read_cohort(folder / "cohort.csv"), store, store.blocks()[0])
