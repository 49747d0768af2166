"""Presets, parameter files, and what is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from radiofuse import RadiomicsExtractor
from radiofuse.bundle.new_rows import _extractor
from radiofuse.errors import RequestError
from radiofuse.radiomics import PRESETS, Settings, read_settings
from radiofuse.radiomics.setting_rules import FEATURE_CLASSES, IMAGE_TYPES, SETTINGS, VOXEL, known_features

EXAMPLE = """
imageType:
  Original: {}
  LoG: {sigma: [2.0, 4.0]}
featureClass:
  firstorder: [Mean, Energy]
setting:
  binWidth: 10
  label: 3
"""


def test_a_parameter_file_is_taken_as_it_is(tmp_path):
    file = tmp_path / "Params.yaml"
    file.write_text(EXAMPLE)
    settings = read_settings(file)
    assert settings.name == "params"
    assert settings.parameters["imageType"]["LoG"] == {"sigma": [2.0, 4.0]}
    assert settings.label == 3
    assert settings.wavelet_subbands is None


def test_the_name_is_no_part_of_the_identity(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(EXAMPLE)
    first, second = (read_settings(tmp_path / name) for name in ("a.yaml", "b.yaml"))
    assert first.identity() == second.identity()


def test_reading_a_preset_leaves_the_table_alone():
    settings = read_settings("default")
    settings.parameters["setting"]["binWidth"] = 99
    assert PRESETS["default"]["setting"]["binWidth"] == 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("setting: {binWidth: 5, binCount: 32}", "both binWidth and binCount"),
        ("settings: {binWidth: 5}", "unknown parts ['settings']"),
        ("a: [1", "not a readable YAML"),
        ("!!python/object/apply:os.system ['true']", "not a readable YAML"),
        ("just text", "must be a mapping"),
        ("", "must be a mapping"),
        ("radiofuse: {bands: [LLL]}", "only wavelet_subbands, ibsi"),
    ],
)
def test_contradictions_and_strange_files_are_refused(tmp_path, content, expected):
    file = tmp_path / "params.yaml"
    file.write_text(content)
    with pytest.raises(RequestError) as caught:
        read_settings(file)
    assert expected in str(caught.value)


def test_an_unknown_name_lists_the_presets():
    with pytest.raises(RequestError, match="Choose from default, shi2023, shi2023_wavelet8"):
        read_settings("shi2032")


def test_json_means_the_same_as_yaml(tmp_path):
    parameters = {"imageType": {"LoG": {"sigma": [1, 3], "binWidth": 10}}, "setting": {"binWidth": 5}}
    (tmp_path / "a.json").write_text(json.dumps(parameters))
    assert read_settings(tmp_path / "a.json").identity() == read_settings(parameters).identity()


def test_ibsi_is_a_key_of_ours_and_part_of_the_identity():
    plain, ibsi = read_settings({"setting": {}}), read_settings({"setting": {}, "radiofuse": {"ibsi": True}})
    assert (plain.ibsi, ibsi.ibsi) == (False, True)
    assert "ibsi" not in plain.identity()
    assert ibsi.identity() == {**plain.identity(), "ibsi": True}
    assert "ibsi" not in str(ibsi.parameters)


def test_every_field_comes_back_from_json():
    """A field without a value here is a new one: give it one that is not its default."""
    others = {
        "name": "own",
        "parameters": {"setting": {"binWidth": 7}},
        "wavelet_subbands": ("LLH",),
        "ibsi": True,
        "round_intensities": True,
        "mask_threshold": 0.4,
        "outlier_sigma": 3,
        "ivh_bin_width": 2.5,
        "ivh_bin_count": 1000,
        "ibsi1_complete": True,
    }
    assert set(others) == {one.name for one in fields(Settings)}
    assert all(others[one.name] != one.default for one in fields(Settings))
    settings = Settings(**others)
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    for one in list(fields(Settings))[2:]:
        alone = Settings("own", {}, **{one.name: others[one.name]})
        assert Settings.from_json(json.loads(json.dumps(alone.to_json()))) == alone


def test_the_order_and_the_writing_of_settings_is_no_part_of_a_block():
    setting = {"binWidth": 5, "resampledPixelSpacing": [1, 1.5, 3], "resegmentRange": [0, 9]}
    own = {"ibsi": True, "outlier_sigma": 3}
    other = {"resegmentRange": [0.0, 9.0], "resampledPixelSpacing": [1.0, 1.5, 3.0], "binWidth": 5.0}
    one, another = (
        RadiomicsExtractor({"setting": setting, "radiofuse": own}).block(),
        RadiomicsExtractor({"radiofuse": {"outlier_sigma": 3.0, "ibsi": True}, "setting": other}).block(),
    )
    assert one == another
    bands = [["LLH", "HHH", "LLL"], ["LLL", "LLH", "HHH"]]
    first, second = (
        RadiomicsExtractor({"imageType": {"Wavelet": {}}, "radiofuse": {"wavelet_subbands": kept}}).block()
        for kept in bands
    )
    assert first == second
    # LoG's images, and so its features, have other names.
    logs = [RadiomicsExtractor({"imageType": {"LoG": {"sigma": [sigma]}}}).block() for sigma in (3, 3.0)]
    assert logs[0].feature_names != logs[1].feature_names


def test_the_presets_keep_their_blocks():
    for name in PRESETS:
        settings = read_settings(name)
        assert json.dumps(settings.identity()["parameters"]) == json.dumps(settings.parameters)
        assert settings.identity()["wavelet_subbands"] == PRESETS[name].get("radiofuse", {}).get("wavelet_subbands")


def test_a_bundle_rebuilds_the_settings_it_was_made_with():
    settings = read_settings({"imageType": {"Original": {}}, "setting": {}, "radiofuse": {"ibsi": True}})
    radiomics = {"backend": "radiofuse", **settings.to_json()}
    assert rebuilt(radiomics) == settings
    del radiomics["ibsi"]  # as of a bundle written without the field
    assert rebuilt(radiomics) == Settings(settings.name, settings.parameters)


def rebuilt(radiomics) -> Settings:
    named = {"radiomics": radiomics, "mask_label": None, "crops": None}
    return _extractor(SimpleNamespace(description={"settings": named})).settings


def refusal(parameters) -> str:
    with pytest.raises(RequestError) as caught:
        read_settings(parameters)
    return str(caught.value)


MISTAKES = [
    ({"imagetype": {"Original": {}}}, "Did you mean 'imageType'?"),
    ({"imageType": {"Wavelets": {}}}, "imageType Wavelets is unknown. Did you mean 'Wavelet'?"),
    ({"imageType": {"log": {"sigma": [1]}}}, "imageType log is unknown. Did you mean 'LoG'?"),
    ({"imageType": {"LoG": {}}}, "imageType LoG has no sigma"),
    ({"imageType": {"LoG": {"sigma": [0]}}}, "imageType LoG: sigma must be a list of widths in mm, each above 0"),
    ({"imageType": {"LoG": {"sigma": [1, 1]}}}, "named once, not [1, 1]."),
    ({"imageType": {"Gabour": {}}}, "imageType Gabour is unknown. Did you mean 'Gabor'?"),
    ({"imageType": {"Laplacianofgaussian": {}}}, "Did you mean 'LaplacianOfGaussian'?"),
    ({"imageType": {"Mean": {}}}, "imageType Mean has no support; give it as {support: [5]}, in voxels."),
    ({"imageType": {"Mean": {"support": [4]}}}, "support must be a list of odd whole numbers"),
    ({"imageType": {"Mean": {"support": [3, 3]}}}, "each named once, not [3, 3]."),
    ({"imageType": {"Mean": {"support": [3], "boundry": "zero"}}}, "boundry is unknown. Did you mean 'boundary'?"),
    ({"imageType": {"Mean": {"support": [3], "boundary": "miror"}}}, "not 'miror'. Did you mean 'mirror'?"),
    ({"imageType": {"Mean": {"support": [3], "lbp2DRadius": 2}}}, "imageType Mean: lbp2DRadius is unknown."),
    ({"imageType": {"LaplacianOfGaussian": {"sigma": [2, 2.0]}}}, "each above 0 and named once, not [2, 2.0]."),
    ({"imageType": {"Laws": {"kernels": ["L5X5"]}}}, "of L5, E5, S5, W5, R5, L3, E3, S3, each named once, not"),
    ({"imageType": {"Laws": {"kernels": ["L5E5"], "pooling": "max"}}}, "give rotationInvariance: true, or leave it"),
    ({"imageType": {"Gabor": {"sigma": [5]}}}, "imageType Gabor has no wavelength; give it as {wavelength: [2]}"),
    ({"imageType": {"Gabor": {"sigma": [5], "wavelength": [2], "rotationStep": 50}}}, "of which 360 are a multiple"),
    (
        {"imageType": {"Gabor": {"sigma": [5], "wavelength": [2], "rotationStep": 45, "angle": 9}}},
        "keep one of the two",
    ),
    ({"imageType": {"SeparableWavelet": {"subbands": ["LLH"]}}}, "imageType SeparableWavelet has no wavelet;"),
    ({"imageType": {"SeparableWavelet": {"wavelet": "db2", "subbands": ["LLX"]}}}, "subbands must be a list of"),
    ({"imageType": {"Simoncelli": {"level": 1}}}, "level must be a list of levels, whole numbers of at least 1"),
    ({"imageType": {"RieszSimoncelli": {"order": [[0, 0, 0]]}}}, "that add up to 1 to 4, each named once"),
    ({"imageType": {"RieszLaplacianOfGaussian": {"order": [[1, 0]]}}}, "has no sigma; give it as {sigma: [3]}, in mm."),
    ({"imageType": {"Gabor": {"sigma": [5], "wavelength": [2], "dimensions": 2}}}, "orthogonalPlanes: true averages"),
    ({"imageType": {"RieszSimoncelli": {"order": [[1, 0]], "dimensions": 2}}}, "Its order says it: [1, 0] is of two"),
    ({"imageType": {"Laws": {"kernels": ["L5E5"], "dimensions": 2}}}, "Its kernels say it: L5E5 is of two dimensions"),
    (
        {"imageType": {"Original": {}}, "radiofuse": {"wavelet_subbands": ["LLH"]}},
        "no effect without imageType",
    ),
    ({"imageType": {"Original": {"normalize": True}}}, "normalize acts before any filter"),
    ({"imageType": {"Original": [1]}}, "imageType Original must be a mapping of settings, {} for none, not [1]."),
    ({"imageType": {"Original": {"binWidth": 5}}, "setting": {"binCount": 9}}, "no effect beside setting's binCount"),
    ({"imageType": {"Original": {"binWidth": 5, "binCount": 9}}}, "imageType Original: they give both"),
    ({"featureClass": {"glmc": []}}, "featureClass glmc is unknown. Did you mean 'glcm'?"),
    ({"featureClass": {"glcm": ["Contrst"]}}, "glcm: there is no feature Contrst. Did you mean 'Contrast'?"),
    ({"featureClass": {"shape": "Sphericity"}}, "must be a list of features"),
    ({"featureClass": {"shape2D": []}}, "featureClass shape2D needs force2D: true"),
    ({"featureClass": ["glcm"]}, "featureClass must be a mapping, not ['glcm']."),
    ({"setting": {"binwidth": 5}}, "setting: binwidth is unknown. Did you mean 'binWidth'?"),
    ({"setting": {"kernelRadius": 2}}, "setting: kernelRadius is unknown. It belongs under voxelSetting."),
    ({"voxelSetting": {"binWidth": 2}}, "voxelSetting: binWidth is unknown. It belongs under setting."),
    ({"setting": {"ibsi": True}}, "It belongs under radiofuse."),
    ({"setting": {"binWidth": "1e-3"}}, "the text '1e-3'; write 0.001, without quotes."),
    ({"setting": {"binWidth": None}}, "a number above 0, not null; leave it out to have the default."),
    ({"setting": {"binWidth": float("inf")}}, "binWidth must be a number above 0, not inf."),
    ({"setting": {"distances": [1, 2, 1]}}, "each of at least 1 and named once, not [1, 2, 1]."),
    ({"setting": {"minimumROIDimensions": 4}}, "must be a whole number from 1 to 3, not 4."),
    ({"setting": {"normalize": 1}}, "normalize must be true or false, not 1."),
    ({"setting": {"resampledPixelSpacing": [1, 1]}}, "three spacings in mm"),
    ({"setting": {"resegmentRange": [1, 2, 3]}}, "one number (the lowest intensity) or two"),
    ({"setting": {"wavelet": "morl"}}, "must be a discrete wavelet of PyWavelets"),
    ({"setting": {"weightingNorm": "euclid"}}, "one of euclidean, manhattan, infinity, no_weighting, not 'euclid'."),
    ({"radiofuse": {"wavelet_subbands": ["LLX"]}}, "radiofuse: wavelet_subbands must be a list of sub-bands"),
    ({"radiofuse": {"ibsi": "yes"}}, "radiofuse: ibsi must be true or false, not 'yes'."),
]


@pytest.mark.parametrize(("parameters", "expected"), MISTAKES, ids=[expected for _, expected in MISTAKES])
def test_a_mistake_is_named_with_what_was_meant(parameters, expected):
    sentence = refusal(parameters)
    assert expected in sentence
    assert "\n" not in sentence


def test_all_mistakes_come_at_once():
    lines = refusal(
        {"imageType": {"Wavlet": {}, "LoG": {}}, "featureClass": {"glcm": ["Idn", "Imd"]}, "setting": {"level": 0}}
    ).splitlines()
    assert lines[0] == "Radiomics settings 'custom' have 4 problems:"
    assert [line[:20] for line in lines[1:]] == [
        "  - setting: level m",
        "  - imageType Wavlet",
        "  - imageType LoG ha",
        "  - featureClass glc",
    ]


# ---------------------------------------------------------------- against pyradiomics' own schema

VALUES = [None, True, False, -1, 0, 1, 2, 3, 4, 11, 0.0, 0.5, 2.0, -0.5, "abc", "absolute", "haar", "euclidean", "1e-3"]
VALUES += ["sitkLinear", "sitkBSpline", "uniform", "var", [], [1], [1, 2], [1, 2, 3], [0.5], [0, 0, 0], [-1, 1], ["a"]]
# Accepted by the schema, and failing or doing nothing later.
STRICTER = {
    "interpolator": [True, 3],
    "distances": [[]],
    "resampledPixelSpacing": [[], [1], [1, 2], [0.5]],
    "resegmentRange": [[], [1, 2, 3], [0, 0, 0]],
    "sigma": [],
}


def pyradiomics_accepts(parameters) -> bool:
    core = pytest.importorskip("pykwalify.core")
    schema, functions = pytest.importorskip("radiomics").getParameterValidationFiles()
    try:
        core.Core(source_data=parameters, schema_files=[schema], extensions=[functions]).validate()
    except (import_module("pykwalify.errors").PyKwalifyException, ValueError, TypeError):
        return False
    return True


def accepted(parameters) -> bool:
    try:
        read_settings(parameters)
    except RequestError:
        return False
    return True


@pytest.mark.parametrize("key", [*SETTINGS, *VOXEL])
def test_values_are_judged_as_by_the_schema(key):
    part = "setting" if key in SETTINGS else "voxelSetting"
    for value in VALUES:
        parameters = {part: {key: value}}
        ours, theirs = accepted(parameters), pyradiomics_accepts(parameters)
        if ours != theirs:
            odd = value is None or isinstance(value, str) or value in STRICTER.get(key, [])
            assert odd and theirs and not ours, f"{key}: {value!r}"


def test_every_name_of_pyradiomics_is_known():
    radiomics = pytest.importorskip("radiomics")
    assert sorted(radiomics.getImageTypes()) == sorted(IMAGE_TYPES)
    assert tuple(radiomics.getFeatureClasses()) == FEATURE_CLASSES
    for name, of in radiomics.getFeatureClasses().items():
        assert sorted(of.getFeatureNames()) == sorted(known_features(name))
    schema = import_module("yaml").safe_load(Path(radiomics.getParameterValidationFiles()[0]).read_text())["mapping"]
    assert set(schema["setting"]["mapping"]) == set(SETTINGS)
    assert set(schema["voxelSetting"]["mapping"]) == set(VOXEL)


@pytest.mark.parametrize(("flat", "band", "letters"), [(False, "LL", 3), (True, "LLL", 2)])
def test_sub_bands_have_a_letter_for_each_axis(flat, band, letters):
    own = {"setting": {"force2D": flat}, "radiofuse": {"wavelet_subbands": [band]}}
    with pytest.raises(RequestError, match=f"must have {letters} letters"):
        read_settings({"imageType": {"Wavelet": {}}, **own})


def test_json_is_read_as_json(tmp_path):
    """YAML refuses tabs; JSON has them."""
    (tmp_path / "few.json").write_text('{\n\t"setting": {"binWidth": 1e1}\n}')
    assert read_settings(tmp_path / "few.json").parameters["setting"]["binWidth"] == 10


def test_a_wavelet_in_the_plane_by_its_own_setting():
    own = {"imageType": {"Wavelet": {"force2D": True}}, "radiofuse": {"wavelet_subbands": ["LL"]}}
    assert read_settings(own).wavelet_subbands == ("LL",)
