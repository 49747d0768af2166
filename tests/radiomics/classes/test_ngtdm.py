"""Gray tone difference features against pyradiomics and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.radiomics.classes import ngtdm
from radiofuse.radiomics.classes.neighbors import neighbor_matrices, offsets


def own(levels, *, distances=(1,), flat_axis=None, ibsi=False):
    steps = offsets(levels.shape, distances, flat_axis=flat_axis)
    matrices = neighbor_matrices(levels, int(levels.max()), steps, want=("ngtdm",))
    return ngtdm.features(matrices.ngtdm, ngtdm.FEATURES, ibsi=ibsi)


def pyradiomics(levels, **setting):
    reference = pytest.importorskip("radiomics.ngtdm")
    image, mask = (sitk.GetImageFromArray(array) for array in (levels.astype(float), (levels > 0).astype(np.uint8)))
    extractor = reference.RadiomicsNGTDM(image, mask, binWidth=1, **setting)
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
    assert list(expected) == list(ngtdm.FEATURES)
    assert own(levels) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("setting", "reference"),
    [
        ({"distances": (2,)}, {"distances": [2]}),
        ({"flat_axis": 0}, {"force2D": True, "force2Ddimension": 0}),
    ],
)
def test_settings(setting, reference):
    levels = random_levels((6, 7, 8), 8)
    assert own(levels, **setting) == pytest.approx(pyradiomics(levels, **reference), rel=1e-9, abs=1e-12)


def test_a_flat_region():
    levels = np.ones((3, 4, 5), np.int32)
    values = own(levels)
    assert values == pyradiomics(levels)
    assert values == {"Busyness": 0, "Coarseness": 1e6, "Complexity": 0, "Contrast": 0, "Strength": 0}


def test_ibsi_leaves_voxels_without_neighbors_out():
    levels = np.zeros((1, 4, 9), np.int32)
    levels[0, :2, :5] = random_levels((1, 2, 5), 3, filled=1)
    alone = levels.copy()
    alone[0, 3, 8] = 3
    assert own(alone) == pytest.approx(pyradiomics(alone), rel=1e-9)
    assert own(alone)["Coarseness"] != pytest.approx(own(levels)["Coarseness"], rel=1e-3)
    assert own(alone, ibsi=True) == pytest.approx(own(levels, ibsi=True), rel=1e-12)


def test_ibsi_with_no_neighbors_at_all():
    levels = np.zeros((1, 1, 3), np.int32)
    levels[0, 0, [0, 2]] = 1, 2
    assert own(levels, ibsi=True) == {"Busyness": 0, "Coarseness": 1e6, "Complexity": 0, "Contrast": 0, "Strength": 0}


def test_by_hand():
    # p = 3/4 and 1/4, s = 1/2 and 1, levels 1 and 3
    values = ngtdm.features(np.array([[3, 0.5, 1, 0], [0, 0, 2, 0], [1, 1.0, 3, 0]]), ngtdm.FEATURES)
    ps = 3 / 8 + 1 / 4
    assert values == pytest.approx(
        {
            "Busyness": 0,
            "Coarseness": 1 / ps,
            "Complexity": 2 * 2 * ps / 1 / 4,
            "Contrast": (2 * 3 / 16 * 4) / 2 * (1.5 / 4),
            "Strength": 2 * 4 / 1.5,
        }
    )
