"""The weighting network: what is hidden in training, and what its parts obey before any training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.fusion.weighting_net import Shape, WeightingNet, hide_modalities  # noqa: E402


def test_none_one_or_two_modalities_are_hidden_as_often_as_published():
    shown = hide_modalities(torch.ones(10_000, 4, dtype=torch.bool), torch.Generator().manual_seed(0))
    shares = torch.bincount(4 - shown.sum(dim=1), minlength=3) / 10_000
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert shown.double().mean(dim=0).tolist() == pytest.approx([1 - 0.7 / 4] * 4, abs=0.02), "none is preferred"


def test_a_row_keeps_one_modality_and_is_shown_none_that_it_lacks():
    present = torch.tensor([[True, False, False], [True, True, False], [False, True, True]]).repeat(500, 1)
    shown = hide_modalities(present, torch.Generator().manual_seed(0))
    assert shown.any(dim=1).all()
    assert not (shown & ~present).any()
    assert {(row.sum() - seen.sum()).item() for row, seen in zip(present, shown, strict=True)} == {0, 1}


def test_one_scorer_judges_all_modalities_and_gradients_reach_every_projection():
    net = WeightingNet([3, 3, 5], 2, Shape(8, 4, (6,), 0.0), seed=0)
    assert net.hidden.weight.shape == (4, 8)
    torch.testing.assert_close(net.project[0].weight, net.project[1].weight)
    inputs = [torch.randn(10, width, dtype=torch.float64) for width in (3, 3, 5)]
    logits, weights = net(inputs, torch.ones(10, 3, dtype=torch.bool))
    logits.square().sum().backward()
    assert all(layer.weight.grad.abs().max() > 0 for layer in net.project)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(10, dtype=torch.float64))
