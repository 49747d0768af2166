"""Kernels on random arguments, also spoiled ones: they compute, or refuse by an exception, the same each time.

``make fuzz`` runs many more of them under the address and undefined-behavior sanitizers.
"""

from __future__ import annotations

import faulthandler
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import radiofuse
from tests.kernels.arguments import CASES
from tests.kernels.cases import case, functions

N_CASES = int(os.environ.get("RADIOFUSE_FUZZ", 60))
FIRST = int(os.environ.get("RADIOFUSE_FUZZ_FIRST", 0))
REFUSED = (TypeError, ValueError, OverflowError, MemoryError, BufferError, ArithmeticError)
LONGEST_S = 60


def outcome(name: str, seed: int, *, spoiled: bool) -> tuple[str, str, list[bytes]]:
    """Return what a call ended in, what it returned, and the bytes of all its arrays afterwards."""
    function, arguments = case(name, seed, spoiled=spoiled)
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)  # a kernel cannot be interrupted
    try:
        returned, ended = function(*arguments), "computed"
    except REFUSED as error:
        returned, ended = None, type(error).__name__
    finally:
        faulthandler.cancel_dump_traceback_later()
    told = repr(returned) if isinstance(returned, (int, float, tuple)) else ""
    return ended, told, [one.tobytes() for one in arguments if isinstance(one, np.ndarray)]


def test_every_function_of_a_kernel_has_a_generator():
    assert sorted(functions()) == sorted(CASES)


@pytest.mark.skipif(
    "RADIOFUSE_KERNELS" not in os.environ, reason="names the folder of another build, as make fuzz does"
)
def test_the_kernels_are_those_of_the_build_that_is_tried():
    assert Path(radiofuse.__file__).is_relative_to(Path(os.environ["RADIOFUSE_KERNELS"]).resolve())


@pytest.mark.parametrize("name", CASES)
def test_what_python_hands_a_kernel_is_computed(name):
    ended = Counter(outcome(name, seed, spoiled=False)[0] for seed in range(FIRST, FIRST + N_CASES))
    assert set(ended) <= {"computed", "ArithmeticError"}, ended  # the path's: columns that tie exactly
    assert ended["computed"] >= 0.95 * N_CASES


@pytest.mark.parametrize("name", CASES)
def test_what_is_spoiled_is_refused_or_computed_and_the_same_each_time(name):
    ended = Counter()
    for seed in range(FIRST, FIRST + N_CASES):
        first, again = (outcome(name, seed, spoiled=True) for _ in range(2))
        assert first == again, f"seed {seed} gave something else the second time"
        ended[first[0]] += 1
    assert len(ended) > 1, ended  # some of it was refused
