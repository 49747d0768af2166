"""The format of a bundle has a place for all that a run can say."""

from __future__ import annotations

import json
from dataclasses import fields

from radiofuse.bundle.json_format import RADIOMICS
from radiofuse.bundle.shapes import misshapen, unnamed
from radiofuse.radiomics.settings import Settings, read_settings


def test_every_field_of_radiomics_settings_has_its_place_in_the_format():
    own = {
        "ibsi": True,
        "round_intensities": True,
        "mask_threshold": 1,
        "outlier_sigma": 3,
        "ivh_bin_width": 2,
        "ibsi1_complete": True,
    }
    settings = [
        read_settings({"setting": {"binWidth": 25, "resampledPixelSpacing": [1, 1, 1]}, "radiofuse": own}),
        read_settings(
            {"setting": {"binWidth": 25}, "radiofuse": {"ibsi": True, "ibsi1_complete": True, "ivh_bin_count": 9}}
        ),
    ]
    assert {field.name for field in fields(Settings)} <= set(RADIOMICS)
    for one in settings:
        saved = json.loads(json.dumps(one.to_json()))
        assert not [*misshapen(saved, RADIOMICS, "radiomics"), *unnamed(saved, RADIOMICS, "radiomics")]
        assert Settings.from_json(saved) == one
