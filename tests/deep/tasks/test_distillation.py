"""Two passes of one network: what is hidden from the second alone tells them apart, and who learns is chosen."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_tasks import tiny_net, tiny_rows  # noqa: E402

from radiofuse.deep.fusion import weighting_net  # noqa: E402
from radiofuse.deep.tasks.distillation import (  # noqa: E402
    SelfDistillation,
    feature_distance,
    map_distance,
    pass_twice,
)
from radiofuse.deep.tasks.loop import TaskPlan, train_tasks  # noqa: E402
from radiofuse.deep.tasks.step import BETWEEN_PASSES  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

EVERY = torch.ones(12, 4, dtype=torch.bool)
VOLUMES = torch.from_numpy(tiny_rows(12).pictures)
TRAINING = Training(epochs=8, batch_size=6, learning_rate=0.01, flips=False, rotation_deg=0.0)


def distance(present=EVERY, seed=0, net=None):
    net = tiny_net().train() if net is None else net
    full, reduced = pass_twice(net.maps, VOLUMES, present, torch.Generator().manual_seed(seed))
    return map_distance(full, reduced, stop_gradient=False).item()


def test_features_are_equal_to_the_bit_where_nothing_is_hidden_though_dropout_draws(monkeypatch):
    monkeypatch.setattr(weighting_net, "DROPPED", (1.0, 0.0, 0.0))
    assert distance() == 0


def test_a_row_of_one_sequence_keeps_it_and_its_features():
    assert distance(torch.eye(4, dtype=torch.bool).repeat(3, 1)) == 0


def test_hiding_moves_the_rows_in_which_something_is_hidden_alone():
    net = tiny_net().train()
    full, reduced = pass_twice(net.maps, VOLUMES, EVERY, torch.Generator().manual_seed(0))
    moved = (full.tokens != reduced.tokens).flatten(1).any(dim=1)
    assert 0 < moved.sum() < 12
    shown = weighting_net.hide_modalities(EVERY, torch.Generator().manual_seed(0))
    assert moved.tolist() == (shown.sum(dim=1) < 4).tolist()


def test_the_same_generator_hides_the_same_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    net = tiny_net().train()
    assert distance(seed=3, net=net) == distance(seed=3, net=net) != distance(seed=4, net=net)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("stop_gradient", [False, True])
def test_both_passes_learn_as_published_and_one_where_the_other_is_held_still(stop_gradient):
    full, reduced = (torch.randn(3, 5).requires_grad_() for _ in range(2))
    feature_distance(full, reduced, stop_gradient=stop_gradient).backward()
    assert reduced.grad.abs().min() > 0
    assert (full.grad is None) == stop_gradient


def trained(plan, seed=0, net=None, masks=True):
    net = tiny_net(regions=int(masks)) if net is None else net
    rows = tiny_rows(12, masks=masks)
    rows.pictures[:] += 2 * np.arange(4, dtype=np.float32)[:, None, None, None]  # sequences of unlike brightness
    return net, train_tasks(net, rows, None, plan=plan, training=TRAINING, seed=seed, device="cpu")


def test_a_training_brings_the_passes_together_and_is_the_same_twice():
    plan = TaskPlan("off", self_distillation=SelfDistillation(weight=3.0))
    net, history = trained(plan)
    assert set(history.task_losses) == {"idh", "grade", "regions", BETWEEN_PASSES}
    told = history.task_losses[BETWEEN_PASSES]
    assert len(told) == 8 and np.mean(told[-3:]) < 0.6 * np.mean(told[:3])
    assert history.task_losses["idh"][-1] < history.task_losses["idh"][0]
    again, same = trained(plan)
    assert history == same
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))


def test_without_weight_the_second_pass_teaches_by_its_losses_alone():
    weightless = trained(TaskPlan("off", self_distillation=SelfDistillation(weight=0.0)), masks=False)[0]
    plain, held_still = (
        trained(TaskPlan("off", self_distillation=one), masks=False)[0]
        for one in (None, SelfDistillation(weight=0.0, stop_gradient=True))
    )
    assert torch.equal(weightless.to_tokens[-1].weight, held_still.to_tokens[-1].weight)
    assert not torch.equal(weightless.to_tokens[-1].weight, plain.to_tokens[-1].weight)


def test_options_that_are_none_are_refused():
    for wrong, said in [({"weight": -1}, "self_distillation.weight is -1"), ({"stop_gradient": 1}, "true or false")]:
        with pytest.raises(RequestError, match=said):
            SelfDistillation(**wrong)
