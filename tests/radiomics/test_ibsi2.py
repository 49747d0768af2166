"""IBSI 2: every reference response map and value within its tolerance, from parameter files.

Maps and values: github.com/theibsi/ibsi_2_reference_data (CC0); Whybra et al. 2024, doi:10.1148/radiol.231319.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from radiofuse import RadiomicsExtractor
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.voxel_maps import write_voxel_maps
from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.image_types import Source, filtered
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.region import Region
from radiofuse.tables.families import feature_family

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MAPS = yaml.safe_load((Path(__file__).parent / "ibsi2" / "maps.yaml").read_text())
# One of each filter, with each boundary.
IN_A_BOX = ["1_a_2", "2_b", "3_b_3", "4_a_1", "6_a_2", "7_a_2", "8_a_1", "9_b_1"]


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("ibsi2")
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.data
def test_every_response_map_within_tolerance(data_dir, script):
    table = script.maps(data_dir / "ibsi")
    folder = data_dir / "ibsi/ibsi_2_reference/reference_response_maps"
    assert sorted(table["map"]) == sorted(path.name.removesuffix("-ValidCRM.nii.gz") for path in folder.iterdir())
    assert len(table) == 33 and table["within"].all(), table[~table["within"]]


@pytest.mark.data
@pytest.mark.parametrize("map_id", IN_A_BOX)
def test_a_box_holds_what_the_whole_map_holds_there(data_dir, script, map_id):
    image, image_type = script.phantom(data_dir / "ibsi", map_id), MAPS[map_id]["imageType"]
    box = (slice(0, 9), slice(40, 64), slice(20, 45))
    whole = script.response(image, image_type)
    np.testing.assert_allclose(
        script.response(image, image_type, box), whole[box], rtol=0, atol=1e-12 * np.abs(whole).max()
    )


# Of configuration B the slow ones in the thorough run alone.
@pytest.mark.data
@pytest.mark.parametrize(
    ("configuration", "without", "n_filters"),
    [
        ("A", (), 9),
        ("B", ("Gabor", "SeparableWavelet", "Simoncelli"), 4),
        pytest.param("B", (), 9, marks=pytest.mark.thorough),
    ],
)
def test_every_reference_value_within_tolerance(data_dir, script, configuration, without, n_filters):
    table = script.values(data_dir / "ibsi", configuration, without=without)
    assert len(table) == 18 * n_filters - (n_filters == 9 and configuration == "B")  # one has no consensus
    assert table["within"].all(), table[~table["within"]]


EVERY_TYPE = {
    "Mean": {"support": [3]},
    "LaplacianOfGaussian": {"sigma": [1.5], "dimensions": 2},
    "Laws": {"kernels": ["L5E5", "L3E3S3"], "energyDistance": 2, "rotationInvariance": True},
    "Gabor": {"sigma": [2, 3], "wavelength": [2.5], "rotationStep": 45},
    "SeparableWavelet": {"wavelet": "db2", "subbands": ["LLH", "HH"], "level": [1, 2]},
    "Simoncelli": {"level": [1]},
    "RieszLaplacianOfGaussian": {"sigma": [1], "order": [[1, 0, 0], [0, 2]]},
    "RieszSimoncelli": {"order": [[1, 1, 0]], "alignmentSigma": 1},
}


@pytest.fixture(scope="module")
def pair():
    image = np.random.default_rng(5).normal(size=(18, 20, 22)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[4:9, 5:12, 6:14] = 1
    mask[10:14, 5:12, 6:14] = 2
    return image, mask


def extractor(*, label=1, types=EVERY_TYPE) -> RadiomicsExtractor:
    parameters = {"imageType": types, "featureClass": {"firstorder": ["Mean", "Energy"], "glcm": ["Contrast"]}}
    return RadiomicsExtractor(parameters | {"setting": {"binCount": 8}}, label=label)


def test_every_image_type_from_settings_to_features(pair):
    features = extractor().extract(*pair, spacing_mm=(1, 1, 1))
    assert list(features.index) == extractor().feature_names()
    images = list(dict.fromkeys(name.split("_")[0] for name in features.index))
    assert len(images) == 14 and len(features) == 3 * len(images)
    assert {"laws-L5E5-max-energy-2", "gabor-2-mm-wavelength-2-5-mm-step-45-mean-2D"} < set(images)
    assert "riesz-110-aligned-1-mm-simoncelli-level-1-3D" in images
    assert all(feature_family(name) == f"{name.split('_')[0]} {name.split('_')[1]}" for name in features.index)


def test_several_regions_at_once_are_those_one_by_one(pair):
    together = extractor().extract_each(*pair, [1, 2], spacing_mm=(1, 1, 1))
    for label, row in together.iterrows():
        alone = extractor(label=label).extract(*pair, spacing_mm=(1, 1, 1))
        np.testing.assert_allclose(row.to_numpy(float), alone.to_numpy(), rtol=1e-9, atol=1e-12)


def test_pyradiomics_has_none_of_them():
    pytest.importorskip("radiomics")
    with pytest.raises(RequestError, match="pyradiomics has no filters of IBSI 2. Leave Mean out of imageType"):
        make_backend("pyradiomics", read_settings({"imageType": {"Original": {}, "Mean": {"support": [3]}}}))


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_a_volume_of_one_slice_is_filtered_or_refused_by_the_axis_that_is_short(name, pair):
    image, mask = (volume[5:6] for volume in pair)
    parameters = {"imageType": {name: EVERY_TYPE[name]}, "featureClass": {"firstorder": []}, "setting": {"binCount": 8}}
    try:
        features = RadiomicsExtractor(parameters, label=1).extract(image.T, mask.T, spacing_mm=(1, 1, 1))
    except ImageError as error:
        assert error.code == "image_too_small" and "more than the image has along z" in str(error)
    else:
        assert name in ("LaplacianOfGaussian", "Gabor") and np.isfinite(features.to_numpy(float)).all()


def test_voxels_ten_times_as_long_as_wide_have_finite_features(pair):
    image, mask = (volume.T for volume in pair)
    in_slices = EVERY_TYPE | {"RieszLaplacianOfGaussian": {"sigma": [1], "order": [[0, 2]]}}
    features = extractor(types=in_slices).extract(image, mask, spacing_mm=(0.5, 0.5, 5.0))
    assert np.isfinite(features.to_numpy(float)).all()
    with pytest.raises(ImageError, match=r"RieszLaplacianOfGaussian .*got 0\.2 of 5 mm along z"):
        extractor().extract(image, mask, spacing_mm=(0.5, 0.5, 5.0))
    with pytest.raises(ImageError, match=r"got 0\.3 of 5 mm along x"):  # sigma of the Laplacian in the slice
        extractor().extract(image, mask, spacing_mm=(5.0, 0.5, 0.5))


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_maps_of_features_on_a_filtered_image_are_pyradiomics_maps_of_that_image(name, pair, tmp_path):
    """The whole filtered image goes to pyradiomics as if it were the original one."""
    featureextractor = pytest.importorskip("radiomics.featureextractor")
    image, mask = sitk.GetImageFromArray(pair[0]), sitk.GetImageFromArray((pair[1] == 2).astype(np.uint8))
    sitk.WriteImage(image, str(tmp_path / "image.nrrd"))
    sitk.WriteImage(mask, str(tmp_path / "mask.nrrd"))
    parameters = {
        "imageType": {name: EVERY_TYPE[name]},
        "featureClass": {"firstorder": ["Mean"], "glcm": ["Idm"], "gldm": ["DependenceEntropy"]},
        "setting": {"binCount": 8},
    }
    written = write_voxel_maps(tmp_path / "image.nrrd", tmp_path / "mask.nrrd", parameters, tmp_path)
    (image_type,) = resolve(read_settings(parameters)).image_types
    whole = Region.of(np.ones(pair[0].shape), (1.0, 1.0, 1.0))
    oracle = featureextractor.RadiomicsFeatureExtractor({**parameters, "imageType": {"Original": {}}})
    for filtered_name, values in filtered(Source(pair[0], whole), image_type):
        theirs = oracle.execute(sitk.GetImageFromArray(np.ascontiguousarray(values)), mask, voxelBased=True)
        for feature in ("firstorder_Mean", "glcm_Idm", "gldm_DependenceEntropy"):
            found = sitk.ReadImage(str(tmp_path / f"{filtered_name}_{feature}.nrrd"))
            expected = theirs[f"original_{feature}"]
            assert found.GetOrigin() == expected.GetOrigin()
            np.testing.assert_allclose(
                sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected), rtol=1e-9, atol=1e-12
            )
            written.remove(tmp_path / f"{filtered_name}_{feature}.nrrd")
    assert not written
