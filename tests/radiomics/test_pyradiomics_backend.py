"""The pyradiomics back end: published counts, pyradiomics' own baseline, and its guards."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.radiomics import make_backend, read_settings

# The baseline was made by a commit after 3.0.1 that mends the surface mesh.
MESH_FEATURES = {"MeshVolume", "SurfaceArea", "Sphericity", "SurfaceVolumeRatio"}


def backend(source="default"):
    return make_backend("pyradiomics", read_settings(source))


def cube(values: np.ndarray, margin: int = 2) -> tuple[sitk.Image, sitk.Image]:
    region = np.zeros(values.shape, np.uint8)
    region[margin:-margin, margin:-margin, margin:-margin] = 1
    return sitk.GetImageFromArray(values), sitk.GetImageFromArray(region)


@pytest.fixture
def noise():
    return np.random.default_rng(3).normal(size=(12, 12, 12))


def group(name: str) -> str:
    image_type, feature_class, _ = name.split("_", 2)
    if image_type != "original":
        return {"w": "wavelet", "l": "LoG", "g": "gradient"}[image_type[0]]
    return feature_class if feature_class in ("firstorder", "shape") else "texture"


def test_shi2023_has_the_published_groups():
    """Shi et al. 2023: 18 histogram, 13 shape, 68 texture, 430 wavelet, 258 LoG, 86 gradient."""
    names = backend("shi2023").feature_names()
    assert len(names) == len(set(names)) == 873
    published = {"firstorder": 18, "shape": 13, "texture": 68, "wavelet": 430, "LoG": 258, "gradient": 86}
    assert Counter(map(group, names)) == published


def test_all_eight_sub_bands_without_log_are_as_many():
    names = backend("shi2023_wavelet8").feature_names()
    counts = {"firstorder": 18, "shape": 13, "texture": 68, "wavelet": 430 + 258, "gradient": 86}
    assert Counter(map(group, names)) == counts and len(set(names)) == 873
    shared = set(names) & set(backend("shi2023").feature_names())
    assert len(shared) == 13 + 7 * 86  # all but the three other sub-bands, which stand where the LoG images stood


def test_default_has_the_107_features_of_pyradiomics():
    classes = Counter(name.split("_")[1] for name in backend().feature_names())
    assert classes == {
        "shape": 14,
        "firstorder": 18,
        "glcm": 24,
        "gldm": 14,
        "glrlm": 16,
        "glszm": 16,
        "ngtdm": 5,
    }


def test_names_are_what_compute_gives(noise):
    engine = backend("shi2023")
    assert list(engine.compute(*cube(noise))) == engine.feature_names()


@pytest.mark.data
@pytest.mark.parametrize("feature_class", ["firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape"])
def test_brain1_equals_the_baseline_of_pyradiomics(data_dir, feature_class):
    folder = data_dir / "pyradiomics_testdata"
    baseline = pd.read_csv(folder / "baseline" / f"baseline_{feature_class}.csv", index_col="featureName")["brain1"]
    setting = {"binWidth": 25, "voxelArrayShift": 2000, "minimumROIDimensions": 1}
    engine = backend({"imageType": {"Original": {}}, "featureClass": {feature_class: []}, "setting": setting})
    image, mask = (sitk.ReadImage(str(folder / f"brain1_{part}.nrrd")) for part in ("image", "label"))
    computed = engine.compute(image, mask)
    expected = baseline[[name for name in baseline.index if name.startswith("original_")]].astype(float)
    shared = [name for name in computed if name in expected.index]
    assert len(shared) >= 5
    mesh = [name for name in shared if name.removeprefix("original_shape_") in MESH_FEATURES]
    exact = [name for name in shared if name not in mesh]
    np.testing.assert_allclose([computed[name] for name in exact], expected[exact], rtol=1e-6)
    np.testing.assert_allclose([computed[name] for name in mesh], expected[mesh], rtol=1e-3)


def test_too_many_gray_levels_are_refused_before_memory_is(noise):
    engine = backend({"imageType": {"Original": {}}, "featureClass": {"glcm": []}, "setting": {"binWidth": 25}})
    with pytest.raises(ImageError, match=r"spans [\d,]+ gray levels at binWidth 25") as caught:
        engine.compute(*cube(noise * 1e6))
    assert caught.value.code == "too_many_grey_levels"


def test_an_image_that_is_not_finite_is_refused_as_by_the_own_engine(noise):
    voxels = noise * 100
    voxels[tuple(size // 2 for size in noise.shape)] = np.inf
    engine = backend({"imageType": {"Original": {}}, "featureClass": {"glcm": []}, "setting": {"binWidth": 25}})
    with pytest.raises(ImageError) as caught:
        engine.compute(*cube(voxels))
    assert caught.value.code == "not_finite"


def test_an_image_that_falls_into_one_bin_is_refused(noise):
    engine = backend({"imageType": {"Original": {}}, "featureClass": {"glcm": []}, "setting": {"binWidth": 25}})
    with pytest.raises(ImageError, match="less than one bin of 25") as caught:
        engine.compute(*cube(noise + 12))
    assert caught.value.code == "too_few_grey_levels"
    assert np.isfinite(list(engine.compute(*cube(noise)).values())).all()  # 0 is an edge: two bins, as the engine says


def test_a_bin_count_bounds_the_levels_itself(noise):
    engine = backend({"imageType": {"Original": {}}, "featureClass": {"glcm": []}, "setting": {"binCount": 16}})
    assert np.isfinite(list(engine.compute(*cube(noise * 1e6)).values())).all()


def test_two_dimensional_settings_are_taken():
    shapes = {"imageType": {"Original": {}}, "featureClass": {"shape2D": [], "firstorder": ["Mean"]}}
    names = backend({**shapes, "setting": {"force2D": True}}).feature_names()
    assert "original_shape2D_PixelSurface" in names
    assert "original_firstorder_Mean" in names


def test_resampling_settings_are_taken(noise):
    setting = {"binWidth": 5, "resampledPixelSpacing": [3, 3, 3], "interpolator": "sitkBSpline", "padDistance": 10}
    engine = backend({"imageType": {"LoG": {"sigma": [2.0]}}, "featureClass": {"glcm": ["Idm"]}, "setting": setting})
    assert engine.feature_names() == ["log-sigma-2-0-mm-3D_glcm_Idm"]
    assert np.isfinite(list(engine.compute(*cube(100 * noise)).values())).all()


def test_an_error_inside_pyradiomics_has_a_code(noise):
    image, roi = cube(noise)
    with pytest.raises(ImageError) as caught:
        backend().compute(image, roi[:-1])
    assert caught.value.code == "extraction_failed"


def test_an_unknown_back_end_lists_the_choices():
    with pytest.raises(RequestError, match="Choose from pyradiomics"):
        make_backend("mirp", read_settings("default"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("os:getcwd", "cannot be built from settings"),
        ("builtins:int", "cannot be built from settings"),
        ("builtins:str", "has no method 'feature_names'"),
        ("os:path", "is a module"),
    ],
)
def test_an_object_that_is_no_back_end_is_a_wrong_request(name, expected):
    with pytest.raises(RequestError, match=f"radiomics back end '{name}' {expected}"):
        make_backend(name, read_settings("default"))


def test_a_command_says_one_sentence_of_a_bad_parameter_file(tmp_path):
    (tmp_path / "cohort.csv").write_text("sample_id,t1__image,t1__mask\na,a.nii.gz,b.nii.gz\n")
    (tmp_path / "bad.yaml").write_text("setting: {binWidth: -1}\n")
    command = [sys.executable, "-m", "radiofuse.extract", "cohort.csv", "--settings", "bad.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    told, said = done.stderr.splitlines()
    assert told.startswith("Missing files:")
    assert said.startswith("Error: Radiomics settings 'bad'")
    assert "binWidth must be a number above 0" in said


def test_ibsi_is_refused_rather_than_ignored():
    with pytest.raises(RequestError, match="cannot follow IBSI"):
        backend({"imageType": {"Original": {}}, "radiofuse": {"ibsi": True}})
