"""Files of voxel-wise maps: their names, their place and pyradiomics' values."""

from __future__ import annotations

import logging

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.extract import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.voxel_maps import write_voxel_maps

SETTINGS = {
    "imageType": {"Original": {}, "Wavelet": {}},
    "featureClass": {"shape": [], "firstorder": ["Mean"], "glcm": ["Idm", "JointEntropy"], "ngtdm": ["Contrast"]},
    "setting": {"binWidth": 12},
    "voxelSetting": {"kernelRadius": 1, "maskedKernel": False, "initValue": -1},
}


@pytest.fixture
def files(tmp_path):
    """An image that is turned and lies off the origin, and its mask."""
    rng = np.random.default_rng(0)
    voxels, inside = rng.normal(100, 30, (9, 11, 10)).astype(np.float32), np.zeros((9, 11, 10), np.uint8)
    inside[2:6, 0:5, 3:9] = rng.random((4, 5, 6)) < 0.8
    paths = []
    for name, array in (("image", voxels), ("mask", inside)):
        volume = sitk.GetImageFromArray(array)
        volume.SetSpacing((0.8, 0.9, 2.5))
        volume.SetOrigin((-31.0, 12.5, 7.0))
        volume.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
        paths.append(tmp_path / f"{name}.nii.gz")
        sitk.WriteImage(volume, str(paths[-1]))
    return paths


@pytest.mark.parametrize(
    "changes",
    [{}, {"resampledPixelSpacing": [1, 1, 2]}, {"preCrop": True, "padDistance": 3}, {"normalize": True}],
    ids=["as it is", "resampled", "cropped", "normalized"],
)
def test_maps_are_pyradiomics_maps_in_its_box(files, tmp_path, changes):
    settings = SETTINGS | {"setting": {"binWidth": 0.4 if "normalize" in changes else 12} | changes}
    featureextractor = pytest.importorskip("radiomics.featureextractor")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    oracle = featureextractor.RadiomicsFeatureExtractor(settings)
    oracle.settings["additionalInfo"] = False
    theirs = oracle.execute(*map(str, files), voxelBased=True)
    written = write_voxel_maps(*files, settings, tmp_path / "maps", label=1)
    assert [path.name for path in written] == [f"{name}.nrrd" for name in theirs]
    for path, (name, expected) in zip(written, theirs.items(), strict=True):
        assert_alike(sitk.ReadImage(str(path)), expected, name)


def assert_alike(found, expected, name):
    assert found.GetSize() == expected.GetSize()
    for geometry in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(found, geometry)() == pytest.approx(getattr(expected, geometry)(), abs=1e-9)
    np.testing.assert_allclose(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected), rtol=1e-9, err_msg=name)


SCATTERED = {"imageType": {"Original": {}}, "featureClass": {"glcm": ["Idm"]}, "setting": {"binWidth": 12}}


@pytest.fixture
def scattered(files, tmp_path):
    """The image, and a mask with a voxel that has no neighbor, so that a GLCM there has no pair."""
    mask = sitk.ReadImage(str(files[1]))
    inside = sitk.GetArrayFromImage(mask)
    inside[7, 9, 1] = 1
    alone = sitk.GetImageFromArray(inside)
    alone.CopyInformation(mask)
    sitk.WriteImage(alone, str(tmp_path / "alone.nii.gz"))
    return files[0], tmp_path / "alone.nii.gz", int(inside.sum())


def test_nan_survives_readers_of_nrrd(scattered, tmp_path):
    *pair, _ = scattered
    settings = SCATTERED | {"voxelSetting": {"initValue": -1}}
    (path,) = write_voxel_maps(*pair, settings, tmp_path)
    read = sitk.ReadImage(str(path))
    image, mask = (sitk.ReadImage(str(file)) for file in pair)
    at = read.TransformPhysicalPointToIndex(image.TransformIndexToPhysicalPoint((1, 9, 7)))
    assert np.isnan(read[at]) and np.isnan(sitk.GetArrayFromImage(read)).sum() == 1
    assert read.GetMetaData("outside_region") == "-1"
    inside = sitk.GetArrayFromImage(sitk.Resample(mask, read, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
    assert (sitk.GetArrayFromImage(read)[~inside] == -1).all()
    assert len(path.read_bytes()) < 9 * 11 * 10 * 8  # the box alone, packed


def test_nifti_holds_the_stated_value_where_there_is_none(scattered, tmp_path):
    *pair, n_voxels = scattered
    settings = SCATTERED | {"voxelSetting": {"initValue": -7}}
    (path,), (precise,) = (write_voxel_maps(*pair, settings, tmp_path, file_format=of) for of in ("nifti", "nrrd"))
    assert path.name == "original_glcm_Idm.nii.gz"
    by_itk, by_nibabel, nrrd = sitk.ReadImage(str(path)), nibabel.load(path), sitk.ReadImage(str(precise))
    values = sitk.GetArrayFromImage(nrrd)
    expected = np.where(np.isnan(values), -7, values)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(by_itk), expected)
    np.testing.assert_array_equal(by_nibabel.get_fdata().T, expected)
    assert by_nibabel.header["descrip"].item() == b"-7 outside the region and at 1 voxels without a value"
    assert by_itk.GetOrigin() == pytest.approx(nrrd.GetOrigin(), abs=1e-5)
    at_last = np.subtract(by_nibabel.shape, 1)
    placed = nrrd.TransformIndexToPhysicalPoint(at_last.tolist()) * np.array([-1, -1, 1])
    assert nibabel.affines.apply_affine(by_nibabel.affine, at_last) == pytest.approx(placed, abs=1e-5)
    assert (expected != -7).sum() == n_voxels - 1


def test_formats_that_cannot_hold_the_maps_are_refused(files, tmp_path):
    unknown = SCATTERED | {"voxelSetting": {"initValue": float("nan")}}
    with pytest.raises(RequestError, match="Give initValue a number"):
        write_voxel_maps(*files, unknown, tmp_path / "maps", file_format="nifti")
    with pytest.raises(RequestError, match="nrrd or nifti, got 'nii'"):
        write_voxel_maps(*files, SCATTERED, tmp_path / "maps", file_format="nii")
    assert not (tmp_path / "maps").exists()


def test_ibsi_conventions_are_refused(files, tmp_path):
    with pytest.raises(RequestError, match="Leave ibsi out"):
        write_voxel_maps(*files, SETTINGS | {"radiofuse": {"ibsi": True}}, tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


def test_a_label_that_is_not_there_is_named(files, tmp_path):
    with pytest.raises(ImageError, match="label 3"):
        write_voxel_maps(*files, SETTINGS, tmp_path / "maps", label=3)
    assert not (tmp_path / "maps").exists()


def test_the_command_maps_a_cohort_and_lists_what_it_could_not(files, tmp_path, monkeypatch):
    image, mask = files
    (tmp_path / "cohort.csv").write_text(
        f"sample_id,t1__image,t1__mask\na,{image.name},{mask.name}\nb,absent.nii.gz,{mask.name}\n"
    )
    (tmp_path / "few.yaml").write_text("featureClass: {glcm: [Idm]}\nsetting: {binWidth: 12}\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["cohort.csv", "--settings", "few.yaml", "--maps", "maps", "--jobs", "1"])
    assert done.exit_code == 3
    assert done.stdout.startswith("1 maps in maps, 1 images failed")
    assert (tmp_path / "maps/a/t1/original_glcm_Idm.nrrd").is_file()
    assert "b,t1,file_missing" in (tmp_path / "failures.csv").read_text()


def test_an_image_that_a_library_fails_on_costs_itself_alone(files, tmp_path):
    """A grid of 1e12 voxels cannot be allocated."""
    fine = {**SETTINGS, "setting": {"binWidth": 12, "resampledPixelSpacing": [1e-3, 1e-3, 1e-3]}}
    with pytest.raises(ImageError) as caught:
        write_voxel_maps(*files, fine, tmp_path / "maps")
    assert caught.value.code == "extraction_failed"


def test_shape_has_no_maps(files, tmp_path):
    with pytest.raises(RequestError, match="no voxel-wise maps"):
        write_voxel_maps(*files, {"featureClass": {"shape": []}}, tmp_path / "maps")


@pytest.mark.parametrize(
    "options",
    [
        ["--maps", "maps", "--perturb", "3"],
        ["--maps", "maps", "--dask", "tcp://a:1"],
        ["--recipe", "r.toml", "--label", "1"],
        ["--maps-format", "nifti"],
    ],
    ids=lambda options: " ".join(options),
)
def test_options_that_would_be_ignored_are_refused(options, tmp_path, monkeypatch):
    table = [] if "--recipe" in options else ["cohort.csv"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*table, *options])
    assert done.exit_code == 2
    assert " goes without " in done.stderr or "Add --maps" in done.stderr
