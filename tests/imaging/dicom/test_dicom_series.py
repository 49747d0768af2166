"""Series of DICOM files become volumes with the voxels and the place that their headers give them."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

from pydicom import Dataset, dcmread  # noqa: E402
from pydicom.filewriter import dcmwrite  # noqa: E402
from pydicom.uid import RLELossless  # noqa: E402

from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.imaging import read_image  # noqa: E402
from radiofuse.imaging.dicom import convert_tree, pseudonym  # noqa: E402
from radiofuse.imaging.dicom.plan import plan_rows  # noqa: E402
from radiofuse.imaging.dicom.tree import read_tree  # noqa: E402
from radiofuse.imaging.dicom.volumes import write_stack  # noqa: E402
from radiofuse.imaging.layouts.volume import Found  # noqa: E402
from tests.dicom_files import (  # noqa: E402
    BIRTH_DATE,
    OBLIQUE,
    PATIENT,
    Grid,
    Ids,
    contours,
    directory,
    enhanced,
    put,
    save,
    slices,
    turned,
    voxels_of,
    write_series,
)

T1 = {"SeriesDescription": "t1_tse_tra", "SeriesNumber": 3}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def only(found: Found) -> tuple[np.ndarray, sitk.Image, dict]:
    """Return voxels, image and record of the only volume."""
    (volume,) = [each for each in found.volumes if each.role == "image"]
    image = read_image(volume.path).image
    record = json.loads(Path(str(volume.path).replace(".nii.gz", ".json")).read_text())
    return sitk.GetArrayFromImage(image), image, record


def assert_lies_on(image: sitk.Image, grid: Grid) -> None:
    np.testing.assert_allclose(image.GetOrigin(), grid.origin_mm, atol=1e-4)
    np.testing.assert_allclose(image.GetSpacing(), grid.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(image.GetDirection(), grid.axes.ravel(), atol=1e-6)
    assert image.GetSize() == grid.size


def told(found: Found, words: str) -> str:
    (note,) = [note for note in found.notes if words in note]
    assert note.endswith(".") and "\n" not in note
    return note


def test_an_oblique_series_keeps_its_voxels_and_its_place(tree, out):
    voxels = voxels_of(OBLIQUE)
    write_series(tree / "a" / "b", voxels, **T1)
    found = convert_tree(tree, out)
    values, image, record = only(found)
    np.testing.assert_array_equal(values, voxels)
    assert values.dtype == np.int16
    assert_lies_on(image, OBLIQUE)
    assert record["modality"] == "t1" and record["because"].startswith("the description")
    assert record["n_files"] == 6 and record["series_description"] == "t1_tse_tra"
    (volume,) = found.volumes
    assert (volume.modality, volume.session) == ("t1", "s1")
    assert volume.sample_id == f"{volume.patient_id}_s1"
    assert found.notes == []


def test_simpleitk_reads_the_same_voxels_and_places(tree, out):
    voxels, ids = voxels_of(OBLIQUE), Ids()
    write_series(tree / "1", voxels, ids=ids, **T1, RescaleSlope=3, RescaleIntercept=-1, modality="CT")
    save([enhanced(voxels, OBLIQUE, ids.another(), order=range(6))], tree / "2")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tree / "1")))
    references = {"ct": reader.Execute(), "t1": sitk.ReadImage(str(tree / "2" / "IM0000"))}
    for volume in convert_tree(tree, out).volumes:
        image, reference = read_image(volume.path).image, references.pop(volume.modality)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(reference))
        for place in ("GetOrigin", "GetSpacing", "GetDirection"):
            np.testing.assert_allclose(getattr(image, place)(), getattr(reference, place)(), atol=1e-5)
    assert not references


@pytest.mark.parametrize("axes", [np.diag([1, 1, 1]), np.diag([1, -1, -1]), turned((90, 0, 0)), turned((0, 90, 90))])
def test_every_orientation_is_kept(tree, out, axes):
    grid = Grid(axes=axes.astype(float))
    voxels = voxels_of(grid)
    write_series(tree, voxels, grid, **T1)
    values, image, _ = only(convert_tree(tree, out))
    np.testing.assert_array_equal(values, voxels)
    assert_lies_on(image, grid)


def test_values_are_scaled_slice_by_slice(tree, out):
    stored = voxels_of(OBLIQUE).astype(np.uint16)
    files = slices(stored, OBLIQUE, Ids(), "PT", Units="BQML")
    slopes = 0.25 + 0.5 * np.arange(len(files))
    save([put(f, {"RescaleSlope": s, "RescaleIntercept": 1}) for f, s in zip(files, slopes, strict=True)], tree)
    values, _, record = only(convert_tree(tree, out))
    np.testing.assert_array_equal(values, (stored * slopes[:, None, None] + 1).astype(np.float32))
    assert record["modality"] == "pet" and record["acquisition"]["units"] == "BQML"
    assert record["rescale_slope"] == [0.25, 2.75]


def test_whole_values_beyond_16_bits_stay_whole(tree, out):
    stored = np.full(OBLIQUE.size[::-1], 65535, np.uint16)
    stored[0] = 3
    write_series(tree, stored, modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    values, _, _ = only(convert_tree(tree, out))
    assert values.dtype == np.int32 and values.max() == 65535 - 1024 and values.min() == 3 - 1024


def test_a_multi_frame_file_is_put_in_order_and_scaled(tree, out):
    voxels = voxels_of(OBLIQUE)
    file = enhanced(voxels, OBLIQUE, Ids(), order=(3, 0, 5, 2, 1, 4))
    save([file], tree)
    values, image, record = only(convert_tree(tree, out))
    np.testing.assert_array_equal(values, 2 * voxels.astype(int) - 7)
    assert_lies_on(image, OBLIQUE)
    assert record["acquisition"]["te_ms"] == 10.0 and record["acquisition"]["tr_ms"] == 600.0
    assert record["modality"] == "t1" and record["because"].startswith("short TE and TR")


def test_two_echoes_of_one_multi_frame_file_are_two_sequences(tree, out):
    voxels = np.concatenate([voxels_of(OBLIQUE, 1), voxels_of(OBLIQUE, 2)])
    echoes, places = [12.0] * 6 + [95.0] * 6, [*range(6), *range(6)]
    file = enhanced(voxels, OBLIQUE, Ids(), order=range(12), echo=echoes, position=places)
    save([put(file, {"SeriesDescription": "PD T2 tse"})], tree)
    found = convert_tree(tree, out)
    assert [volume.modality for volume in found.volumes] == ["pd", "t2"]
    for volume, part in zip(found.volumes, (voxels[:6], voxels[6:]), strict=True):
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(volume.path).image), 2 * part.astype(int) - 7)


@pytest.mark.parametrize("packing", ["RLE", "JPEG2000", "JPEG"])
def test_compressed_voxels_are_unpacked_and_scaled(tree, out, packing):
    voxels = voxels_of(OBLIQUE, low=-900, high=900)
    files = slices(voxels, OBLIQUE, Ids(), **T1, RescaleSlope=2, RescaleIntercept=5)
    for file, plane in zip(files, voxels, strict=True):
        pack(file, plane, packing, out.parent / "packed.dcm")
    save(files, tree)
    values, image, _ = only(convert_tree(tree, out))
    np.testing.assert_array_equal(values, 2 * voxels + 5)
    assert_lies_on(image, OBLIQUE)


def pack(file: Dataset, plane: np.ndarray, packing: str, path: Path) -> None:
    """Compress the voxels of a file without loss: RLE by pydicom, the others by SimpleITK."""
    if packing == "RLE":
        file.compress(RLELossless)
        return
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor(packing)
    writer.Execute(sitk.GetImageFromArray(plane))
    packed = dcmread(path)
    file.file_meta.TransferSyntaxUID, file.PixelData = packed.file_meta.TransferSyntaxUID, packed.PixelData
    assert file.file_meta.TransferSyntaxUID.is_compressed


# ---------------------------------------------------------------- what is not a volume


def refused(tree: Path, out: Path, files: list, code: str) -> str:
    save(files, tree)
    found = convert_tree(tree, out)
    assert found.volumes == []
    return told(found, f"was refused ({code})")


def test_missing_slices_are_told_with_their_place(tree, out):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1)
    sentence = refused(tree, out, files[:2] + files[4:], "slices_missing")
    assert 'series 3 "t1_tse_tra"' in sentence and "2 slices of 6 missing" in sentence


def test_numbers_that_begin_late_are_told(tree, out):
    save(slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1)[1:], tree)
    found = convert_tree(tree, out)
    assert only(found)[1].GetSize()[2] == 5
    assert only(found)[2]["file_numbers"] == [2, 6]
    assert "slices at an end may be missing" in told(found, "series 3")


def test_varying_distances_are_refused(tree, out):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1)
    files[5].ImagePositionPatient = list(OBLIQUE.position(5.4))
    assert "2.50 to 3.50 mm apart" in refused(tree, out, files, "spacing_varies")


def test_a_tilted_gantry_is_refused_with_its_angle(tree, out):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), "CT")
    for k, file in enumerate(files):
        drift = OBLIQUE.axes[:, 1] * 2.5 * k * np.tan(np.radians(14))
        file.ImagePositionPatient = list(OBLIQUE.position(k) + drift)
    assert "a tilt of 14.0 degrees" in refused(tree, out, files, "gantry_tilt")


def test_slices_shifted_sideways_are_refused(tree, out):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1)
    files[3].ImagePositionPatient = list(OBLIQUE.position(3) + 2 * OBLIQUE.axes[:, 0])
    assert "sideways by up to 2.00 mm" in refused(tree, out, files, "spacing_varies")


def test_copies_of_slices_are_dropped_and_told(tree, out):
    voxels, ids = voxels_of(OBLIQUE), Ids()
    save(slices(voxels, OBLIQUE, ids, **T1), tree)
    save(slices(voxels, OBLIQUE, ids, **T1)[:2], tree / "again")
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(only(found)[0], voxels)
    assert "2 slices there twice" in told(found, "copies were dropped")


def test_different_slices_at_one_place_are_refused(tree, out):
    ids = Ids()
    save(slices(voxels_of(OBLIQUE, 5), OBLIQUE, ids, **T1)[:1], tree / "other")
    assert "(1 place" in refused(tree, out, slices(voxels_of(OBLIQUE), OBLIQUE, ids, **T1), "slices_duplicated")


def test_two_series_of_one_uid_are_told_and_read_apart(tree, out):
    ids, first, second = Ids(), voxels_of(OBLIQUE, 1), voxels_of(OBLIQUE, 2)
    write_series(tree / "1", first, ids=ids, **T1)
    write_series(tree / "2", second, ids=ids, SeriesDescription="t2_tse", SeriesNumber=4)
    found = convert_tree(tree, out)
    assert '2 series: series 3 "t1_tse_tra" (6 files) and series 4 "t2_tse"' in told(found, "One SeriesInstanceUID")
    assert [volume.modality for volume in found.volumes] == ["t1", "t2"]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(found.volumes[1].path).image), second)


def test_localizers_maps_and_pictures_are_left_out_with_a_notice(tree, out):
    ids, voxels = Ids(), voxels_of(OBLIQUE)
    write_series(tree / "1", voxels, ids=ids, **T1)
    write_series(tree / "2", voxels[:2], ids=ids.another(), SeriesDescription="3-plane loc", SeriesNumber=1)
    write_series(tree / "3", voxels, ids=ids.another(), SeriesDescription="t1 MIP", SeriesNumber=8)
    write_series(tree / "4", voxels[:2], ids=ids.another(), SeriesDescription="t2 tse", SeriesNumber=9)
    save([put(f, {"Modality": "US"}) for f in slices(voxels[:1], OBLIQUE, ids.another())], tree / "5")
    save([put(f, {"ImagePositionPatient": None}) for f in slices(voxels, OBLIQUE, ids.another())], tree / "6")
    found = convert_tree(tree, out)
    assert [volume.modality for volume in found.volumes] == ["t1"]
    for reason in ("a localizer", "a derived map", "fewer than 4 slices", "US, not MR", "no place in space"):
        assert told(found, reason).startswith("1 series left out")
    table = (out / "series.csv").read_text().splitlines()
    assert len(table) == 7 and table[0].startswith("patient_id,session,series_number,description,")


def test_a_damaged_file_costs_its_own_series_alone(tree, out):
    ids, voxels = Ids(), voxels_of(OBLIQUE)
    write_series(tree / "1", voxels, ids=ids, SeriesDescription="t2 tse", SeriesNumber=2)
    write_series(tree / "2", voxels, ids=ids.another(), **T1)
    path = next((tree / "2").iterdir())
    path.write_bytes(path.read_bytes()[:-100])
    found = convert_tree(tree, out)
    assert [volume.modality for volume in found.volumes] == ["t2"]
    assert path.name in told(found, "was refused (file_truncated)")


def test_a_claim_of_a_trillion_voxels_is_refused_before_memory_is_asked_for(tree, out):
    files = slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1, Rows=65535, Columns=65535)
    assert "25,769,017,350 voxels" in refused(tree, out, files, "too_many_voxels")


def test_other_files_and_a_dicomdir_are_told(tree, out):
    paths = save(
        slices(voxels_of(OBLIQUE), OBLIQUE, Ids(), **T1), tree / "images"
    )  # media from Windows: capitals in the list alone
    directory(["IMAGES/" + path.name for path in [*paths, Path("LOST")]]).save_as(tree / "DICOMDIR")
    (tree / "readme.txt").write_text("words " * 100)
    (tree / "empty").write_bytes(b"")
    (tree / "half.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\xff")
    found = convert_tree(tree, out)
    assert only(found)[1].GetSize() == OBLIQUE.size
    assert "2 files of the tree are not DICOM" in told(found, "readme.txt")
    told(found, "half.dcm cannot be read")
    assert "1 file that is not there: IMAGES/LOST" in told(found, "DICOMDIR lists")


def test_a_file_without_a_preamble_is_read(tree, out):
    voxels = voxels_of(OBLIQUE)
    tree.mkdir()
    for number, file in enumerate(slices(voxels, OBLIQUE, Ids(), **T1)):
        del file.file_meta
        dcmwrite(tree / f"{number}.ima", file, implicit_vr=True, little_endian=True)
    np.testing.assert_array_equal(only(convert_tree(tree, out))[0], voxels)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with a few bytes of its header changed, taken out or put in, or cut short."""
    for _ in range(rng.integers(1, 7)):
        at, length = int(rng.integers(120, min(len(content), 2500))), int(rng.integers(1, 9))
        change = [rng.bytes(length), b"", content[at : at + length] + rng.bytes(length)][rng.integers(3)]
        content = content[:at] + change + content[at + length :]
    return content[: rng.integers(1000, len(content))] if rng.random() < 0.1 else content


def test_whatever_is_damaged_nothing_but_sentences_comes_of_it(tree, out):
    ids = Ids()
    write_series(tree / "1", voxels_of(OBLIQUE), ids=ids, **T1)
    save([enhanced(voxels_of(OBLIQUE), OBLIQUE, ids.another(), order=range(6))], tree / "2")
    outline = OBLIQUE.points(np.array([[2.5, 2.5, 2], [9.5, 2.5, 2], [9.5, 9.5, 2], [2.5, 9.5, 2]]))
    save([contours({"GTV": [outline]}, ids.another(), ids)], tree / "3")
    whole = {path: path.read_bytes() for path in sorted(tree.rglob("IM*"))}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for number, (path, content) in enumerate(whole.items()):
            hit = number in rng.choice(len(whole), 2) or number >= 6
            path.write_bytes(damaged(content, rng) if hit else content)
        found = convert_tree(tree, out / str(seed))
        assert [note for note in found.notes if not note.endswith(".") or "\n" in note] == [], seed
        assert len(found.volumes) == 3 or found.notes, seed


# ---------------------------------------------------------------- people, places, and doing it again


def all_bytes(folder: Path) -> bytes:
    """Everything that was written, names of files too, unpacked."""
    parts = [str(folder.name).encode()]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            parts += [str(path).encode(), gzip.decompress(content) if path.name.endswith(".gz") else content]
    return b"\n".join(parts)


def test_nothing_that_is_written_or_told_names_the_patient(tree, out):
    ids = write_series(tree / "Doe Jane 19500417", voxels_of(OBLIQUE), **T1)
    found = convert_tree(tree, out)
    written = all_bytes(out) + repr(found).encode()
    for secret in ("Doe", "Jane", BIRTH_DATE, PATIENT, ids.study, ids.series, "House", ids.date):
        assert secret.encode() not in written.replace(str(out).encode(), b"")
    assert found.volumes[0].patient_id == pseudonym(PATIENT, out)
    assert (out / "pseudonym.key").stat().st_mode & 0o077 == 0


def test_ids_are_kept_when_asked_for(tree, out):
    ids = write_series(tree, voxels_of(OBLIQUE), **T1)
    found = convert_tree(tree, out, keep_ids=True)
    assert found.volumes[0].patient_id == PATIENT
    assert only(found)[2]["ids"] == {
        "patient_id": PATIENT,
        "study_uid": ids.study,
        "series_uid": ids.series,
        "study_date": ids.date,
    }
    assert b"Doe" not in all_bytes(out)


@pytest.mark.parametrize("keep_ids", [True, False])
def test_one_patient_in_two_spellings_is_one_patient(tree, out, keep_ids):
    for seed, spelled in enumerate(("g 3", "G-03", "G-4")):
        write_series(tree / str(seed), voxels_of(OBLIQUE, seed), ids=Ids(spelled, date=f"202001{seed + 10}"), **T1)
    found = convert_tree(tree, out, keep_ids=keep_ids)
    patients = [volume.patient_id for volume in found.volumes]
    assert len(patients) == 3 and len(set(patients)) == 2
    assert "each was taken for one person" in told(found, "1 patient whose ids differ by case")
    if keep_ids:
        assert sorted(volume.sample_id for volume in found.volumes) == ["G-03_s1", "G-03_s2", "G-4_s1"]


def test_linked_folders_are_followed_and_loops_are_not(tree, out):
    write_series(tree.parent / "elsewhere", voxels_of(OBLIQUE), **T1)
    tree.mkdir()
    (tree / "link").symlink_to(tree.parent / "elsewhere")
    (tree / "loop").symlink_to(tree)
    assert len(convert_tree(tree, out).volumes) == 1


def test_folders_may_name_patients_and_one_id_of_two_people_is_told(tree, out):
    for name in ("case-1", "case 2"):
        write_series(tree / name / "x", voxels_of(OBLIQUE), ids=Ids("ANON", name, ""), **T1)
    told(convert_tree(tree, out), "1 patient with more than one name or birth date")
    found = convert_tree(tree, out / "2", by_folder=True)
    first, second = (volume.patient_id for volume in found.volumes)
    assert first == "case-1" and second.startswith("case-2-")


def test_patients_by_folder_are_kept_apart_though_an_export_gave_all_the_same_uids(tree, out):
    ids = Ids("ANON", "", "")
    for name, seed in (("a", 1), ("b", 2)):
        write_series(tree / name, voxels_of(OBLIQUE, seed), ids=ids, **T1)
    found = convert_tree(tree, out, by_folder=True)
    assert [volume.patient_id for volume in found.volumes] == ["a", "b"]
    for volume, seed in zip(found.volumes, (1, 2), strict=True):
        values = sitk.GetArrayFromImage(read_image(volume.path).image)
        np.testing.assert_array_equal(values, voxels_of(OBLIQUE, seed))


def test_a_rule_of_the_user_takes_what_would_be_left_out(tree, out):
    rules = out.parent / "own.csv"
    rules.write_text("name,description\nt1,slab\n")
    write_series(tree, voxels_of(OBLIQUE)[:2], SeriesDescription="localizer slab")
    assert only(convert_tree(tree, out, sequences=rules))[2]["because"] == "line 2 of own.csv"


def test_sessions_are_counted_by_date(tree, out):
    later, earlier = Ids(date="20210505"), Ids(date="20190101")
    write_series(tree / "1", voxels_of(OBLIQUE, 1), ids=later, **T1)
    write_series(tree / "2", voxels_of(OBLIQUE, 2), ids=earlier, **T1)
    found = convert_tree(tree, out)
    assert [volume.session for volume in found.volumes] == ["s1", "s2"]
    first = sitk.GetArrayFromImage(read_image(found.volumes[0].path).image)
    np.testing.assert_array_equal(first, voxels_of(OBLIQUE, 2))


def test_studies_without_a_date_are_told(tree, out):
    for number in range(2):
        write_series(tree / str(number), voxels_of(OBLIQUE, number), ids=Ids(date=""), StudyTime="", **T1)
    found = convert_tree(tree, out)
    assert [volume.session for volume in found.volumes] == ["s1", "s2"]
    assert "the order of the sessions is arbitrary" in told(found, "1 patient with studies without a date")


def test_two_reconstructions_of_one_series_are_volumes_of_their_own(tree, out):
    ids, soft, sharp = Ids(), voxels_of(OBLIQUE, 1), voxels_of(OBLIQUE, 2)
    write_series(tree / "1", soft, ids=ids, modality="CT", ConvolutionKernel="B30f")
    write_series(tree / "2", sharp, ids=ids, modality="CT", ConvolutionKernel="B70f")
    found = convert_tree(tree, out)
    np.testing.assert_array_equal(only(found)[0], soft)
    assert "ct-1-2.nii.gz would be ct, too" in told(found, "(kernel B30f)")
    folder = found.volumes[0].path.parent
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(folder / "ct-1-2.nii.gz").image), sharp)


def test_a_second_call_writes_only_what_changed(tree, out):
    ids = write_series(tree / "1", voxels_of(OBLIQUE, 1), **T1)
    first = convert_tree(tree, out)
    before = first.volumes[0].path.stat().st_mtime_ns
    write_series(tree / "2", voxels_of(OBLIQUE, 2), ids=ids.another(), SeriesDescription="t2", SeriesNumber=5)
    seen = []
    read = []
    second = convert_tree(tree, out, on_read=lambda *n: read.append(n), progress=lambda *n: seen.append(n))
    assert [volume.modality for volume in second.volumes] == ["t1", "t2"]
    assert second.volumes[0].path.stat().st_mtime_ns == before
    assert seen == [(1, 2), (2, 2)] and read == [(12, 12)]
    shutil.rmtree(tree / "1")
    write_series(tree / "1", voxels_of(OBLIQUE, 3), ids=ids, **T1)
    third = convert_tree(tree, out)
    changed = sitk.GetArrayFromImage(read_image(third.volumes[0].path).image)
    np.testing.assert_array_equal(changed, voxels_of(OBLIQUE, 3))


def test_a_file_that_is_not_ours_is_not_replaced(tree, out):
    write_series(tree, voxels_of(OBLIQUE), **T1)
    path = convert_tree(tree, out).volumes[0].path
    path.with_name("t1-3.json").write_text('{"mine": 1}')
    path.write_bytes(b"precious")
    assert "was not written from DICOM by radiofuse" in told(convert_tree(tree, out), "t1-3.nii.gz exists")
    assert path.read_bytes() == b"precious"
    (out / "series.csv").write_text("mine,too")
    with pytest.raises(RequestError, match=r"series\.csv exists, and this command did not write it"):
        convert_tree(tree, out)


def test_of_two_series_of_one_sequence_the_finer_one_is_chosen_and_the_other_told(tree, out):
    coarse, fine = Grid(spacing_mm=(1.0, 1.0, 5.0)), Grid(spacing_mm=(1.0, 1.0, 1.0))
    ids = write_series(tree / "1", voxels_of(coarse), coarse, **T1)
    write_series(tree / "2", voxels_of(fine), fine, ids.another(), SeriesDescription="t1 mprage", SeriesNumber=6)
    found = convert_tree(tree, out)
    assert [volume.path.name for volume in found.volumes] == ["t1-6.nii.gz"]
    assert "t1-3.nii.gz would be t1, too" in told(found, "was chosen as t1")


def test_an_absent_library_or_folder_is_a_sentence(tree, out, monkeypatch):
    with pytest.raises(RequestError, match="There is no folder at"):
        convert_tree(tree, out)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(RequestError, match=r"pip install 'radiofuse\[dicom\]'"):
        convert_tree(tree, out)


def test_what_goes_to_another_process_and_back_survives_the_way(tree, out):
    write_series(tree, voxels_of(OBLIQUE), **T1)
    instances = pickle.loads(pickle.dumps(read_tree(tree))).instances
    called = dict.fromkeys((each.person for each in instances), "p1")
    (row,), _ = plan_rows(instances, called, [], out, keep_ids=False)
    written = pickle.loads(pickle.dumps(write_stack(pickle.loads(pickle.dumps(row.job)))))
    assert written.problem == "" and written.record["size"] == list(OBLIQUE.size)
