"""The AUC of the patients held out is that of rows, not of pictures, and of every class."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.metrics import roc_auc_score  # noqa: E402

from radiofuse.deep.training.examples import Examples  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.state import State  # noqa: E402
from radiofuse.deep.training.validation import loss_and_auc  # noqa: E402


class Says(torch.nn.Module):
    """Logits are the pixels of its pictures, and a learned share of them."""

    embedding_dim = 1

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x.flatten(1)


def examples(logits: np.ndarray, counts: np.ndarray, labels: np.ndarray) -> Examples:
    pictures = logits[:, None, None, :].astype(np.float32)
    return Examples.of(pictures, counts, labels, torch.device("cpu"), np.ones(len(counts), bool))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_loss_is_of_pictures_and_auc_of_rows(n_classes):
    rng, counts = np.random.default_rng(0), np.array([1, 4, 2, 3, 1, 2, 5, 1, 2])
    logits, labels = rng.normal(size=(counts.sum(), n_classes)), np.arange(9) % n_classes
    held = examples(logits, counts, labels)
    loss, auc = loss_and_auc(Says(), held, 4, weights=None, gamma=0.0)
    starts = np.r_[0, counts.cumsum()[:-1]]
    means = torch.from_numpy(np.add.reduceat(logits, starts) / counts[:, None]).softmax(dim=1).numpy()
    options = {} if n_classes == 2 else {"multi_class": "ovr"}
    assert auc == pytest.approx(roc_auc_score(labels, means[:, 1] if n_classes == 2 else means, **options))
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits).float(), held.labels)
    assert loss == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(("watch", "best"), [("loss", 4), ("auc", 3)])
def test_the_weights_of_the_best_epoch_are_kept_by_what_is_watched(watch, best):
    module = Says()
    training = Training(validation=0.3, watch=watch, patience=2)
    state = State.begin(module, module.state_dict(), training, seed=0)
    for epoch, held_out in enumerate([(0.7, 0.8), (0.6, 0.9), (0.5, 0.9), (0.1, 0.5)], start=1):
        module.factor.data.fill_(epoch)
        state.add(1.0, held_out)
    assert state.best_epoch == best
    assert state.best["factor"].item() == best
    assert not state.is_over
    state.add(1.0, (0.3, 0.1))
    assert state.is_over == (watch == "auc")  # two epochs after the best
