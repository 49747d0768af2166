"""Segmentations by 3D Slicer are read by segment name, of one layer or several, cropped or whole."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import RequestError
from radiofuse.imaging import read_mask, read_pair
from radiofuse.imaging.dicom import read_segments
from radiofuse.imaging.dicom import write_segments as write_masks

SHAPE = (6, 12, 14)


def image_like(voxels: np.ndarray, **place: tuple) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels, isVector=voxels.ndim == 4)
    image.SetSpacing((0.9, 1.1, 2.5))
    image.SetOrigin(place.get("origin", (-31.0, 17.5, 40.25)))
    return image


def write_segments(path: Path, layers: np.ndarray, segments: list[dict[str, object]], **place: tuple) -> Path:
    """Write what Slicer writes: layers (z, y, x, layer), and the segments in the header."""
    image = image_like(layers if layers.shape[-1] > 1 else layers[..., 0], **place)
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    for number, fields in enumerate(segments):
        for field, value in fields.items():
            image.SetMetaData(f"Segment{number}_{field}", str(value))
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


@pytest.fixture
def layers() -> np.ndarray:
    """Core (label 1) and necrosis (label 2) in one layer, edema over both in another one."""
    voxels = np.zeros((*SHAPE, 2), np.uint8)
    voxels[2:4, 4:8, 5:9, 0] = 1
    voxels[2:3, 5:7, 6:8, 0] = 2
    voxels[1:5, 3:9, 4:12, 1] = 1
    return voxels


SEGMENTS = [
    {"Name": "Tumor core", "LabelValue": 1, "Layer": 0},
    {"Name": "Necrosis", "LabelValue": 2, "Layer": 0},
    {"Name": "Edema", "LabelValue": 1, "Layer": 1},
]


def test_segments_of_several_layers_are_read_by_name(tmp_path, layers):
    segments = read_segments(write_segments(tmp_path / "a.seg.nrrd", layers, SEGMENTS))
    assert list(segments) == ["Tumor core", "Necrosis", "Edema"]
    for (name, image), expected in zip(
        segments.items(), (layers[..., 0] == 1, layers[..., 0] == 2, layers[..., 1] == 1), strict=True
    ):
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), expected, err_msg=name)
        assert image.GetSpacing() == (0.9, 1.1, 2.5) and image.GetOrigin() == (-31.0, 17.5, 40.25)


def test_segments_of_one_layer_and_those_of_old_files_without_layers(tmp_path, layers):
    one = read_segments(write_segments(tmp_path / "one.seg.nrrd", layers[..., :1], SEGMENTS[:2]))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(one["Necrosis"]), layers[..., 0] == 2)
    old = [{"Name": "core"}, {"Name": "edema"}]
    read = read_segments(write_segments(tmp_path / "old.seg.nrrd", layers, old))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read["core"]), layers[..., 0] == 1)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read["edema"]), layers[..., 1] == 1)


def test_segments_are_written_as_masks_that_the_gate_puts_in_place(tmp_path, layers):
    image = image_like(np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32))
    sitk.WriteImage(image, str(tmp_path / "t1.nii.gz"))
    cropped = write_segments(tmp_path / "a.seg.nrrd", layers[1:5, 3:9, 4:12], SEGMENTS, origin=(-27.4, 20.8, 42.75))
    paths = write_masks(cropped, tmp_path / "masks")
    assert {name: path.name for name, path in paths.items()} == {
        "Tumor core": "Tumor-core.nii.gz",
        "Necrosis": "Necrosis.nii.gz",
        "Edema": "Edema.nii.gz",
    }
    pair = read_pair(tmp_path / "t1.nii.gz", paths["Edema"], label=1)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.roi), layers[..., 1])
    with pytest.raises(RequestError, match="Tumor-core.nii.gz exists"):
        write_masks(cropped, tmp_path / "masks")


@pytest.mark.parametrize(
    ("segments", "code", "reason"),
    [
        ([], "header_invalid", "names no segment in its header"),
        ([{"Name": "a", "Layer": 7}], "header_invalid", "layer 7 of 2"),
        ([{"Name": "a", "Layer": "top"}], "header_invalid", "layer 'top'"),
        ([{"Name": "a"}, {"Name": "a", "Layer": 1}], "header_invalid", "two segments one name"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path, layers, refusal, segments, code, reason):
    path = write_segments(tmp_path / "bad.seg.nrrd", layers, segments)
    assert reason in refusal(code, lambda: read_segments(path))


def test_what_is_no_segmentation_is_refused(tmp_path, refusal):
    (tmp_path / "text.seg.nrrd").write_text("NRRD0004\nwords\n\n")
    assert "text.seg.nrrd" in refusal("not_an_image", lambda: read_segments(tmp_path / "text.seg.nrrd"))
    assert "gone.seg.nrrd" in refusal("file_missing", lambda: read_segments(tmp_path / "gone.seg.nrrd"))


class TestInATree:
    """A segmentation that lies among DICOM files is that of the image with its grid."""

    @pytest.fixture(autouse=True)
    def library(self):
        pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

    def write_tree(self, tree: Path, layers: np.ndarray, **place: tuple) -> None:
        from tests.dicom_files import Grid, voxels_of, write_series

        grid = Grid(axes=np.eye(3))
        ids = write_series(tree / "a" / "t1c", voxels_of(grid), grid, SeriesDescription="t1 gd", SeriesNumber=2)
        other = Grid(axes=np.eye(3), spacing_mm=(1.0, 1.0, 3.0))
        write_series(tree / "a" / "t2", voxels_of(other), other, ids.another(), SeriesDescription="t2", SeriesNumber=3)
        write_segments(tree / "a" / "doctor.seg.nrrd", layers, SEGMENTS, **place)

    def test_one_segment_becomes_the_mask_of_the_image_with_its_grid(self, tmp_path, layers):
        from radiofuse.imaging.dicom import convert_tree

        self.write_tree(tmp_path / "tree", layers)
        found = convert_tree(tmp_path / "tree", tmp_path / "out", roi="edema")
        assert [(v.modality, v.role) for v in found.volumes] == [("t1ce", "image"), ("t1ce", "mask"), ("t2", "image")]
        mask = read_mask(found.volumes[1].path).image
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), layers[..., 1])

    def test_a_cropped_segmentation_is_put_at_its_place(self, tmp_path, layers):
        from radiofuse.imaging.dicom import convert_tree

        origin = (-31.0 + 4 * 0.9, 17.5 + 3 * 1.1, 40.25 + 2.5)
        self.write_tree(tmp_path / "tree", layers[1:5, 3:9, 4:12], origin=origin)
        found = convert_tree(tmp_path / "tree", tmp_path / "out", roi="tumor core")
        mask = read_mask(found.volumes[1].path).image
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), layers[..., 0] == 1)

    def test_one_without_an_image_of_its_grid_is_told(self, tmp_path, layers):
        from radiofuse.imaging.dicom import convert_tree

        self.write_tree(tmp_path / "tree", layers, origin=(0.4, 0.4, 0.4))
        found = convert_tree(tmp_path / "tree", tmp_path / "out", roi="edema")
        assert [v.role for v in found.volumes] == ["image", "image"]
        (note,) = found.notes
        assert re.fullmatch(r"Slicer doctor\.seg\.nrrd was left out: no image of its folder has its grid\.", note)
