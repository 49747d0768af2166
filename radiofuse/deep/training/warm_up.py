"""A training without labels before the one with them: an encoder learns to embed two views of a picture alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.training.examples import Examples
from radiofuse.deep.training.optimizers import make_optimizer
from radiofuse.deep.training.state import State
from radiofuse.deep.training.step import augmented, precision
from radiofuse.errors import RequestError

log = logging.getLogger(__name__)

COLLAPSED = 0.1


class Heads(nn.Module):
    """What stands on an embedding while it is warmed up, and is thrown away afterwards.

    References
    ----------
    Chen, He (2021). Exploring simple Siamese representation learning. CVPR, section 3; here two layers project, of the
    embedding's own width.
    """

    def __init__(self, d: int):
        super().__init__()
        hidden = max(8, d // 4)
        self.project = nn.Sequential(
            nn.Linear(d, d, bias=False),
            nn.BatchNorm1d(d),
            nn.ReLU(),
            nn.Linear(d, d, bias=False),
            nn.BatchNorm1d(d, affine=False),
        )
        self.predict = nn.Sequential(
            nn.Linear(d, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, d)
        )


def disagreement(predicted: Tensor, projected: Tensor) -> Tensor:
    """Return the negative mean cosine of a prediction (n, d) and the other view's projection, which is held still.

    Examples
    --------
    >>> same = torch.tensor([[3.0, 4.0]])
    >>> disagreement(same, same).item()
    -1.0
    """
    return -functional.cosine_similarity(predicted, projected.detach(), dim=1).mean()


def spread(projected: Tensor) -> Tensor:
    """Return the standard deviation of normalized projections (n, d): about 1 if they point everywhere, 0 if collapsed.

    Examples
    --------
    >>> spread(torch.ones(8, 4)).item()
    0.0
    """
    n, d = projected.shape
    return functional.normalize(projected, dim=1).std(dim=0, correction=0).mean() * d**0.5


def siamese_loss(embedded: Sequence[Tensor], heads: Heads) -> tuple[Tensor, Tensor]:
    """Return how far two views' embeddings (n, d) each are from foretelling each other, and the spread of the first.

    References
    ----------
    Chen, He (2021). Exploring simple Siamese representation learning. CVPR, equation 4 and algorithm 1.
    """
    projected = [heads.project(view) for view in embedded]  # (n, d) each
    predicted = [heads.predict(z) for z in projected]
    loss = sum(disagreement(p, z) for p, z in zip(predicted, reversed(projected), strict=True)) / 2
    return loss, spread(projected[0].detach())


def warn_of_collapse(training: str, spread_at_end: float, remedy: str) -> None:
    """Log a warning if a training ended with embeddings that are all alike; the remedy ends the sentence."""
    if spread_at_end < COLLAPSED:
        log.warning(
            "The %s collapsed: it embeds all pictures alike (spread %.3f, where 1 is even). Its weights are of "
            "little use; %s.",
            training,
            spread_at_end,
            remedy,
        )


def warm_up(state: State, train: Examples, most: int) -> None:
    """Train the module's embedding on the pictures of the training part, of which no label is looked at.

    Parameters
    ----------
    state : State
        Its module is trained, its curves get losses and spreads.
    train : Examples
    most : int
        Pictures that the memory holds.

    Raises
    ------
    RequestError
        If the module has no ``embed``.
    """
    training, module = state.training, state.module
    if not hasattr(module, "embed"):
        raise RequestError(
            f"{type(module).__name__} has no embed, which warm_up trains. Add it, or leave warm_up out of the training."
        )
    heads = Heads(module.embedding_dim).to(train.labels.device)
    both = nn.ModuleList([module, heads]).train()
    optimizer = make_optimizer(both, training)
    for parameters in optimizer.param_groups:
        parameters["lr"] = training.learning_rate
    for _ in range(training.warm_up.epochs):
        loss, wide = _epoch(state, train, heads, optimizer, min(most, training.batch_size))
        state.curves.warm_up_losses.append(loss)
        state.curves.warm_up_spreads.append(wide)
    remedy = "take stronger augmentation, a lower learning_rate, or no warm_up"
    warn_of_collapse("warm-up", state.curves.warm_up_spreads[-1], remedy)


def _epoch(
    state: State, train: Examples, heads: Heads, optimizer: torch.optim.Optimizer, size: int
) -> tuple[float, float]:
    """Return mean loss and spread of an epoch; no step has a single picture, which could not be normalized."""
    steps = torch.randperm(len(train), generator=state.generator).tensor_split(max(1, len(train) // max(2, size)))
    total = torch.zeros(2, device=train.labels.device)
    for x in train.batches(steps):  # (b, channels, h, w)
        views = [augmented(x, state.training, state.generator) for _ in range(2)]
        with precision(state.training, x.device):
            loss, wide = siamese_loss([state.module.embed(view) for view in views], heads)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += torch.stack([loss.detach(), wide]) * len(x)
    mean_loss, mean_spread = (total / len(train)).tolist()
    return mean_loss, mean_spread
