"""The warm-up looks at no label and at nobody held out, stops its gradients, and says when it collapsed."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_nets import Small, noise_crops, small_net  # noqa: E402

from radiofuse.deep.device import one_thread, own_chance  # noqa: E402
from radiofuse.deep.pictures import crops_as_pictures  # noqa: E402
from radiofuse.deep.training.examples import Examples  # noqa: E402
from radiofuse.deep.training.loop import train_encoder  # noqa: E402
from radiofuse.deep.training.options import Training, WarmUp  # noqa: E402
from radiofuse.deep.training.state import State  # noqa: E402
from radiofuse.deep.training.warm_up import disagreement, spread, warm_up  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

TRAINING = Training(batch_size=8, learning_rate=1e-2, warm_up=WarmUp(epochs=12))
CPU = torch.device("cpu")


def warmed(module, labels=None, training=TRAINING) -> State:
    crops = noise_crops(24)
    pictures = crops_as_pictures(crops["images"], crops["counts"])
    labels = crops["labels"] if labels is None else labels
    examples = Examples.of(pictures, crops["counts"], labels, CPU, np.ones(24, bool))
    state = State.begin(module, module.state_dict(), training, seed=0)
    with own_chance(0, CPU), one_thread():
        warm_up(state, examples, 8)
    return state


def test_two_views_come_to_agree_and_nothing_collapses():
    module, before = small_net(), small_net()
    curves = warmed(module).curves
    assert len(curves.warm_up_losses) == len(curves.warm_up_spreads) == 12
    assert curves.warm_up_losses[-1] < curves.warm_up_losses[0] - 0.2
    assert curves.warm_up_spreads[-1] > 0.5
    assert not torch.equal(module.conv.weight, before.conv.weight)
    assert torch.equal(module.classify.weight, before.classify.weight)


def test_no_label_is_looked_at():
    modules = [small_net(), small_net()]
    warmed(modules[0])
    warmed(modules[1], labels=np.zeros(24, int))
    assert all(map(torch.equal, modules[0].state_dict().values(), modules[1].state_dict().values()))


def test_gradients_stop_at_the_other_view():
    predicted, projected = (torch.randn(4, 3).requires_grad_() for _ in range(2))
    disagreement(predicted, projected).backward()
    assert projected.grad is None
    assert predicted.grad.abs().max() > 0
    assert disagreement(predicted, -predicted).item() == pytest.approx(1)


def test_spread_tells_a_collapse_from_even_directions():
    even = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    assert spread(even).item() == pytest.approx(1, abs=0.02)
    assert spread(torch.ones(10, 16) + 1e-4 * even[:10]).item() < 1e-3


class Blind(Small):
    """Embeds everything alike."""

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return super().embed(x) * 0 + torch.arange(4.0)


def test_a_collapse_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        state = warmed(Blind())
    assert state.curves.warm_up_spreads[-1] < 0.1
    assert "The warm-up collapsed: it embeds all pictures alike (spread 0.0" in caplog.text


class Watching(Small):
    """Notes what it embeds while it learns."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            self.seen.append(x.detach().clone())
        return super().embed(x)


def test_patients_held_out_are_not_warmed_up_with():
    crops, module = noise_crops(24), Watching()
    pictures = np.broadcast_to(np.arange(24, dtype=np.float32)[:, None, None, None], (24, 1, 12, 12)).copy()
    rows = {name: crops[name] for name in ("counts", "labels", "groups")}
    training = replace(TRAINING, epochs=1, validation=0.3, rotation_deg=0.0)  # flips change no even picture
    history = train_encoder(module, pictures, **rows, training=training, seed=0, device="cpu")
    shown = [sorted({int(x) for batch in part for x in batch[:, 0, 0, 0]}) for part in (module.seen[:-3], module.seen)]
    assert shown[0] == shown[1]
    held_out = set(crops["groups"][sorted(set(range(24)) - set(shown[0]))])
    assert len(held_out) == 4
    assert not held_out & set(crops["groups"][shown[0]])
    assert len(history.warm_up_losses) == 12 and len(history.losses) == 1


def test_views_that_cannot_differ_and_modules_without_embedding_are_refused():
    with pytest.raises(RequestError, match="warm_up compares augmented views of a picture, and no augmentation is on"):
        replace(TRAINING, flips=False, rotation_deg=0.0)
    assert replace(TRAINING, flips=False, rotation_deg=0.0, noise=0.1).warm_up.epochs == 12
    with pytest.raises(RequestError, match="Linear has no embed, which warm_up trains"):
        warmed(torch.nn.Linear(1, 1))
