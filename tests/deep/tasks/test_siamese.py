"""Pre-training between sequences: its views, its loss, its stop of the gradient, its collapse, and whom it sees."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_tasks import tiny_net, tiny_rows  # noqa: E402

from radiofuse.deep.device import own_chance  # noqa: E402
from radiofuse.deep.tasks import siamese  # noqa: E402
from radiofuse.deep.tasks.loop import TaskPlan, train_tasks  # noqa: E402
from radiofuse.deep.tasks.siamese import SequencePretraining, pretrain, two_views  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.warm_up import Heads, siamese_loss  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402

CPU = torch.device("cpu")
TRAINING = Training(epochs=1, batch_size=8, learning_rate=0.01, rotation_deg=0.0)


def pretrained(net, rows, epochs=15):
    options = {"training": TRAINING, "generator": torch.Generator().manual_seed(0), "device": CPU, "most": 8}
    with own_chance(0, CPU):
        return pretrain(net, rows, SequencePretraining(epochs=epochs), **options)


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
    with own_chance(0, CPU):
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
    net, again, before = (tiny_net() for _ in range(3))
    curves = pretrained(net, tiny_rows(16))
    assert len(curves.losses) == len(curves.spreads) == 15
    assert curves.losses[-1] < curves.losses[0] - 0.2
    assert curves.spreads[-1] > 0.3
    assert not torch.equal(net.encoder.stems[0].weight, before.encoder.stems[0].weight)
    assert all(map(torch.equal, net.task_heads.parameters(), before.task_heads.parameters()))
    assert pretrained(again, tiny_rows(16)) == curves
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))


def test_no_label_is_looked_at():
    net, again, rows = tiny_net(), tiny_net(), tiny_rows(8)
    unknown = replace(rows, targets={name: np.full_like(one, np.nan) for name, one in rows.targets.items()})
    pretrained(net, rows, epochs=1)
    pretrained(again, unknown, epochs=1)
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))


def test_a_collapse_is_said(caplog, monkeypatch):
    pooled = siamese.pooled
    monkeypatch.setattr(siamese, "pooled", lambda *given: 0 * pooled(*given) + torch.arange(16.0))
    with caplog.at_level(logging.WARNING):
        curves = pretrained(tiny_net(), tiny_rows(8), epochs=1)
    assert curves.spreads[-1] < 0.1
    assert "The pre-training between sequences collapsed: it embeds all pictures alike (spread 0.0" in caplog.text


def test_patients_of_one_sequence_have_no_second_view():
    rows = tiny_rows(6)
    rows.present[2:, 1:] = 0
    net, again = tiny_net(), tiny_net()
    pretrained(net, rows, epochs=2)
    rows.pictures[2:] = 7.0
    pretrained(again, rows, epochs=2)
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))
    rows.present[1, 1:] = 0
    with pytest.raises(CohortError, match="two sequences of one patient, and 1 of the training patients has two"):
        pretrained(net, rows)


def test_it_comes_before_the_training_and_sees_nobody_who_is_held_out(monkeypatch):
    seen = []
    told = siamese.pooled
    monkeypatch.setattr(siamese, "pooled", lambda net, x, there: seen.append(x.detach().clone()) or told(net, x, there))
    rows, plan = tiny_rows(8), TaskPlan(pretraining=SequencePretraining(epochs=2))
    held = tiny_rows(4, seed=5)
    held.pictures[:] = 9.0
    history = train_tasks(tiny_net(), rows, held, plan=plan, training=TRAINING, seed=0, device="cpu")
    assert len(history.pretraining_losses) == len(history.pretraining_spreads) == 2 and len(history.losses) == 1
    shown = {round(float(x.sum()), 2) for batch in seen for x in batch}
    assert shown == {round(float(x.sum()), 2) for x in rows.pictures}, "flips move voxels and sum to the same"


def test_options_that_are_none_are_refused():
    for wrong, said in [
        ({"method": "moco"}, "pretraining.method is 'moco'"),
        ({"epochs": 0}, "pretraining.epochs is 0"),
    ]:
        with pytest.raises(RequestError, match=said):
            SequencePretraining(**wrong)
