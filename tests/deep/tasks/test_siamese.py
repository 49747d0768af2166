"""Pre-training between sequences: its views, its loss, its stop of the gradient, and its collapse."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from tiny_sequences import TinySequences, tiny_sequences, volumes_of  # noqa: E402

from radiofuse.deep.device import own_chance  # noqa: E402
from radiofuse.deep.tasks.siamese import pretrain, two_views  # noqa: E402
from radiofuse.deep.training.warm_up import Heads, siamese_loss  # noqa: E402
from radiofuse.errors import CohortError  # noqa: E402

OPTIONS = {"epochs": 15, "batch_size": 8, "learning_rate": 0.01, "seed": 0}
EVERY = torch.ones(16, 4, dtype=torch.bool)


def test_views_share_no_sequence_and_leave_none_out():
    present = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 1, 1]], dtype=torch.bool).repeat(400, 1)
    first, second = two_views(present, torch.Generator().manual_seed(0))
    assert first.any(dim=1).all() and second.any(dim=1).all()
    assert not (first & second).any()
    assert torch.equal(first | second, present)
    of_four = first[::3].sum(dim=1).bincount() / 400
    assert of_four.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3], abs=0.07)
    assert first[::3].double().mean(dim=0).tolist() == pytest.approx([0.5] * 4, abs=0.07), "no sequence is preferred"


def test_equal_vectors_have_a_loss_of_minus_one_and_the_loss_is_symmetrized():
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    repeating = SimpleNamespace(project=torch.nn.Identity(), predict=torch.nn.Identity())
    assert siamese_loss([vectors, 3 * vectors], repeating)[0].item() == pytest.approx(-1)
    with own_chance(0, torch.device("cpu")):
        heads = Heads(3).eval()
    one, other = vectors, vectors.flip(0)
    assert siamese_loss([one, other], heads)[0].item() == pytest.approx(siamese_loss([other, one], heads)[0].item())


def test_the_gradient_passes_the_predictor_alone():
    views = [torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_() for seed in range(2)]
    heads = SimpleNamespace(project=torch.nn.Identity(), predict=torch.nn.Linear(3, 3))
    heads.predict.requires_grad_(False).weight.zero_()  # what it foretells is its bias, whatever it is told
    siamese_loss(views, heads)[0].backward()
    assert [view.grad.abs().max().item() for view in views] == [0, 0]


def test_sequences_come_to_agree_without_a_collapse_and_twice_alike():
    net, again, before = (tiny_sequences() for _ in range(3))
    curves = pretrain(net, net.embed, volumes_of(16), EVERY, **OPTIONS)
    assert len(curves.losses) == len(curves.spreads) == 15
    assert curves.losses[-1] < curves.losses[0] - 0.2
    assert curves.spreads[-1] > 0.3
    assert not torch.equal(net.stems[0].weight, before.stems[0].weight)
    assert torch.equal(net.classify.weight, before.classify.weight)
    assert pretrain(again, again.embed, volumes_of(16), EVERY, **OPTIONS) == curves
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))


class Blind(TinySequences):
    """Embeds everything alike."""

    def embed(self, volumes, present):
        return super().embed(volumes, present) * 0 + torch.arange(6.0)


def test_a_collapse_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        net = Blind()
        curves = pretrain(net, net.embed, volumes_of(8), EVERY[:8], **{**OPTIONS, "epochs": 1})
    assert curves.spreads[-1] < 0.1
    assert "The pre-training between sequences collapsed: it embeds all pictures alike (spread 0.0" in caplog.text


def test_patients_of_one_sequence_have_no_second_view():
    present = EVERY[:6].clone()
    present[2:, 1:] = False
    net, again = tiny_sequences(), tiny_sequences()
    pretrain(net, net.embed, volumes_of(6), present, **OPTIONS)
    pretrain(again, again.embed, volumes_of(6)[:2], present[:2], **OPTIONS)
    torch.testing.assert_close(net.stems[3].weight, again.stems[3].weight)
    with pytest.raises(CohortError, match="two sequences of one patient, and 1 of the training patients has two"):
        pretrain(net, net.embed, volumes_of(6)[1:], present[1:], **OPTIONS)
