"""IBSI 2: every reference response map within its tolerance, each from the settings of a parameter file.

Response maps: github.com/theibsi/ibsi_2_reference_data (CC0); Whybra et al. 2024, doi:10.1148/radiol.231319.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from radiofuse import RadiomicsExtractor
from radiofuse.errors import RequestError
from radiofuse.radiomics import make_backend, read_settings
from radiofuse.radiomics.image_types import Source, filtered, names
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.region import Region
from radiofuse.tables.families import feature_family

MAPS = yaml.safe_load((Path(__file__).parent / "ibsi2_maps.yaml").read_text())
TOLERANCE = 0.01  # of the range of the reference map


def the_image_type(image_type: dict):
    (only,) = resolve(read_settings({"imageType": image_type})).image_types
    return only


def response(image: sitk.Image, image_type: dict, box=(slice(None),) * 3) -> np.ndarray:
    """Return the only image that an image type stands for, in a box."""
    volume, spacing_mm = sitk.GetArrayViewFromImage(image), image.GetSpacing()[::-1]
    mask = np.zeros(volume.shape, np.uint8)
    mask[box] = 1
    one = the_image_type(image_type)
    ((name, values),) = filtered(Source(volume, Region.of(mask, spacing_mm)), one)
    assert [name] == names(one)
    return values


def phantom(data_dir, name: str) -> sitk.Image:
    return sitk.ReadImage(str(data_dir / f"ibsi/ibsi_2_digital_phantom/nifti/{name}/image/{name}.nii.gz"))


@pytest.mark.data
@pytest.mark.parametrize("map_id", MAPS)
def test_a_response_map_within_tolerance(data_dir, map_id):
    folder = data_dir / "ibsi/ibsi_2_reference/reference_response_maps"
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{map_id}-ValidCRM.nii.gz")))
    found = response(phantom(data_dir, MAPS[map_id]["phantom"]), MAPS[map_id]["imageType"])
    assert len(MAPS) == len(list(folder.iterdir())) == 33
    assert np.abs(found - expected).max() <= TOLERANCE * np.ptp(expected)


# One of each filter, with each boundary.
IN_A_BOX = ["1_a_2", "2_b", "3_b_3", "4_a_1", "6_a_2", "7_a_2", "8_a_1", "9_b_1"]


@pytest.mark.data
@pytest.mark.parametrize("map_id", IN_A_BOX)
def test_a_box_holds_what_the_whole_map_holds_there(data_dir, map_id):
    image, image_type = phantom(data_dir, MAPS[map_id]["phantom"]), MAPS[map_id]["imageType"]
    box = (slice(0, 9), slice(40, 64), slice(20, 45))
    whole = response(image, image_type)
    np.testing.assert_allclose(response(image, image_type, box), whole[box], rtol=0, atol=1e-12 * np.abs(whole).max())


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


def extractor(*, label=1) -> RadiomicsExtractor:
    parameters = {"imageType": EVERY_TYPE, "featureClass": {"firstorder": ["Mean", "Energy"], "glcm": ["Contrast"]}}
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
