"""One training in several processes, a GPU each: what of a step is this process's, and what all must agree on.

It begins where the caller made a process group (``torch.distributed.init_process_group()`` under ``torchrun``). Every
process draws the same order and the same augmentation, computes its part of each step, and sums gradients with the
others, as DistributedDataParallel does; that wrapper would divide by the number of processes, and asks for all weights
to take part in every step.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from radiofuse.deep.training.losses import Batch
from radiofuse.errors import RequestError


def n_ranks() -> int:
    """Return how many processes train together; 1 without a process group."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Return the number of this process; 0 writes files."""
    return distributed.get_rank() if n_ranks() > 1 else 0


def own_part(batch: Batch) -> Batch:
    """Return what of a step this process computes.

    Raises
    ------
    RequestError
        If there are fewer pictures than processes.
    """
    if n_ranks() > len(batch.labels):
        raise RequestError(
            f"A step has {len(batch.labels)} pictures, and {n_ranks()} processes train together, which need one each. "
            "Raise batch_size, or take fewer processes."
        )
    return batch.split(n_ranks())[rank()]


def sum_over_ranks(module: nn.Module, loss: Tensor) -> Tensor:
    """Replace gradients by their sums over all processes, and return the sum of their losses."""
    if n_ranks() > 1:
        for parameter in module.parameters():
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
        distributed.all_reduce(loss)
    return loss


def as_first(numbers: tuple[float, float], device: torch.device) -> tuple[float, float]:
    """Return the numbers of process 0: what ends a training must be the same in all, to the last bit."""
    if n_ranks() == 1:
        return numbers
    shared = torch.tensor(numbers, dtype=torch.float64, device=device)
    distributed.broadcast(shared, 0)
    first, second = shared.tolist()
    return first, second


def weights_as_first(module: nn.Module) -> None:
    """Give the module the weights and buffers of process 0."""
    if n_ranks() > 1:
        for tensor in module.state_dict().values():
            distributed.broadcast(tensor, 0)


def chance_of_rank(seed: int, epoch: int) -> None:
    """Let layers such as dropout draw otherwise in each process; from epoch and rank alone, for a resumed training."""
    if n_ranks() > 1:
        own = seed + 1_000_003 * epoch + rank()
        torch.default_generator.manual_seed(own)
        torch.cuda.manual_seed(own)  # of the present device; nothing without one
