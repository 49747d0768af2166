"""Two passes of one network: what is hidden from the second alone tells them apart, and who learns is chosen."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tiny_sequences import tiny_sequences, volumes_of  # noqa: E402

from radiofuse.deep.fusion import weighting_net  # noqa: E402
from radiofuse.deep.tasks.distillation import feature_distance, pass_twice  # noqa: E402

EVERY = torch.ones(12, 4, dtype=torch.bool)


def passes(present=EVERY, seed=0):
    net = tiny_sequences().train()
    return pass_twice(net.embed, volumes_of(len(present)), present, torch.Generator().manual_seed(seed))


def test_features_are_equal_to_the_bit_where_nothing_is_hidden_though_dropout_draws(monkeypatch):
    monkeypatch.setattr(weighting_net, "DROPPED", (1.0, 0.0, 0.0))
    assert feature_distance(*passes()).item() == 0


def test_a_row_of_one_sequence_keeps_it_and_its_features():
    lone = torch.eye(4, dtype=torch.bool).repeat(3, 1)
    assert feature_distance(*passes(lone)).item() == 0


def test_hiding_moves_the_rows_in_which_something_is_hidden_alone():
    full, reduced = passes()
    moved = (full != reduced).any(dim=1)
    assert 0 < moved.sum() < 12
    shown = weighting_net.hide_modalities(EVERY, torch.Generator().manual_seed(0))
    assert moved.tolist() == (shown.sum(dim=1) < 4).tolist()


def test_the_same_generator_hides_the_same_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    first, second = passes(seed=3), passes(seed=3)
    assert torch.equal(first[1], second[1]) and torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first[1], passes(seed=4)[1])


@pytest.mark.parametrize("stop_gradient", [False, True])
def test_both_passes_learn_as_published_and_one_where_the_other_is_held_still(stop_gradient):
    full, reduced = (torch.randn(3, 5).requires_grad_() for _ in range(2))
    feature_distance(full, reduced, stop_gradient=stop_gradient).backward()
    assert reduced.grad.abs().min() > 0
    assert (full.grad is None) == stop_gradient


def test_learning_from_the_distance_brings_the_passes_together():
    net, volumes, generator = tiny_sequences().eval(), volumes_of(12), torch.Generator().manual_seed(0)
    volumes = volumes + 2 * torch.arange(4.0).view(1, 4, 1, 1, 1)  # sequences of unlike brightness
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def distance(chance):
        return feature_distance(*pass_twice(net.embed, volumes, EVERY, chance), stop_gradient=True)

    before = distance(torch.Generator().manual_seed(9)).item()
    for _ in range(25):
        optimizer.zero_grad()
        distance(generator).backward()
        optimizer.step()
    assert distance(torch.Generator().manual_seed(9)).item() < 0.5 * before
