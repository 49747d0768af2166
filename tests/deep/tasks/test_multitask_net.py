"""The multi-task network: shapes, subsets of sequences, other sides, dropout that is off, what is refused."""

from __future__ import annotations

from itertools import product

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.fusion.attention_joins import ChannelAttention  # noqa: E402
from radiofuse.deep.tasks.cost import cost_of  # noqa: E402
from radiofuse.deep.tasks.multitask_options import NET  # noqa: E402
from radiofuse.deep.tasks.network import MultiTaskNet  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

SIZES = {"widths": [4, 8], "blocks": [1, 1], "dim": 8, "heads": 2, "mlp": 8}
SIZES |= {"of_bottom": 4, "of_tokens": 4, "shared": 4, "hidden": [4]}

RECORD = [0.2853164, 0.22202649, -0.35362715, -0.80761025, -0.01894729, -0.18221544, -0.69090895, 0.0319613, 0.61017585]


def tiny(n_classes=5, **more):
    options = {"modalities": 4, "outcomes": [2, 3], "regions": 3, "size": 8, **SIZES, **more}
    return make_encoder(NET, 0, n_classes, options)


@pytest.fixture(scope="module")
def net():
    return tiny().eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_one_call_returns_every_outcome_and_the_regions_on_the_patches_grid(net):
    said = net.answers(noise(2, 4, 8, 8, 8), torch.ones(2, 4))
    assert [one.shape for one in said.logits] == [(2, 2), (2, 3)] and said.regions.shape == (2, 4, 8, 8, 8)
    assert said.maps.tokens.shape == (2, 8, 4, 4, 4) and [one.shape[1] for one in said.maps.levels] == [4, 8]
    assert torch.equal(net(noise(2, 4, 8, 8, 8), torch.ones(2, 4)), torch.cat(said.logits, dim=1))
    assert net.embed(noise(2, 4, 8, 8, 8), torch.ones(2, 4)).shape == (2, net.embedding_dim)


@torch.no_grad()
def test_each_of_the_fifteen_subsets_is_answered_and_what_stands_in_absent_sequences_has_no_influence(net):
    subsets = torch.tensor([one for one in product([0.0, 1.0], repeat=4) if any(one)])
    x = noise(1, 4, 8, 8, 8).expand(15, -1, -1, -1, -1)
    said = net.answers(x, subsets)
    logits = torch.cat(said.logits, dim=1)
    assert torch.isfinite(logits).all() and torch.isfinite(said.regions).all()
    hidden = x.clone()
    hidden[subsets == 0] = torch.nan
    assert torch.equal(net(hidden, subsets), logits)
    assert len({tuple(row.tolist()) for row in logits}) == 15


def test_sequences_weigh_alike_at_first_and_those_left_share_what_a_dropped_one_had():
    net = tiny()
    weights = net.weigh(torch.tensor([[1.0, 1, 1, 1], [1, 0, 1, 1]]))
    torch.testing.assert_close(weights, torch.tensor([[0.25] * 4, [1 / 3, 0, 1 / 3, 1 / 3]]))
    with torch.no_grad():
        net.encoder.average.v.copy_(torch.tensor([1.0, 3.0, 1.0, 1.0]))
    uneven = net.weigh(torch.tensor([[1.0, 1, 0, 0]]))
    e = torch.exp(torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(uneven[0, :2], e / e.sum())


@torch.no_grad()
@pytest.mark.parametrize("sides", [(1, 1, 1), (5, 8, 3), (16, 16, 16)])
def test_patches_of_other_sides_than_in_training_are_answered_on_their_own_grid(net, sides):
    said = net.answers(noise(1, 4, *sides), torch.ones(1, 4))
    assert said.regions.shape == (1, 4, *sides) and torch.isfinite(said.logits[1]).all()


@torch.no_grad()
def test_dropout_draws_in_training_and_is_off_where_the_network_answers(net):
    x, present = noise(1, 4, 8, 8, 8), torch.ones(1, 4)
    drawing = tiny(dropout=0.5).train()
    assert not torch.equal(drawing(x, present), drawing(x, present))
    assert torch.equal(drawing.eval()(x, present), drawing(x, present))
    said = [net.answers(x, present) for _ in range(2)]
    assert torch.equal(said[0].regions, said[1].regions)
    functional = [name for name in vars(torch.nn.functional) if "dropout" in name]
    names = {name for part in net.modules() for name in type(part).forward.__code__.co_names} - {"forward"}
    assert not names & set(functional) - {"dropout3d", "dropout"}


@torch.no_grad()
def test_the_whole_volume_is_merged_by_gates_between_0_and_1_and_counts():
    net = tiny(whole=True).eval()
    x = noise(2, 8, 8, 8, 8)
    said = net(x, torch.ones(2, 4))
    other = x.clone()
    other[:, 4:] += 1
    assert not torch.equal(net(other, torch.ones(2, 4)), said)
    gate = ChannelAttention(2, 4).gates(noise(2, 8, 3, 3, 3))
    assert gate.shape == (2, 8) and bool(((gate > 0) & (gate < 1)).all())


@torch.no_grad()
def test_the_network_computes_what_is_on_record():
    """Other numbers need another encoder_version: trained networks and their answers are kept under it."""
    net = tiny().double().eval()
    for number, weights in enumerate(net.parameters()):
        values = torch.arange(weights.numel(), dtype=torch.float64)
        weights.copy_((torch.sin(values * 12.9898 + number) * 0.3).view(weights.shape))
    x = torch.sin(torch.arange(4 * 512, dtype=torch.float64)).view(1, 4, 8, 8, 8)
    said = net.answers(x, torch.tensor([[1.0, 0, 1, 1]]))
    told = [*torch.cat(said.logits, dim=1)[0].tolist(), *said.regions[0, :, 3, 4, 5].tolist()]
    assert told == pytest.approx(RECORD, abs=1e-6)


def test_one_heads_features_enter_the_others_answers():
    net = tiny(dropout=0.0)
    net.answers(noise(1, 4, 8, 8, 8), torch.ones(1, 4)).logits[0].sum().backward()
    assert net.task_heads.bottom[1][0].weight.grad.abs().sum() > 0
    assert net.task_heads.classify[1].weight.grad is None


def test_cost_counts_weights_and_grows_with_the_patch_and_the_published_size_is_large():
    net = tiny()
    small, large = cost_of(net, (8, 8, 8)), cost_of(net, (16, 16, 16))
    assert small.n_parameters == sum(one.numel() for one in net.parameters())
    assert 7 < large.of_a_row / small.of_a_row < 20
    published = MultiTaskNet(4, n_classes=8, outcomes=(2, 2, 2, 2), regions=3, size=128, preset="gmmas")
    told = cost_of(published, (128, 128, 128))
    assert 45e6 < told.n_parameters < 55e6 and told.of_a_row > 4e9
    assert "49.5 million weights; a step of 1 patches" in told.sentence(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outcomes": [2, 2]}, "n_classes as their sum"),
        ({"blocks": [1]}, "widths has 2 levels and blocks 1"),
        ({"heads": 3}, "3 heads do not divide"),
        ({"widths": 4}, "widths is 4; it takes whole numbers"),
        ({"preset": "gmas"}, "No multi-task network is called 'gmas'"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(RequestError, match=words):
        tiny(**options)


def test_a_row_without_any_sequence_and_other_shapes_are_refused_in_one_sentence(net):
    with pytest.raises(RequestError, match="Row 1 has none of the 4 sequences, and one at least is needed"):
        net(noise(2, 4, 8, 8, 8), torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    with pytest.raises(RequestError, match=r"Patches of shape \(n, 4, d, h, w\)"):
        net(noise(2, 3, 8, 8, 8), torch.ones(2, 4))
    with pytest.raises(RequestError, match="made without regions"):
        tiny(regions=0).regions_of(noise(1, 4, 8, 8, 8), torch.ones(1, 4))
