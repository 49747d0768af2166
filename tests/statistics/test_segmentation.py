"""Dice, distances and volumes of masks, against MONAI and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radiofuse.errors import RequestError
from radiofuse.statistics.segmentation import dice, hausdorff_95, score_regions

SPACING_MM = (1.2, 1.9, 0.8)
NOTHING, SOMETHING = np.zeros((4, 5, 6), bool), np.zeros((4, 5, 6), bool)
SOMETHING[1:3, 1:4, 2:5] = True


def blob(seed: int) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(seed).normal(size=(14, 12, 16)), 2) > 0.02


def test_itself_disjoint_and_both_empty():
    assert (dice(SOMETHING, SOMETHING), hausdorff_95(SOMETHING, SOMETHING, SPACING_MM)) == (1, 0)
    assert dice(SOMETHING, ~SOMETHING) == 0
    assert (dice(NOTHING, NOTHING), hausdorff_95(NOTHING, NOTHING, SPACING_MM)) == (1, 0)
    for one, other in ((NOTHING, SOMETHING), (SOMETHING, NOTHING)):
        assert dice(one, other) == 0 and np.isinf(hausdorff_95(one, other, SPACING_MM))


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI warns of its own calls
@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_monai(seed):
    torch = pytest.importorskip("torch")
    from monai.metrics import compute_dice, compute_hausdorff_distance

    one, other = blob(seed), blob(seed + 100)
    tensors = [torch.from_numpy(mask)[None, None].float() for mask in (one, other)]
    distance = compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=SPACING_MM)
    assert hausdorff_95(one, other, SPACING_MM) == pytest.approx(distance.item(), rel=1e-5)
    assert dice(one, other) == pytest.approx(compute_dice(*tensors).item(), rel=1e-6)


def test_a_shift_is_a_distance_in_mm():
    shifted = np.roll(SOMETHING, 1, axis=1)
    assert hausdorff_95(SOMETHING, shifted, SPACING_MM) == pytest.approx(1.9)


def test_regions_unite_labels_and_volumes_are_ml():
    predicted, expert = np.zeros((2, 10, 10, 10), np.uint8)
    predicted[:4], expert[:4], expert[4] = 1, 4, 2
    table = score_regions(predicted, expert, {"WT": [1, 2, 4], "TC": [1, 4], "ET": [4]}, (1, 1, 2)).set_index("region")
    assert table["dice"].to_dict() == pytest.approx({"WT": 8 / 9, "TC": 1, "ET": 0})
    assert table["volume_error_ml"].to_dict() == pytest.approx({"WT": -0.2, "TC": 0, "ET": -0.8})
    assert table.loc["WT", ["predicted_ml", "expert_ml"]].tolist() == pytest.approx([0.8, 1.0])
    assert table["hausdorff_95_mm"].to_dict() == {"WT": 1, "TC": 0, "ET": np.inf}


def test_two_shapes_are_refused():
    with pytest.raises(RequestError, match="of one shape"):
        dice(SOMETHING, SOMETHING[:2])
