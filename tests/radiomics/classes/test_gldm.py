"""Dependence features against pyradiomics and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.radiomics.classes import gldm
from radiofuse.radiomics.classes.neighbors import neighbor_matrices, offsets


def own(levels, *, distances=(1,), alpha=0, flat_axis=None):
    steps = offsets(levels.shape, distances, flat_axis=flat_axis)
    matrices = neighbor_matrices(levels, int(levels.max()), steps, alpha=alpha, want=("gldm",))
    return gldm.features(matrices.gldm, gldm.FEATURES)


def pyradiomics(levels, **setting):
    reference = pytest.importorskip("radiomics.gldm")
    image, mask = (sitk.GetImageFromArray(array) for array in (levels.astype(float), (levels > 0).astype(np.uint8)))
    extractor = reference.RadiomicsGLDM(image, mask, binWidth=1, **setting)
    extractor.enableAllFeatures()
    return {name: float(value) for name, value in extractor.execute().items()}


def random_levels(shape, n_levels, *, seed=0, filled=0.7):
    rng = np.random.default_rng(seed)
    levels = np.where(rng.random(shape) < filled, rng.integers(1, n_levels + 1, shape), 0).astype(np.int32)
    levels.flat[[0, -1]] = 1, n_levels
    return levels


@pytest.mark.parametrize(
    ("shape", "n_levels", "filled"),
    [((9, 10, 11), 12, 0.8), ((8, 8, 8), 300, 0.6), ((1, 7, 8), 4, 0.7), ((2, 2, 2), 2, 1.0), ((5, 4, 6), 9, 0.05)],
)
def test_equal_to_pyradiomics(shape, n_levels, filled):
    levels = random_levels(shape, n_levels, filled=filled)
    expected = pyradiomics(levels)
    assert list(expected) == list(gldm.FEATURES)
    assert own(levels) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("setting", "reference"),
    [
        ({"alpha": 2}, {"gldm_a": 2}),
        ({"distances": (1, 2)}, {"distances": [1, 2]}),
        ({"flat_axis": 1}, {"force2D": True, "force2Ddimension": 1}),
    ],
)
def test_settings(setting, reference):
    levels = random_levels((6, 7, 8), 8)
    assert own(levels, **setting) == pytest.approx(pyradiomics(levels, **reference), rel=1e-9, abs=1e-12)


def test_a_flat_region():
    levels = np.ones((3, 4, 5), np.int32)
    values = own(levels)
    assert values == pytest.approx(pyradiomics(levels), rel=1e-9, abs=1e-12)
    assert values["GrayLevelVariance"] == 0
    assert values["LargeDependenceHighGrayLevelEmphasis"] == values["LargeDependenceEmphasis"]


def test_by_hand():
    # Two voxels of level 1 with one dependent neighbor each, one of level 3 with none: sizes 2, 2 and 1.
    counts = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 0]])
    values = gldm.features(counts, ["LargeDependenceHighGrayLevelEmphasis", "DependenceVariance", "DependenceEntropy"])
    assert values["LargeDependenceHighGrayLevelEmphasis"] == pytest.approx((2 * 4 * 1 + 1 * 1 * 9) / 3)
    assert values["DependenceVariance"] == pytest.approx(2 / 9)
    assert values["DependenceEntropy"] == pytest.approx(np.log2(3) - 2 / 3)
    assert list(values) == ["LargeDependenceHighGrayLevelEmphasis", "DependenceVariance", "DependenceEntropy"]
