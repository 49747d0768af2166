"""The U-Net and its training: sequences that are absent, the same bits, one real tumor learned by heart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.segmentation.answers import segmented  # noqa: E402
from radiofuse.deep.segmentation.classes import classes_of, labels_from, region_labels  # noqa: E402
from radiofuse.deep.segmentation.losses import UNKNOWN  # noqa: E402
from radiofuse.deep.segmentation.options import SegmenterOptions  # noqa: E402
from radiofuse.deep.segmentation.training import draw_window, train_unet  # noqa: E402
from radiofuse.deep.segmentation.unet import UNet  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.imaging.regions import OLD  # noqa: E402
from radiofuse.imaging.scans import read_scan  # noqa: E402
from radiofuse.statistics.segmentation import score_regions  # noqa: E402

SMALL = {"window": (8, 8, 8), "widths": (4, 8), "learning_rate": 0.02, "flips": False}


@pytest.fixture
def bright_box() -> tuple[np.ndarray, np.ndarray]:
    """Return two noisy sequences in which a box is bright, and its class."""
    classes = np.zeros((8, 10, 12), np.uint8)
    classes[2:6, 3:7, 4:9] = 1
    noise = np.random.default_rng(0).normal(size=(2, 8, 10, 12))
    return (0.3 * noise + classes).astype(np.float32), classes


def test_an_absent_sequence_has_no_influence_and_the_others_weigh_one():
    torch.manual_seed(0)
    net, x = UNet(2, widths=(4, 8)).eval(), torch.randn(1, 2, 8, 8, 8)
    lacking = x.clone()
    lacking[:, 1] = torch.nan
    with torch.no_grad():
        net.average.v[1] = 3.0  # a weight that is not there has no say
        before = net(lacking)
        net.average.v[1] = 1.0
        assert torch.equal(before, net(lacking))
        assert not torch.allclose(before, net(x))


def test_training_finds_the_box_with_the_same_bits_and_without_a_sequence(bright_box):
    volume, classes = bright_box
    options = SegmenterOptions(epochs=45, batch_size=2, **SMALL)
    nets = [train_unet([volume] * 2, [classes] * 2, options, n_classes=2, device="cpu")[0] for _ in range(2)]
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(one, other)
    lacking = volume.copy()
    lacking[0] = np.nan
    larger = SegmenterOptions(**{**SMALL, "window": (16, 8, 16)})  # than the volume
    for known, asked, least in ((volume, options, 0.9), (lacking, options, 0.8), (lacking, larger, 0.5)):
        found = segmented(nets[:1], known, asked)
        assert score_regions(found, classes, {"WT": [1]}, (1, 1, 1)).loc[0, "dice"] > least


def test_a_tumor_of_brats_is_learned_by_heart(data_dir):
    """F3: one crop to a Dice above .9 in every region."""
    case = data_dir / "brats20_tcga_roi" / "cases" / "BraTS20_Training_166"
    channels = ("t1", "t1ce", "t2", "flair")
    scan = read_scan({name: str(case / f"{case.name}_{name}.nii.gz") for name in channels}, channels, scaled=False)
    crop = (..., *[slice(8, 24)] * 3)
    voxels, expert = scan.voxels[crop], scan.labels_in(str(case / f"{case.name}_seg.nii.gz"))[crop]
    options = SegmenterOptions(window=(16, 16, 16), epochs=32, batch_size=1, modality_dropout=False, flips=False)
    net, losses = train_unet([voxels], [classes_of(expert, OLD)], options, device="cpu")
    labels = labels_from(segmented([net], voxels, options), OLD)
    dice = score_regions(labels, expert, region_labels(OLD), scan.spacing_mm)["dice"]
    assert len(dice) == 3 and (dice > 0.9).all() and losses[-1] < losses[0] / 3


def test_a_volume_smaller_than_a_window_is_padded_with_what_is_not_known(bright_box):
    volume, classes = bright_box
    x, truth = draw_window(
        volume, classes, SegmenterOptions(window=(16, 8, 8), widths=(4, 8)), np.random.default_rng(0)
    )
    assert x.shape == (2, 16, 8, 8) and truth.shape == (16, 8, 8)
    around = truth == UNKNOWN
    assert around.sum() == 8 * 8 * 8 and all(len(np.unique(one[around])) == 1 for one in x)  # zeros, brightened alike


def test_windows_of_a_tumor_have_it_in_their_middle(bright_box):
    volume, classes = np.zeros((1, 20, 20, 20), np.float32), np.zeros((20, 20, 20), np.uint8)
    classes[18, 2, 9] = 1
    rng = np.random.default_rng(0)
    always, never = (SegmenterOptions(window=(4, 4, 4), widths=(4, 8), in_tumor=share) for share in (1.0, 0.0))
    assert all(draw_window(volume, classes, always, rng)[1].any() for _ in range(20))
    assert not all(draw_window(volume, classes, never, rng)[1].any() for _ in range(20))


@pytest.mark.parametrize("wrong", [{"window": (30, 32, 32)}, {"widths": ()}, {"overlap": 1.0}, {"epochs": 0}])
def test_sizes_that_do_not_go_together_are_refused(wrong):
    with pytest.raises(RequestError):
        SegmenterOptions(**wrong)


def test_nothing_to_train_on_and_a_loss_that_is_not_finite(bright_box):
    with pytest.raises(RequestError, match="nothing to train on"):
        train_unet([], [], SegmenterOptions())
    volume, classes = bright_box
    options = SegmenterOptions(epochs=1, **SMALL)
    with pytest.raises(RequestError, match="no longer finite"):
        train_unet([volume * np.float32(1e38)], [classes], options, n_classes=2, device="cpu")
