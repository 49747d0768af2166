"""IBSI 2: every reference response map and value within its tolerance, from parameter files.

Maps and values: github.com/theibsi/ibsi_2_reference_data (CC0); Whybra et al. 2024, doi:10.1148/radiol.231319.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml

from radiofuse import RadiomicsExtractor
from radiofuse.errors import RequestError
from radiofuse.radiomics import make_backend, read_settings
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
