"""Optimizers against a step by hand, schedules against their formulas, orders against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.training.optimizers import learning_rate, make_optimizer, set_learning_rate  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.order import epoch_order  # noqa: E402
from radiofuse.deep.training.state import Curves  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402


def two_steps(**options) -> float:
    """A weight of 1 after two steps down a slope of 1, at a learning rate of 0.1."""
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(module.weight)
    optimizer = make_optimizer(module, Training(learning_rate=0.1, **options))
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for _ in range(2):
        optimizer.zero_grad()
        module.weight.sum().backward()
        optimizer.step()
    return module.weight.item()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"optimizer": "sgd", "momentum": 0.0}, 1 - 0.1 - 0.1),
        ({"optimizer": "sgd"}, 1 - 0.1 * (1 + 0.9) - 0.1 * (1 + 0.9 * 1.9)),  # Nesterov: g + momentum * velocity
        ({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.5}, (1 - 0.15) - 0.1 * (1 + 0.5 * 0.85)),
        ({"optimizer": "adam"}, 1 - 0.1 - 0.1),  # a slope that stays: steps of the learning rate
        ({"optimizer": "adamw", "weight_decay": 0.5}, (1 * 0.95 - 0.1) * 0.95 - 0.1),
    ],
)
def test_two_steps_are_those_of_the_formula(options, expected):
    assert two_steps(**options) == pytest.approx(expected, abs=1e-6)


def test_frozen_weights_are_left_out_and_nothing_but_frozen_ones_is_refused():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 3))
    module[0].requires_grad_(False)
    optimizer = make_optimizer(module, Training(weight_decay=0.5))
    assert [tuple(weight.shape) for weight in optimizer.param_groups[0]["params"]] == [(3, 2), (3,)]
    with pytest.raises(RequestError, match="Sequential has no weight that can be trained. Use its embedding as it is"):
        make_optimizer(module.requires_grad_(False), Training())


def test_encoders_are_a_group_with_a_rate_of_their_own_and_without_one_all_weights_are_one_group():
    module = torch.nn.ModuleDict({"encoders": torch.nn.Linear(2, 3), "head": torch.nn.Linear(3, 4)})
    assert len(make_optimizer(module, Training()).param_groups) == 1
    for rate in (0.02, 0.0):
        optimizer = make_optimizer(module, Training(learning_rate=0.1, encoder_learning_rate=rate))
        set_learning_rate(optimizer, 0.05)  # half of it, as a schedule has it
        told = [(group["lr"], group["params"][0].shape) for group in optimizer.param_groups]
        assert told == [(0.05, (4, 3)), (pytest.approx(rate / 2), (3, 2))]
    single = torch.nn.ModuleDict({"body": torch.nn.Linear(2, 3), "classify": torch.nn.Linear(3, 4)})
    groups = make_optimizer(single, Training(encoder_learning_rate=0.0)).param_groups
    assert [group["params"][0].shape for group in groups] == [(4, 3), (3, 2)]


def rates(epochs: int, watched=(), **options) -> np.ndarray:
    training = Training(learning_rate=1.0, epochs=10, **options)
    return np.array([learning_rate(training, epoch, watched[:epoch]) for epoch in range(epochs)])


def test_learning_rates_are_those_of_the_formula():
    epochs = np.arange(10)
    np.testing.assert_array_equal(rates(10), 1)
    np.testing.assert_allclose(rates(10, schedule="cosine"), (1 + np.cos(np.pi * epochs / 10)) / 2)
    np.testing.assert_allclose(rates(10, schedule="poly"), (1 - epochs / 10) ** 0.9)
    np.testing.assert_allclose(rates(10, schedule="step", schedule_epochs=4), 0.1 ** (epochs // 4))


def test_a_plateau_lowers_the_rate_once_it_lasted():
    watched = [3.0, 2.0, 2.5, 2.0, 1.0, 1.5, 1.2, 1.1, 1.0]
    found = rates(10, watched, schedule="plateau", schedule_epochs=2, schedule_factor=0.5)
    assert found.tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_among_epochs_of_one_auc_the_lower_loss_is_better():
    curves = Curves([1.0] * 4, validation_losses=[0.7, 0.6, 0.5, 0.1], validation_aucs=[0.8, 0.9, 0.9, 0.5])
    watched = curves.watched("auc")
    assert watched.index(min(watched)) == 2
    assert min(curves.watched("loss")) == (0.1,)


LABELS = torch.tensor([0] * 7 + [1] * 2 + [2] * 3)


def order(seed: int = 0, **options) -> torch.Tensor:
    return epoch_order(LABELS, Training(**options), torch.Generator().manual_seed(seed))


def test_oversampling_shows_each_picture_and_those_of_small_classes_again():
    shown = order(balance="oversampling")
    assert LABELS[shown].bincount().tolist() == [7, 7, 7]
    times = shown.bincount()
    assert times[:7].tolist() == [1] * 7
    assert sorted(times[7:9].tolist()) == [3, 4] and sorted(times[9:].tolist()) == [2, 2, 3]
    assert not torch.equal(shown, order(1, balance="oversampling"))
    assert LABELS[shown][:7].unique().numel() > 1  # shuffled


@pytest.mark.parametrize("balance", ["none", "weights", "oversampling"])
def test_without_shuffling_pictures_come_in_their_own_order(balance):
    shown = order(shuffle=False, balance=balance)
    assert shown[: len(LABELS)].tolist() == list(range(len(LABELS)))
    assert len(shown) == (21 if balance == "oversampling" else 12)


def test_a_balanced_cohort_is_not_oversampled():
    labels = torch.tensor([0, 1, 1, 0])
    shown = epoch_order(labels, Training(balance="oversampling"), torch.Generator().manual_seed(0))
    assert sorted(shown.tolist()) == [0, 1, 2, 3]
