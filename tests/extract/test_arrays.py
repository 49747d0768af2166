"""Arrays for networks: shapes, places and bits; made once, mapped, checked, and one sample's failure alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError, StoreError
from radiofuse.extract.arrays import collect_arrays
from radiofuse.imaging.sample_arrays import sample_arrays
from radiofuse.imaging.stacks import SliceStack, VolumePatch

SHAPE = (31, 20, 24)  # z, y, x


def volume(seed: int) -> sitk.Image:
    return sitk.GetImageFromArray(np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32))


def region(z: slice, y: slice, x: slice) -> sitk.Image:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[z, y, x] = 1
    return sitk.GetImageFromArray(voxels)


def test_a_stack_at_the_images_own_size_is_its_slices_bit_for_bit() -> None:
    images = {"flair": volume(0), "t1ce": volume(1), "t2": volume(2)}
    tumor = region(slice(5, 9), slice(4, 8), slice(3, 9))
    found = SliceStack(("flair", "t1ce", "t2"), size=24).arrays(images, tumor)
    assert found["image"].shape == (4, 3, 24, 24) and found["slices"].tolist() == [5, 6, 7, 8]
    wanted = np.stack([sitk.GetArrayFromImage(image)[5:9] for image in images.values()], axis=1)
    np.testing.assert_array_equal(found["image"][:, :, 2:22], wanted)  # 20 rows, padded to 24
    assert not found["image"][:, :, :2].any() and not found["image"][:, :, 22:].any()
    np.testing.assert_array_equal(found["mask"][:, 2:22], sitk.GetArrayFromImage(tumor)[5:9])


@pytest.mark.parametrize(("n", "first", "n_kept"), [(155, 50, 55), (31, 10, 11), (25, 8, 9), (2, 0, 2), (1, 0, 1)])
def test_the_middle_needs_no_mask_and_keeps_the_share_of_155(n: int, first: int, n_kept: int) -> None:
    image = sitk.Image(8, 8, n, sitk.sitkFloat32)
    found = SliceStack(("t1",), size=8, slices="middle").arrays({"t1": image}, None)
    assert found["slices"].tolist() == list(range(first, first + n_kept)) and "mask" not in found


def test_the_tumors_square_keeps_its_aspect_and_the_largest_slice_comes_first() -> None:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[5, 4:8, 3:15] = 1
    voxels[6, 4:8, 3:9] = 1
    tumor = sitk.GetImageFromArray(voxels)
    found = SliceStack(("t1",), size=24, slices=1, cut="tumor").arrays({"t1": volume(0)}, tumor)
    assert found["slices"].tolist() == [5]
    rows, columns = np.nonzero(found["mask"][0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (8, 24)  # 4 by 12 voxels at twice the size


def test_a_plane_is_that_of_the_header() -> None:
    plain = {"t1": volume(3)}
    turned = {"t1": sitk.DICOMOrient(plain["t1"], "PIR")}
    for plane in ("Axial", "Coronal", "Sagittal"):
        stack = SliceStack(("t1",), size=31, plane=plane, slices="middle")
        np.testing.assert_array_equal(*(stack.arrays(images, None)["image"] for images in (plain, turned)))


def test_a_patch_lies_around_the_tumor_and_reaches_over_the_border() -> None:
    image, tumor = volume(4), region(slice(0, 4), slice(8, 12), slice(10, 14))
    found = VolumePatch(("t1", "t1"), size=8, whole=4).arrays({"t1": image}, tumor)
    assert found["start"].tolist() == [8, 6, -2]
    voxels = sitk.GetArrayFromImage(image).T
    np.testing.assert_array_equal(found["image"][0][:, :, 2:], voxels[8:16, 6:14, :6])
    assert not found["image"][0][:, :, :2].any() and found["mask"].sum() == 64
    assert found["whole"].shape == (2, 4, 4, 4)
    np.testing.assert_allclose(found["whole"].mean(), voxels.mean(), atol=0.05)


def test_parts_are_the_masks_own_labels_where_the_patch_lies_and_change_no_key_of_other_patches(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0:4, 8:12, 10:14], labels[1:3, 9:11, 11:13] = 2, 4
    mask = sitk.GetImageFromArray(labels)
    image = volume(4)
    for drawn in (image, mask):
        drawn.SetSpacing((1.0, 2.0, 3.0))
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("t1", "mask")}
    sitk.WriteImage(image, paths["t1"])
    sitk.WriteImage(mask, paths["mask"])
    spec = VolumePatch(("t1",), size=8, parts=True)
    found, _ = sample_arrays(spec, {"t1": paths["t1"]}, paths["mask"], "any")
    np.testing.assert_array_equal(found["parts"] > 0, found["mask"] == 1)
    assert np.bincount(found["parts"].ravel()).tolist()[2:] == [56, 0, 8]
    assert found["voxel_mm"].tolist() == [1.0, 2.0, 3.0]
    alone, _ = sample_arrays(spec, {"t1": paths["t1"]}, paths["mask"], 4)  # around one of the parts
    assert alone["mask"].sum() == 8 and set(np.unique(alone["parts"])) == {0, 2, 4}
    assert "parts" not in sample_arrays(VolumePatch(("t1",), size=8), {"t1": paths["t1"]}, paths["mask"], "any")[0]
    assert VolumePatch(("t1",), size=8).identity()["patch"] == {"channels": ["t1"], "size": 8, "whole": 0}
    labels = sitk.GetImageFromArray(labels.astype(np.int16) * 100)
    labels.SetSpacing((1.0, 2.0, 3.0))
    sitk.WriteImage(labels, paths["mask"])
    with pytest.raises(ImageError, match="labels from 0 to 400; the parts of a tumor have labels"):
        sample_arrays(spec, {"t1": paths["t1"]}, paths["mask"], "any")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"channels": ()}, "channels names no modality"),
        ({"channels": ("t1",), "plane": "axial"}, "plane is 'axial'"),
        ({"channels": ("t1",), "slices": 0}, 'a number, "tumor" or "middle"'),
        ({"channels": ("t1",), "slices": "middle", "cut": "tumor"}, "asks for no tumor, and cut for one"),
    ],
)
def test_options_are_refused_in_a_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        SliceStack(**options)


def test_a_missing_channel_and_another_grid_are_named() -> None:
    stack = SliceStack(("t1", "t2"), size=8, slices="middle")
    with pytest.raises(ImageError, match="t2 absent") as caught:
        stack.arrays({"t1": volume(0)}, None)
    assert caught.value.code == "channel_missing"
    with pytest.raises(ImageError, match="t2 does not lie on the grid of t1: 24 x 20 x 30 voxels against 24 x 20 x 31"):
        stack.arrays({"t1": volume(0), "t2": volume(1)[:, :, :30]}, None)
    shifted = volume(1)
    shifted.SetOrigin((0.0, 0.5, 0.0))
    for spec in (stack, VolumePatch(("t1", "t2"), size=8)):
        with pytest.raises(ImageError, match=r"t2 does not lie on the grid of t1: origin \(0, 0.5, 0\) against"):
            spec.arrays({"t1": volume(0), "t2": shifted}, None)


def test_a_cohort_is_made_once_and_damage_and_failures_cost_one_sample(tmp_path: Path) -> None:
    rows = []
    for at, name in enumerate("ABC"):
        paths = {f"{kind}__image": str(tmp_path / f"{name}_{kind}.nii.gz") for kind in ("t1", "t2")}
        for kind, path in enumerate(paths.values()):
            sitk.WriteImage(volume(10 * at + kind), path)
        mask = str(tmp_path / f"{name}_seg.nii.gz")
        sitk.WriteImage(region(slice(5, 9), slice(4, 8), slice(3, 9)), mask)
        rows.append({"sample_id": name, "patient_id": name, **paths, "t1__mask": mask, "t2__mask": mask})
    Path(rows[2]["t2__image"]).write_bytes(b"no image")
    cohort, stack = pd.DataFrame(rows), SliceStack(("t2", "t1"), size=24)
    first = collect_arrays(cohort, stack, tmp_path / "store")
    assert (first.n_computed, first.n_stored, sorted(first.keys)) == (2, 0, ["A", "B"])
    assert first.failures[["sample_id", "code"]].to_numpy().tolist() == [["C", "wrong_extension"]]
    image = first.read("B")["image"]
    assert isinstance(image, np.memmap) and not image.flags.writeable
    np.testing.assert_array_equal(image[0, 1, 2:22], sitk.GetArrayFromImage(volume(10))[5])
    again = collect_arrays(cohort.iloc[:2], stack, tmp_path / "store")
    assert (again.n_computed, again.n_stored) == (0, 2) and again.keys == first.keys
    other = collect_arrays(cohort.iloc[:2], SliceStack(("t2", "t1"), size=16), tmp_path / "store")
    assert other.n_computed == 2 and set(other.keys.values()).isdisjoint(first.keys.values())
    file = next((tmp_path / "store" / "arrays" / first.block.name).glob(f"{first.keys['A']}.image.npy"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert len(first.store.verify()) == 1 and file.name in first.store.verify()[0]
    file.write_bytes(whole[:100])
    with pytest.raises(StoreError, match="cannot be read"):
        first.read("A")
    file.unlink()
    record = next((tmp_path / "store" / "arrays" / other.block.name).glob("*.json"))
    record.write_text("{")
    assert sorted(problem.partition(" is ")[2] for problem in first.store.verify()) == [
        "damaged. Delete it, and run again.",
        "gone. Run again.",
    ]
    assert collect_arrays(cohort.iloc[:2], stack, tmp_path / "store").n_computed == 1
    assert file.read_bytes() == whole
    lost = cohort.assign(t1__image=[str(tmp_path / f"gone{n}.nii.gz") for n in range(3)])
    told = collect_arrays(lost, stack, tmp_path / "store").failures.set_index("sample_id")["message"]
    assert all(f"gone{n}.nii.gz" in told[name] for n, name in enumerate("AB"))
    with pytest.raises(RequestError, match="'flair' is no modality of the cohort"):
        collect_arrays(cohort, SliceStack(("flair",)), tmp_path / "store")


@pytest.fixture
def one_row(tmp_path: Path) -> dict[str, str]:
    paths = {f"{kind}__image": str(tmp_path / f"{kind}.nii.gz") for kind in ("t1", "t2")}
    for seed, path in enumerate(paths.values()):
        sitk.WriteImage(volume(seed), path)
    mask = str(tmp_path / "seg.nii.gz")
    sitk.WriteImage(region(slice(5, 9), slice(4, 8), slice(3, 9)), mask)
    return {"sample_id": "A", "patient_id": "A", **paths, "t1__mask": mask, "t2__mask": mask}


def test_what_a_mask_says_is_neither_guessed_nor_needed_without_cause(one_row: dict[str, str], tmp_path: Path) -> None:
    other, empty = str(tmp_path / "other.nii.gz"), str(tmp_path / "empty.nii.gz")
    sitk.WriteImage(region(slice(1, 3), slice(1, 5), slice(1, 5)), other)
    sitk.WriteImage(region(slice(0, 0), slice(0, 0), slice(0, 0)), empty)
    middle = SliceStack(("t1", "t2"), size=24, slices="middle")
    with pytest.raises(RequestError, match="A has a mask for each modality"):
        collect_arrays(pd.DataFrame([one_row | {"t2__mask": other}]), middle, tmp_path / "store")
    none = pd.DataFrame([one_row | {"t1__mask": empty, "t2__mask": empty}])
    made = collect_arrays(none, middle, tmp_path / "store")
    assert made.read("A")["mask"].shape == (11, 24, 24) and not made.read("A")["mask"].any()
    told = collect_arrays(none, SliceStack(("t1", "t2"), size=24), tmp_path / "store").failures
    assert told["code"].tolist() == ["empty_roi"]


def test_a_sample_without_an_image_is_among_the_failures(one_row: dict[str, str], tmp_path: Path) -> None:
    absent = dict.fromkeys(one_row, "") | {"sample_id": "B", "patient_id": "B"}
    cohort = pd.DataFrame([one_row, absent])
    told = collect_arrays(cohort, SliceStack(("t1", "t2"), size=8), tmp_path / "store").failures
    assert told[["sample_id", "code"]].to_numpy().tolist() == [["B", "channel_missing"]]


def test_the_key_is_of_the_bytes_that_were_read(
    one_row: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort, stack = pd.DataFrame([one_row]), SliceStack(("t1", "t2"), size=24)

    def changed_since(self: object, paths: Iterable[str], hasher: object) -> dict[str, str]:
        return {path: f"of {Path(path).name} an hour ago" for path in paths}

    with monkeypatch.context() as patch:
        patch.setattr("radiofuse.store.fingerprints.Fingerprints.of", changed_since)
        first = collect_arrays(cohort, stack, tmp_path / "store")
    again = collect_arrays(cohort, stack, tmp_path / "store")
    assert (again.n_computed, again.n_stored) == (0, 1) and again.keys == first.keys
