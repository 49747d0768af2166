"""IBSI 2: every reference response map within its tolerance, each from the settings of a parameter file.

Response maps: github.com/theibsi/ibsi_2_reference_data (CC0); Whybra et al. 2024, doi:10.1148/radiol.231319.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from radiofuse.radiomics import read_settings
from radiofuse.radiomics.image_types import Source, filtered, names
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.region import Region

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
