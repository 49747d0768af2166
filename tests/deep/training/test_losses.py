"""Losses against their formulas, and a batch in parts against the whole."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from radiofuse.deep.training.losses import Batch, classification_loss, mixed, part_loss  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402

WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


@pytest.fixture
def answers():
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(12, 3, generator=generator), torch.randint(3, (12,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_gamma_of_zero_is_cross_entropy_to_the_last_bit(answers, weights):
    plain = functional.cross_entropy(*answers, weights)
    assert torch.equal(classification_loss(*answers, weights, gamma=0.0), plain)
    near = classification_loss(*answers, weights, gamma=1e-7)  # the formula itself, without its shortcut
    torch.testing.assert_close(near, plain, rtol=1e-5, atol=0)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_loss_is_its_formula(answers, weights):
    logits, labels = answers
    p = logits.softmax(dim=1)[torch.arange(12), labels]
    w = torch.ones(12) if weights is None else weights[labels]
    expected = (w * -((1 - p) ** 2) * p.log()).sum() / w.sum()
    torch.testing.assert_close(classification_loss(logits, labels, weights, gamma=2.0), expected)


def test_what_is_known_for_certain_has_a_slope_that_is_finite():
    logits = torch.tensor([[0.0, 200.0], [0.0, -200.0]], requires_grad=True)
    classification_loss(logits, torch.tensor([1, 1]), gamma=0.5).backward()
    assert torch.isfinite(logits.grad).all() and logits.grad[1].abs().max() > 0.4


def test_smoothed_labels_are_cross_entropy_with_shares(answers):
    logits, labels = answers
    shares = 0.9 * functional.one_hot(labels, 3) + 0.1 / 3
    expected = -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(classification_loss(logits, labels, smoothing=0.1), expected)


@pytest.mark.parametrize("options", [{}, {"focal_gamma": 2.0}, {"label_smoothing": 0.2}, {"mixup": 1.0}])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_losses_of_parts_sum_to_that_of_the_batch(answers, weights, options):
    logits, labels = answers
    training, whole = Training(**options), Batch(logits, labels)  # pictures stand in for their logits
    if training.mixup:
        whole = mixed(whole, training.mixup, torch.Generator().manual_seed(1))
    loss = part_loss(whole.pictures, whole, whole, weights, training)
    parts = [part_loss(part.pictures, part, whole, weights, training) for part in whole.parts(5)]
    assert [len(part.labels) for part in whole.parts(5)] == [4, 4, 4]
    torch.testing.assert_close(torch.stack(parts).sum(), loss)


def test_mixup_blends_pictures_and_labels_in_the_same_share(answers):
    _, labels = answers
    pictures = functional.one_hot(labels, 3).float()[:, :, None, None]  # a picture shows its label
    drawn = [mixed(Batch(pictures, labels), 0.4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    for batch in drawn:
        shown = batch.share * functional.one_hot(batch.labels, 3) + (1 - batch.share) * functional.one_hot(
            batch.blended, 3
        )
        torch.testing.assert_close(batch.pictures[:, :, 0, 0], shown)
    assert torch.equal(drawn[0].pictures, drawn[1].pictures) and drawn[0].share == drawn[1].share != drawn[2].share
    shares = [mixed(Batch(pictures, labels), 50.0, torch.Generator().manual_seed(seed)).share for seed in range(9)]
    assert 0.3 < min(shares) < max(shares) < 0.7  # Beta(50, 50) is narrow around a half
    alone, twin = Batch(pictures, labels), mixed(Batch(pictures, labels), 0.4, torch.Generator().manual_seed(1))
    assert len(alone.targets) == 1 and sum(share for _, share in twin.targets) == pytest.approx(1)
