"""Segmentations and contours become masks on the grid of their image, by name; others' are refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

from pydicom import dcmread  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from radiofuse.commands.cohort import app  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.extract.dry_run import check_images  # noqa: E402
from radiofuse.imaging import read_image, read_mask  # noqa: E402
from radiofuse.imaging.dicom import convert, convert_tree, masks, pseudonym, volumes  # noqa: E402
from radiofuse.imaging.dicom.contours import filled_polygon  # noqa: E402
from radiofuse.imaging.dicom.label_maps import labeled  # noqa: E402
from radiofuse.imaging.dicom.regions import Region  # noqa: E402
from radiofuse.imaging.layouts.make import make_cohort  # noqa: E402
from radiofuse.imaging.layouts.volume import Found  # noqa: E402
from radiofuse.tables.cohort import read_cohort  # noqa: E402
from tests.dicom_files import (  # noqa: E402
    OBLIQUE,
    Grid,
    Ids,
    contours,
    group,
    put,
    save,
    slices,
    voxels_of,
    write_series,
)

CE = {"SeriesDescription": "t1 post gd", "SeriesNumber": 7}
WIDE = Grid(size=(40, 36, 6))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def mask_of(found: Found) -> np.ndarray:
    """Return the only mask, which must lie on its image's grid."""
    (mask,) = [volume for volume in found.volumes if volume.role == "mask"]
    (image,) = [volume for volume in found.volumes if volume.role == "image" and volume.modality == mask.modality]
    assert mask.sample_id == image.sample_id
    ours, grid = read_mask(mask.path).image, read_image(image.path).image
    assert ours.GetDirection() == grid.GetDirection() and ours.GetOrigin() == grid.GetOrigin()
    return sitk.GetArrayFromImage(ours)


def told(found: Found, words: str) -> str:
    (note,) = [note for note in found.notes if words in note]
    assert note.endswith(".") and "\n" not in note
    return note


# ---------------------------------------------------------------- DICOM-SEG


def segmentation(files: list, masks: dict[str, np.ndarray], kind: str = "BINARY", **elements: object):
    """Return a DICOM-SEG by highdicom, of masks (z, y, x) on the grid of files."""
    hd = pytest.importorskip("highdicom", reason="writes the segmentations that the tests read")
    from pydicom.sr.codedict import codes

    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(masks, 1)
    ]
    if kind == "LABELMAP":
        pixels = sum(number * mask for number, mask in enumerate(masks.values(), 1)).astype(np.uint8)
    else:
        pixels = np.stack(list(masks.values()), axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = hd.seg.Segmentation(
            source_images=files,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=described,
            series_instance_uid=hd.UID(),
            series_number=20,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="Acme",
            manufacturer_model_name="Pen",
            software_versions="1",
            device_serial_number="1",
        )
    return put(made, elements)


def blobs(grid: Grid) -> dict[str, np.ndarray]:
    """Return two regions that overlap, (z, y, x)."""
    core, edema = np.zeros(grid.size[::-1], np.uint8), np.zeros(grid.size[::-1], np.uint8)
    core[2:4, 4:8, 5:9] = 1
    edema[1:5, 3:9, 4:12] = 1
    return {"Tumor core": core, "edema": edema}


@pytest.fixture
def source(tree: Path) -> tuple[Ids, list]:
    ids = Ids()
    files = slices(voxels_of(OBLIQUE), OBLIQUE, ids, **CE, PatientSex="F", StudyTime="101500", ContentDate="20200102")
    for file in files:
        file.AccessionNumber, file.StudyID, file.ContentTime = "", "", "101500"
    save(files, tree / "images")
    return ids, files


def test_overlapping_segments_are_read_by_name_on_an_oblique_grid(tree, out, source):
    regions = blobs(OBLIQUE)
    save([segmentation(source[1], regions)], tree / "seg")
    found = convert_tree(tree, out, roi="tumor core")
    np.testing.assert_array_equal(mask_of(found), regions["Tumor core"])
    folder = found.volumes[0].path.parent
    edema = read_mask(folder / "t1ce-7_edema.nii.gz").image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(edema), regions["edema"])
    record = json.loads((folder / "t1ce-7_Tumor-core.json").read_text())
    assert record["regions"] == ["Tumor core"] and record["n_voxels"] == 32 and record["kind"] == "DICOM-SEG"
    assert found.notes == []


@pytest.mark.parametrize(("module", "writer"), [(volumes, "write_like"), (masks, "write_on_grid_of")])
def test_a_killed_conversion_is_taken_up_again(tree, out, source, monkeypatch, module, writer):
    save([segmentation(source[1], {"tumor": blobs(OBLIQUE)["edema"]})], tree / "seg")
    write = getattr(module, writer)

    def killed(*arguments: object) -> None:
        write(*arguments)
        raise KeyboardInterrupt  # the file has its place, and its record was not written

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, writer, killed)
        convert_tree(tree, out)
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(mask_of(found), blobs(OBLIQUE)["edema"])
    assert found.notes == []


def test_several_regions_need_a_name_and_a_pattern_unites(tree, out, source):
    regions = blobs(OBLIQUE)
    save([segmentation(source[1], regions)], tree / "seg")
    found = convert_tree(tree, out)
    assert [volume.role for volume in found.volumes] == ["image"]
    assert "2 regions, Tumor core, edema: say which one" in told(found, "DICOM-SEG")
    found = convert_tree(tree, out, roi="*")
    np.testing.assert_array_equal(mask_of(found), np.maximum(*regions.values()))
    assert "were united" in told(found, "Tumor core, edema")
    assert "none of its regions is called GTV" in told(convert_tree(tree, out, roi="GTV"), "DICOM-SEG")


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_other_kinds_of_segmentation(tree, out, source, kind):
    core = blobs(OBLIQUE)["Tumor core"]
    masks = {"core": np.where(core, 0.6, 0.3)} if kind == "FRACTIONAL" else {"core": core}
    save([segmentation(source[1], masks, kind)], tree / "seg")
    np.testing.assert_array_equal(mask_of(convert_tree(tree, out)), core)


def test_a_segment_that_no_frame_holds_is_told_and_the_others_are_read(tree, out, source):
    core = blobs(OBLIQUE)["Tumor core"]
    save([segmentation(source[1], {"core": core, "nothing": np.zeros_like(core)})], tree / "seg")
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(mask_of(found), core)
    assert "nothing: no frame holds it" in told(found, "DICOM-SEG")


def test_a_segmentation_of_a_part_of_the_slices_is_put_at_its_place(tree, out, source):
    core = blobs(OBLIQUE)["Tumor core"]
    save([segmentation(source[1][2:4], {"core": core[2:4]})], tree / "seg")
    np.testing.assert_array_equal(mask_of(convert_tree(tree, out)), core)


def test_a_segmentation_on_another_grid_is_put_on_the_image_by_the_nearest_voxel(tree, out, source):
    fine = Grid(size=(28, 24, 6), spacing_mm=(0.45, 0.55, 2.5))
    files = slices(voxels_of(fine), fine, source[0], **CE, ContentDate="20200102", ContentTime="101500")
    core = blobs(OBLIQUE)["Tumor core"]
    mask = segmentation(files, {"core": np.roll(core.repeat(2, axis=1).repeat(2, axis=2), (-1, -1), (1, 2))})
    save([mask], tree / "seg")
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(mask_of(found), core)
    record = json.loads((found.volumes[0].path.parent / "t1ce-7_core.json").read_text())
    assert "by the nearest voxel" in record["notes"][0]


def test_a_segmentation_of_another_study_is_refused_in_a_sentence(tree, out, source):
    stranger = Ids()
    files = slices(voxels_of(OBLIQUE), OBLIQUE, stranger, **CE, ContentDate="20200102", ContentTime="101500")
    save([segmentation(files, blobs(OBLIQUE))], tree / "seg")
    found = convert_tree(tree, out)
    assert [volume.role for volume in found.volumes] == ["image"]
    note = told(found, "was left out")
    assert "refers to a series of another study, or to one that is not in the tree" in note
    assert note.startswith(f"DICOM-SEG IM0000 of {pseudonym(stranger.patient, out)} was left out")


def test_a_segmentation_that_claims_another_study_than_its_series_is_refused(tree, out, source):
    save([segmentation(source[1], blobs(OBLIQUE), StudyInstanceUID=Ids().study)], tree / "seg")
    assert 'another study than series 7 "t1 post gd"' in told(convert_tree(tree, out), "was left out")


def test_a_segmentation_of_a_series_that_was_left_out_says_so(tree, out, source):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, source[0].another(), SeriesDescription="MIP", SeriesNumber=9)
    for file in files:
        file.ContentDate, file.ContentTime = "20200102", "101500"
    save(files, tree / "mip")
    save([segmentation(files, blobs(OBLIQUE))], tree / "seg")
    assert 'drawn on series 9 "MIP", which was not converted' in told(convert_tree(tree, out), "DICOM-SEG")


def test_the_series_with_the_mask_is_chosen(tree, out, source):
    fine = Grid(spacing_mm=(0.9, 1.1, 1.0))
    write_series(tree / "fine", voxels_of(fine), fine, source[0].another(), **{**CE, "SeriesNumber": 8})
    save([segmentation(source[1], {"core": blobs(OBLIQUE)["edema"]})], tree / "seg")
    found = convert_tree(tree, out)
    assert [volume.path.name for volume in found.volumes] == ["t1ce-7.nii.gz", "t1ce-7_core.nii.gz"]


def test_of_two_segmentations_the_newer_one_is_the_mask_and_it_is_told(tree, out, source):
    regions = blobs(OBLIQUE)
    old = segmentation(source[1], {"core": regions["Tumor core"]}, ContentDate="20200101")
    new = segmentation(source[1], {"core": regions["edema"]}, ContentDate="20210101")
    save([new, old], tree / "seg")
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(mask_of(found), regions["edema"])
    assert "the newest" in told(found, "2 files of regions")


# ---------------------------------------------------------------- RTSTRUCT


def box(
    x: tuple[float, float], y: tuple[float, float], k: float, grid: Grid = WIDE, clockwise: bool = False
) -> np.ndarray:
    corners = np.array([[x[0], y[0], k], [x[1], y[0], k], [x[1], y[1], k], [x[0], y[1], k]], float)
    return grid.points(corners[::-1] if clockwise else corners)


def expected(*boxes: tuple[slice, slice, int]) -> np.ndarray:
    """Return a mask of boxes (y, x, slice) that take turns: region, hole, island."""
    mask = np.zeros(WIDE.size[::-1], np.uint8)
    for y, x, k in boxes:
        mask[k, y, x] ^= 1
    return mask


@pytest.fixture
def wide(tree: Path) -> Ids:
    return write_series(tree / "images", voxels_of(WIDE), WIDE, **CE)


def drawn(
    tree: Path, out: Path, image: Ids, rois: dict, roi: str | None = None, by_region: bool = False, **elements: object
) -> Found:
    save([contours(rois, image.another(), image, **elements)], tree / "rs")
    return convert_tree(tree, out, roi=roi, by_region=by_region)


OUTER, HOLE, ISLAND = (3.5, 30.5), (9.5, 24.5), (13.5, 18.5)
IN_OUTER, IN_HOLE, IN_ISLAND = slice(4, 31), slice(10, 25), slice(14, 19)


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_holes_and_islands_in_any_order_and_direction(tree, out, wide, order, clockwise):
    rings = [box(OUTER, OUTER, 2), box(HOLE, HOLE, 2, clockwise=clockwise), box(ISLAND, ISLAND, 2)]
    found = drawn(tree, out, wide, {"GTV": [rings[number] for number in order]})
    shape = expected((IN_OUTER, IN_OUTER, 2), (IN_HOLE, IN_HOLE, 2), (IN_ISLAND, IN_ISLAND, 2))
    np.testing.assert_array_equal(mask_of(found), shape)


def test_a_hole_that_a_channel_joins_to_the_border(tree, out, wide):
    y0, y1, x0, x1 = 3.5, 30.5, 9.5, 24.5
    path = [
        (y0, y0),
        (y1, y0),
        (y1, y1),
        (y0, y1),
        (y0, x0),
        (x0, x0),
        (x0, x1),
        (x1, x1),
        (x1, x0),
        (x0, x0),
        (y0, x0),
    ]
    outline = WIDE.points(np.array([(x, y, 4) for x, y in path]))
    found = drawn(tree, out, wide, {"GTV": [outline]})
    np.testing.assert_array_equal(mask_of(found), expected((IN_OUTER, IN_OUTER, 4), (IN_HOLE, IN_HOLE, 4)))


def test_contours_that_cross_are_united_and_one_drawn_twice_counts_once(tree, out, wide):
    rings = [box((3.5, 20.5), (3.5, 20.5), 1), box((10.5, 30.5), (10.5, 30.5), 1), box(ISLAND, ISLAND, 3)]
    found = drawn(tree, out, wide, {"GTV": [*rings, rings[2]]})
    mask = expected((IN_ISLAND, IN_ISLAND, 3))
    mask[1, 4:21, 4:21] = mask[1, 11:31, 11:31] = 1
    np.testing.assert_array_equal(mask_of(found), mask)
    record = json.loads((found.volumes[0].path.parent / "t1ce-7_GTV.json").read_text())
    assert record["notes"] == ["Contours of GTV cross each other in slice 1; they were united."]


def test_one_of_several_regions_by_name_and_the_others_as_files(tree, out, wide):
    rois = {"GTV-1": [box(HOLE, HOLE, 2)], "Brain Stem": [box(ISLAND, ISLAND, 2)], "gtv-2": [box(OUTER, OUTER, 0)]}
    found = drawn(tree, out, wide, rois, roi="brain stem")
    np.testing.assert_array_equal(mask_of(found), expected((IN_ISLAND, IN_ISLAND, 2)))
    names = sorted(path.name for path in found.volumes[0].path.parent.glob("*_*.nii.gz"))
    assert names == ["t1ce-7_Brain-Stem.nii.gz", "t1ce-7_GTV-1.nii.gz", "t1ce-7_gtv-2.nii.gz"]
    united = convert_tree(tree, out, roi="gtv*")
    np.testing.assert_array_equal(mask_of(united), expected((IN_HOLE, IN_HOLE, 2), (IN_OUTER, IN_OUTER, 0)))


def test_several_regions_keep_their_names_in_one_mask(tree, out, wide, tmp_path):
    rois = {"GTV-1": [box(HOLE, HOLE, 2)], "Brain Stem": [box(ISLAND, ISLAND, 4)], "gtv-2": [box(OUTER, OUTER, 0)]}
    found = drawn(tree, out, wide, rois, "gtv*", by_region=True)
    (sample,) = {volume.sample_id for volume in found.volumes}
    assert found.values == {"mask_regions": {sample: "GTV1=1 gtv2=2"}}
    wanted = expected((IN_HOLE, IN_HOLE, 2)) + 2 * expected((IN_OUTER, IN_OUTER, 0))
    np.testing.assert_array_equal(mask_of(found), wanted)
    made = make_cohort(tree, "dicom", found=convert_tree(tree, out, by_region=True))
    assert made.rows["mask_regions"].tolist() == ["GTV1=1 BrainStem=2 gtv2=3"]  # not taken for parts of a glioma
    assert "mask_regions" not in made.labels

    table = tmp_path / "cohort.csv"
    given = ["make", str(tree), "--layout", "dicom", "--by-region", "--nifti", str(out), "--out", str(table)]
    assert CliRunner().invoke(app, given).exit_code == 0
    cohort = read_cohort(table)
    checked = {region: check_images(cohort, region=region).failures for region in ("GTV1", "BrainStem", "gtv2")}
    assert all(failures.empty for failures in checked.values()), checked
    refused = CliRunner().invoke(app, ["make", str(tree), "--by-region", "--out", str(table), "--overwrite"])
    assert refused.exit_code == 2 and "--by-region" in refused.output


def test_masks_of_one_sample_that_contradict_each_other_are_told():
    found = [
        SimpleNamespace(
            chosen=True, coding=coding, patient="p", session="s1", named=SimpleNamespace(name=name), mask=name
        )
        for name, coding in (("t1", {"A": 1, "B": 2}), ("t2", {"A": 1}), ("flair", {"B": 1}))
    ]
    cells, notes = convert._regions(found)
    assert cells == {"p_s1": "A=1 B=2"}
    assert notes == ["The mask of flair of p_s1 has B=1, another one A=1 B=2: it is left out."]
    assert [row.mask for row in found] == ["t1", "t2", None]


def test_regions_that_share_voxels_or_a_name_stay_apart_and_are_told(tree, out, wide):
    rois = {"GTV-1": [box(HOLE, HOLE, 2)], "GTV 2": [box(OUTER, OUTER, 2)], "gtv2": [box(ISLAND, ISLAND, 4)]}
    found = drawn(tree, out, wide, rois, by_region=True)
    assert [volume.role for volume in found.volumes] == ["image"]
    n_shared = int((expected((IN_HOLE, IN_HOLE, 2)) * expected((IN_OUTER, IN_OUTER, 2))).sum())
    assert f"GTV-1 and GTV 2 share {n_shared} voxels, so that no mask can hold" in told(found, "RTSTRUCT")
    assert len(list(found.volumes[0].path.parent.glob("*_*.nii.gz"))) == 3
    apart = convert_tree(tree, out, roi="GTV-1", by_region=True)
    assert list(apart.values["mask_regions"].values()) == ["GTV1=1"]
    one, other = (Region(name, np.array(voxels)) for name, voxels in (("GTV 2", [1, 0]), ("GTV-2", [0, 1])))
    with pytest.raises(RequestError, match="two of its regions would both be called GTV2"):
        labeled([one, other])


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        (box(HOLE, HOLE, 2.4), "0.4 slices off the planes of the image"),
        (box(HOLE, HOLE, 9), "slice 9 of 6, beyond the image"),
        (box((10.1, 10.4), HOLE, 2), "no voxel has its center within"),
    ],
)
def test_contours_that_cannot_be_filled_are_told_by_their_region(tree, out, wide, outline, reason):
    found = drawn(tree, out, wide, {"bad": [outline], "good": [box(HOLE, HOLE, 2)]})
    assert reason in told(found, "bad:")
    np.testing.assert_array_equal(mask_of(found), expected((IN_HOLE, IN_HOLE, 2)))


def test_points_and_open_lines_are_left_out(tree, out, wide):
    found = drawn(tree, out, wide, {"marks": [box(HOLE, HOLE, 2)]}, kind="OPEN_PLANAR")
    assert "no voxel has its center within" in told(found, "marks:")


def test_contours_of_another_study_are_refused(tree, out, wide):
    stranger = Ids()
    found = drawn(tree, out, stranger, {"GTV": [box(HOLE, HOLE, 2)]})
    assert "a series of another study" in told(found, "RTSTRUCT IM0000 of ")


def test_contours_that_name_no_series_belong_to_their_images_or_else_to_their_frame_of_reference(tree, out, wide):
    other = wide.another(space=Ids().space)
    write_series(tree / "t2", voxels_of(WIDE), WIDE, other, SeriesDescription="t2", SeriesNumber=8)
    file = contours({"GTV": [box(HOLE, HOLE, 2)]}, wide.another(), wide)
    (space,) = file.ReferencedFrameOfReferenceSequence
    del space.RTReferencedStudySequence
    save([file], tree / "rs")
    found = convert_tree(tree, out)
    assert [volume.modality for volume in found.volumes] == ["t1ce", "t1ce", "t2"]
    space.FrameOfReferenceUID = Ids().space
    image = dcmread(next((tree / "t2").iterdir()))
    (contour,) = file.ROIContourSequence[0].ContourSequence
    contour.ContourImageSequence = [group(ReferencedSOPInstanceUID=image.SOPInstanceUID)]
    save([file], tree / "rs")
    found = convert_tree(tree, out)
    assert [volume.modality for volume in found.volumes] == ["t1ce", "t2", "t2"]
    np.testing.assert_array_equal(mask_of(found), expected((IN_HOLE, IN_HOLE, 2)))


def test_contours_of_another_patient_are_refused_and_a_copy_of_a_file_counts_once(tree, out, wide):
    file = contours({"GTV": [box(HOLE, HOLE, 2)]}, wide.another(), wide)
    save([file], tree / "rs")
    save([file], tree / "copy")
    assert convert_tree(tree, out).notes == []
    save([put(file, {"PatientID": "somebody"})], tree / "rs")
    save([file], tree / "copy")
    assert "names another patient than series 7" in told(convert_tree(tree, out), "RTSTRUCT")


def test_a_name_with_brackets_is_a_name(tree, out, wide):
    found = drawn(tree, out, wide, {"[GTV]": [box(HOLE, HOLE, 2)], "G": [box(ISLAND, ISLAND, 2)]}, roi="[gtv]")
    np.testing.assert_array_equal(mask_of(found), expected((IN_HOLE, IN_HOLE, 2)))


def test_a_polygon_is_filled_by_the_centers_of_pixels():
    corners = np.array([[0.2, 0.2], [7.7, 1.3], [4.1, 8.8]])
    rows, columns = np.mgrid[0:10, 0:10]
    sides = []
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        sides.append((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0) > 0)
    np.testing.assert_array_equal(filled_polygon(corners, (10, 10)), np.logical_and.reduce(sides))
