"""What a step of a multi-task training makes small: a loss of each task that has labels, weighed by its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Weighting = Literal["off", "kendall", "parent"]
WEIGHTINGS = ("off", "kendall", "parent")


def outcome_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the summed cross-entropy of the rows in which an outcome is known, and what these weigh together.

    Their quotient is the mean loss. Rows in which the outcome is unknown have no part in it, to the last bit.

    Parameters
    ----------
    logits : Tensor, shape (b, n_classes)
    target : Tensor, shape (b, n_classes)
        Probabilities of the classes; NaN where the outcome is unknown.
    weights : Tensor, shape (n_classes,), optional
        Of the classes.

    Examples
    --------
    >>> target = torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]])
    >>> total, n = outcome_loss(torch.zeros(2, 2), target)
    >>> f"{total:.4f}", float(n)
    ('0.6931', 1.0)
    """
    known = ~torch.isnan(target[:, 0])
    shares = target[known] if weights is None else target[known] * weights  # (n, n_classes)
    return -(shares * logits[known].log_softmax(dim=1)).sum(), shares.sum()


def class_weights(target: Tensor) -> Tensor:
    """Return what a row of each class weighs so that all classes weigh the same among the known, (n_classes,).

    Examples
    --------
    >>> class_weights(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.6666666865348816, 2.0]
    """
    known = target[~torch.isnan(target[:, 0])]
    return len(known) / (target.shape[1] * known.sum(dim=0).clamp_min(1))


class UncertaintyWeights(nn.Module):
    """A learned log-variance s of every task, by which its loss L is weighed; 0 at first.

    "kendall" adds exp(-s) L + s / 2 of each task, "parent" exp(-s) L / 2 + s; "off" adds the losses as they are. At its
    optimum s is log(2 L) in the first form and log(L / 2) in the second: a task with a larger loss, as one with noisy
    labels, weighs less. A task without a label in a batch adds nothing, and its s stays where it is.

    Parameters
    ----------
    tasks : sequence of str
    form : {"kendall", "parent", "off"}

    References
    ----------
    Kendall, Gal, Cipolla (2018). Multi-task learning using uncertainty to weigh losses. CVPR, equation 10 of
    classification ("kendall").
    The public code that GMMAS extends ("parent").

    Examples
    --------
    >>> weights = UncertaintyWeights(["idh", "grade"], "parent")
    >>> weights({"idh": torch.tensor(4.0)}).item()
    2.0
    """

    def __init__(self, tasks: Sequence[str], form: Weighting) -> None:
        super().__init__()
        self.form, self.tasks = form, list(tasks)
        # each by itself: an optimizer passes over one that has no gradient, and would move an entry of a vector on
        self.s = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in tasks) if form != "off" else None

    def forward(self, losses: Mapping[str, Tensor], shares: Mapping[str, float] | None = None) -> Tensor:
        """Return the loss of all tasks together.

        Parameters
        ----------
        losses : mapping of str to Tensor
            Of the tasks that have labels in the batch; of a part of a batch what it adds to the batch's mean.
        shares : mapping of str to float, optional
            Which share of a task's labels in the batch a part has; the shares of all parts add up to 1.
        """
        parts = [self._of(task, loss, 1.0 if shares is None else shares[task]) for task, loss in losses.items()]
        return torch.stack(parts).sum()

    def _of(self, task: str, loss: Tensor, share: float) -> Tensor:
        if self.s is None:
            return loss
        s = self.s[self.tasks.index(task)]
        return torch.exp(-s) * loss / 2 + share * s if self.form == "parent" else torch.exp(-s) * loss + share * s / 2

    def log_variances(self) -> dict[str, float]:
        """Return s of each task; none where the losses are added as they are."""
        return {} if self.s is None else {task: float(s.detach()) for task, s in zip(self.tasks, self.s, strict=True)}
