"""Devices by name, one thread, chance that stays inside, and batches that shrink until they fit."""

from __future__ import annotations

import logging

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread, own_chance  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402


def test_auto_takes_a_device_that_works():
    assert torch.ones(2, device=choose_device("auto")).sum().item() == 2
    assert (choose_device().type == "cuda") == torch.cuda.is_available()


def test_an_unknown_device_is_refused_with_the_choices():
    with pytest.raises(RequestError, match="'tpu'. Choose from auto, cpu, cuda, mps"):
        choose_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(RequestError, match="torch finds none here. Choose auto or cpu"):
        choose_device("cuda")


def test_one_thread_inside_and_as_many_as_before_outside():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_own_chance_depends_on_the_seed_alone_and_leaves_the_global_generator():
    state, draws = torch.get_rng_state(), []
    for _ in range(2):
        with own_chance(7, torch.device("cpu")):
            draws.append(torch.rand(3))
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(1)
        state = torch.get_rng_state()
    assert torch.equal(*draws)


def fits(limit: int):
    def work(batch_size: int) -> int:
        if batch_size > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch_size

    return work


def test_a_batch_is_halved_until_it_fits_and_each_time_is_told(caplog):
    with caplog.at_level(logging.WARNING, "radiofuse.deep.device"):
        assert in_batches_that_fit(fits(5), 16) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "The device's memory does not hold batches of 16; batches of 8 now.",
        "The device's memory does not hold batches of 8; batches of 4 now.",
    ]


def test_a_batch_of_one_that_does_not_fit_is_refused():
    with pytest.raises(RequestError, match="does not hold a batch of one crop"):
        in_batches_that_fit(fits(0), 3)


@pytest.mark.parametrize(
    "sentence",
    [
        "MPS backend out of memory (MPS allocated: 5 GiB)",
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
    ],
)
def test_memory_of_other_devices_is_told_from_other_errors(sentence):
    def work(batch_size: int) -> int:
        if batch_size > 2:
            raise RuntimeError(sentence)
        return batch_size

    assert in_batches_that_fit(work, 8) == 2

    def broken(batch_size: int) -> int:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        in_batches_that_fit(broken, 8)
