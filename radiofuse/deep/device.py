"""Where tensors are computed: the device, its threads, its memory, and chance that is kept apart."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from radiofuse.errors import RequestError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device that a name stands for.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}, default="auto"
        "auto" takes a GPU where there is one.

    Raises
    ------
    RequestError
        If the name is unknown, or this machine has no such device.

    Examples
    --------
    >>> choose_device("cpu").type
    'cpu'
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, usable in there.items() if usable))
    if name not in there:
        raise RequestError(f"No device is called {name!r}. Choose from auto, {', '.join(sorted(there))}.")
    if not there[name]:
        raise RequestError(f"The device {name!r} was asked for and torch finds none here. Choose auto or cpu.")
    return torch.device(name)


def memory_of(device: torch.device) -> int | None:
    """Return the bytes of a device's memory, of a CPU those of the machine; None where nothing tells.

    >>> memory_of(torch.device("cpu")) is None or memory_of(torch.device("cpu")) > 1e8
    True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type != "cpu" or not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread inside the block, so that sums are added in the same order everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_chance(seed: int, device: torch.device) -> Iterator[None]:
    """Start the generators that layers such as dropout draw from, and put them back after the block."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield


@contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """Let a GPU compute by algorithms alone that give the same bits in every run; on the CPU they do without.

    Raises
    ------
    RequestError
        If a layer has no such algorithm.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise RequestError(
            f"deterministic = true was asked for, and torch has no such algorithm of a layer here: "
            f'{str(error).partition(". ")[0]}. Leave deterministic out, or take another encoder or device="cpu".'
        ) from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def in_batches_that_fit(work: Callable[[int], Result], batch_size: int) -> Result:
    """Return ``work(batch_size)``, with half the batch as often as the memory does not suffice.

    Parameters
    ----------
    work : callable
        Takes a batch size; called again from the start where the memory of a GPU, or of the machine, did not suffice.
    batch_size : int
        The first to try.

    Raises
    ------
    RequestError
        If a batch of 1 does not fit.

    Examples
    --------
    >>> in_batches_that_fit(lambda batch_size: batch_size, 16)
    16
    """
    while True:
        try:
            return work(batch_size)
        except RuntimeError as error:
            if not _is_want_of_memory(error):
                raise
            if batch_size == 1:
                raise RequestError(
                    "The device's memory does not hold a batch of one crop. Take a smaller encoder or smaller crops, "
                    'or pass device="cpu".'
                ) from error
        # Outside the handler, whose traceback holds on to the tensors of the failed batch.
        batch_size //= 2
        torch.cuda.empty_cache()
        log.warning("The device's memory does not hold batches of %d; batches of %d now.", 2 * batch_size, batch_size)


def _is_want_of_memory(error: RuntimeError) -> bool:
    """Return whether torch says that memory does not suffice: a class of its own on CUDA alone."""
    phrases = ("MPS backend out of memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(phrase in str(error) for phrase in phrases)
