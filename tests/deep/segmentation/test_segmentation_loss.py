"""The loss of a segmentation against MONAI's, and patients without a mask."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from monai.losses import DiceCELoss  # noqa: E402

from radiofuse.deep.segmentation.losses import segmentation_loss  # noqa: E402


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(3, 4, 5, 6, 7, generator=generator), torch.randint(4, (3, 5, 6, 7), generator=generator)


@pytest.mark.parametrize("over_batch", [False, True])
def test_it_is_dice_plus_cross_entropy_of_monai(batch, over_batch):
    logits, classes = batch
    classes[1][classes[1] == 3] = 2  # a class that one patient lacks
    theirs = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=over_batch)
    torch.testing.assert_close(segmentation_loss(*batch, over_batch=over_batch), theirs(logits, classes[:, None]))


def test_a_patient_without_a_mask_moves_nothing(batch):
    logits, classes = batch
    alone = segmentation_loss(logits[:2], classes[:2])
    classes[2] = -1
    logits = torch.cat([logits[:2], torch.full_like(logits[:1], torch.inf)]).requires_grad_()
    loss = segmentation_loss(logits, classes)
    loss.backward()
    assert torch.equal(loss, alone)
    assert (logits.grad[2] == 0).all() and (logits.grad[:2] != 0).any()


def test_no_mask_at_all_is_zero_without_a_gradient(batch):
    logits = torch.full_like(batch[0], torch.nan).requires_grad_()
    loss = segmentation_loss(logits, torch.full_like(batch[1], -1))
    loss.backward()  # as a part of a sum of losses, or alone
    assert loss.item() == 0 and (logits.grad == 0).all()


def test_voxels_of_unknown_class_have_no_influence(batch):
    logits, classes = batch
    classes[..., :3] = -1
    moved = logits.clone()
    moved[..., :3] += torch.randn(3, 4, 5, 6, 3)
    for over_batch in (False, True):
        losses = [segmentation_loss(one, classes, over_batch=over_batch) for one in (logits, moved)]
        torch.testing.assert_close(*losses, rtol=0, atol=1e-6)
