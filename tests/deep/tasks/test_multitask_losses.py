"""Losses of several tasks: an unknown label has no part in anything, and uncertainty weights have their optimum."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.tasks.batches import REGIONS, Arrays, TaskBatch, TaskRows  # noqa: E402
from radiofuse.deep.tasks.cutting import with_cut_tumors  # noqa: E402
from radiofuse.deep.tasks.loop import _optimizer  # noqa: E402
from radiofuse.deep.tasks.losses import UncertaintyWeights, class_weights, outcome_loss  # noqa: E402
from radiofuse.deep.tasks.multitask_options import NET  # noqa: E402
from radiofuse.deep.tasks.region_maps import RegionMaps  # noqa: E402
from radiofuse.deep.tasks.step import Learned, losses_of, masses, take_step  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402

SIZES = {"widths": [4, 8], "blocks": [1, 1], "dim": 8, "heads": 2, "mlp": 8}
SIZES |= {"of_bottom": 4, "of_tokens": 4, "shared": 4, "hidden": [4]}
OUTCOMES = ["idh", "codel"]
TRAINING = Training(learning_rate=0.01, optimizer="adamw", weight_decay=0.1)


def small_net():
    options = {"modalities": 2, "outcomes": [2, 2], "regions": 1, "size": 8, "dropout": 0.0, **SIZES}
    return make_encoder(NET, 0, 4, options)


def batch(*, codel=(0, 1, 0, 1), masks=(True, True, False, True)):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(4, 2, 8, 8, 8, generator=generator)
    targets = [hot([0, 1, 1, 0]), hot(codel)]
    regions = (pictures[:, 0] > 0).long()
    regions[~torch.tensor(masks)] = -1
    return TaskBatch(pictures, torch.ones(4, 2), targets, regions)


def hot(labels):
    rows = torch.full((len(labels), 2), torch.nan)
    for row, label in enumerate(labels):
        if label is not None:
            rows[row] = torch.eye(2)[label]
    return rows


def losses(net, rows):
    return losses_of(net.answers(rows.pictures, rows.present), rows, masses(rows, OUTCOMES, {}), OUTCOMES, {}).of


def test_an_unknown_label_moves_no_other_outcomes_loss_to_the_bit():
    net = small_net().eval()
    full, partly = losses(net, batch()), losses(net, batch(codel=(0, None, None, 1)))
    none = losses(net, batch(codel=[None] * 4))
    assert full["idh"].item() == partly["idh"].item() == none["idh"].item()
    assert full[REGIONS].item() == partly[REGIONS].item() == none[REGIONS].item()
    assert full["codel"].item() != partly["codel"].item()
    assert "codel" not in none


def test_a_task_without_a_label_keeps_its_weight_and_its_head_whatever_the_optimizer_remembers():
    learned = Learned(small_net(), UncertaintyWeights([*OUTCOMES, REGIONS], "kendall"))
    optimizer = _optimizer(learned, TRAINING)
    options = {"outcomes": OUTCOMES, "weights": {}, "training": TRAINING, "most": 4}
    take_step(learned, optimizer, batch(), **options)
    before = learned.weighting.log_variances()
    head = learned.net.task_heads.classify[1].weight.detach().clone()
    told = take_step(learned, optimizer, batch(codel=[None] * 4), **options)
    after = learned.weighting.log_variances()
    assert "codel" not in told and before["codel"] != 0
    assert after["codel"] == before["codel"] and after["idh"] != before["idh"]
    assert torch.equal(learned.net.task_heads.classify[1].weight, head)


@pytest.mark.parametrize(
    ("form", "optimum"), [("kendall", lambda L: math.log(2 * L)), ("parent", lambda L: math.log(L / 2))]
)
def test_the_gradient_of_s_is_zero_at_the_analytic_optimum_and_nowhere_beside_it(form, optimum):
    for loss in (0.3, 2.0):
        weights = UncertaintyWeights(["a"], form)
        for off in (-0.1, 0.0, 0.1):
            torch.nn.init.constant_(weights.s[0], optimum(loss) + off)
            weights.zero_grad()
            weights({"a": torch.tensor(loss)}).backward()
            assert (
                float(weights.s[0].grad) == pytest.approx(0, abs=1e-6)
                if off == 0
                else off * float(weights.s[0].grad) > 0
            )


@pytest.mark.parametrize("form", ["kendall", "parent"])
def test_the_noisier_task_gets_the_larger_s(form):
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.integers(0, 2, 200))
    flipped = torch.where(torch.from_numpy(rng.random(200) < 0.4), 1 - truth, truth)
    x, weights = torch.nn.functional.one_hot(truth, 2).float(), UncertaintyWeights(["clean", "noisy"], form)
    layers = torch.nn.ModuleDict({"clean": torch.nn.Linear(2, 2), "noisy": torch.nn.Linear(2, 2)})
    optimizer = torch.optim.Adam([*layers.parameters(), *weights.parameters()], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        targets = {"clean": truth, "noisy": flipped}
        weights({n: torch.nn.functional.cross_entropy(layers[n](x), y) for n, y in targets.items()}).backward()
        optimizer.step()
    s = weights.log_variances()
    assert s["noisy"] > s["clean"] + 0.5


def test_parts_of_a_batch_add_up_to_the_loss_and_the_gradient_of_the_whole():
    def gradient(most):
        learned = Learned(small_net(), UncertaintyWeights([*OUTCOMES, REGIONS], "parent"))
        told = take_step(
            learned,
            torch.optim.SGD(learned.parameters(), 0.0),
            batch(codel=(0, None, 1, 1)),
            outcomes=OUTCOMES,
            weights={"idh": torch.tensor([0.5, 2.0])},
            training=TRAINING,
            most=most,
        )
        return told, [one.grad for one in learned.parameters()]

    (whole, of_whole), (parts, of_parts) = gradient(4), gradient(2)
    assert {name: float(loss) for name, loss in whole.items()} == pytest.approx(
        {name: float(loss) for name, loss in parts.items()}, rel=1e-5
    )
    for one, other in zip(of_whole, of_parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_class_weights_and_soft_labels_are_those_of_cross_entropy():
    logits, labels = torch.randn(6, 2, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 0, 0, 0, 1, 1])
    target = torch.eye(2)[labels]
    weights = class_weights(target)
    total, mass = outcome_loss(logits, target, weights)
    wanted = torch.nn.functional.cross_entropy(logits, labels, weights)
    torch.testing.assert_close(total / mass, wanted)
    soft = 0.3 * target + 0.7 * target.flip(1)
    total, mass = outcome_loss(logits, soft)
    torch.testing.assert_close(total / mass, torch.nn.functional.cross_entropy(logits, soft))


def test_cut_tumors_share_labels_by_voxels_and_leave_an_outcome_unknown_where_one_is():
    rng = np.random.default_rng(0)
    pictures, regions = np.zeros((4, 2, 8, 8, 8), np.float32), np.zeros((4, 8, 8, 8), np.int64)
    for row in range(4):
        pictures[row], regions[row, 2:6, 2:6, 2:6] = row, 1
    regions[3] = -1  # no mask
    present = np.array([[1, 1], [1, 1], [1, 1], [1, 1]])
    targets = [np.eye(2)[[0, 1, 0, 1]], np.where(np.arange(4)[:, None] == 1, np.nan, np.eye(2)[[0, 1, 1, 1]])]
    cut = with_cut_tumors(Arrays(pictures, present, targets, regions), 1.0, rng)
    assert (cut.pictures[3] == 3).all() and (cut.regions[3] == -1).all()
    n_cut = 0
    for row in range(3):
        inside = pictures[row][0] >= 0
        others = (cut.pictures[row] != row).any(axis=0) & inside
        if not others.any():
            continue
        n_cut += 1
        assert (regions[row][others] == 1).all()  # outside the tumors nothing changes
        share = 1 - others.sum() / 64
        partner = int(cut.pictures[row][:, others][0, 0])
        wanted = share * targets[0][row] + (1 - share) * targets[0][partner]
        np.testing.assert_allclose(cut.targets[0][row], wanted)
        assert np.isnan(cut.targets[1][row]).all() == (row == 1 or partner == 1)
    assert n_cut >= 1
    one_patient = with_cut_tumors(Arrays(pictures, present, targets, regions), 1.0, rng, np.array(["p"] * 4))
    assert (one_patient.pictures == pictures).all()
    assert cut.targets[0].sum(axis=1) == pytest.approx(1)


def test_labels_of_rows_held_out_weigh_what_they_do_in_a_batch():
    targets = {"idh": hot([0, 1, 1, 0]).numpy(), "codel": hot([0, None, None, 1]).numpy()}
    maps = RegionMaps(
        ("tumor",), [np.ones((8, 8, 8)), None, None, np.zeros((8, 8, 8))], [None] * 4, list("abcd"), (8,) * 3
    )
    rows = TaskRows(np.zeros((4, 2, 8, 8, 8), np.float32), np.ones((4, 2)), targets, maps)
    weights = {"codel": torch.tensor([0.5, 3.0])}
    batch = rows.read(range(4)).to(torch.device("cpu"))
    assert rows.masses(weights) == masses(batch, OUTCOMES, weights) == {"idh": 4.0, "codel": 3.5, REGIONS: 2.0}
