"""Child processes that are killed: nobody else's work is lost, and the call that kills is named."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from joblib import delayed
from sklearn.exceptions import InconsistentVersionWarning
from threadpoolctl import threadpool_info, threadpool_limits

from radiofuse.errors import RequestError, WorkerError
from radiofuse.files.objects import ObjectStoreError
from radiofuse.work.jobs import _answer, _libraries, finish_calls, one_thread, results_in_order


def square_or_die(number: int, deadly: int, marker: Path | None = None) -> int:
    """Die at one number; where there is a marker, only the first time."""
    if number == deadly and not (marker and marker.exists()):
        if marker:
            marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def calls_that_die_at(deadly: int, marker: Path | None = None) -> tuple[list, list[str]]:
    return [delayed(square_or_die)(n, deadly, marker) for n in range(12)], [f"number {n}" for n in range(12)]


def refused(error: OSError) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (FileNotFoundError(2, "No such file", "/far/a.npy"), RequestError, "/far/a.npy.*Mount the folder there"),
        (
            ObjectStoreError(5, "denied", "s3://a/b"),
            RequestError,
            r"use s3://a/b \(denied\)\. There, check its address, the c",
        ),
        (ConnectionRefusedError(111, "refused"), RequestError, r"111\] refused\)\. Mend that there"),
    ],
)
def test_a_worker_tells_of_a_folder_only_where_a_file_was_refused(error, kind, told):
    with pytest.raises(kind, match=told):
        _answer(({}, []), (0, delayed(refused)(error)))


def test_a_child_killed_once_costs_nothing(tmp_path):
    calls, names = calls_that_die_at(3, tmp_path / "died")
    assert results_in_order(calls, names, n_jobs=2) == [n**2 for n in range(12)]
    assert (tmp_path / "died").exists()


def test_a_call_that_kills_its_child_twice_is_named_after_all_others_are_done():
    finished = {}
    calls, names = calls_that_die_at(7)
    with pytest.raises(WorkerError, match="process of number 7 was killed twice, the second time while it ran alone"):
        for position, result in finish_calls(calls, names, n_jobs=2):
            finished[position] = result
    assert finished == {n: n**2 for n in range(12) if n != 7}


def test_an_error_of_a_call_is_its_own():
    with pytest.raises(ZeroDivisionError):
        results_in_order([delayed(divmod)(1, n) for n in (1, 0)], ["a", "b"], n_jobs=2)


def test_children_that_are_older_than_a_module_are_replaced(tmp_path, monkeypatch):
    assert results_in_order([delayed(pow)(2, 3)] * 2, ["a", "b"], n_jobs=2) == [8, 8]  # the children are there
    (tmp_path / "later_module.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    double = importlib.import_module("later_module").double
    calls = [delayed(double)(number) for number in range(5)]
    assert results_in_order(calls, [*"abcde"], n_jobs=2) == [0, 2, 4, 6, 8]


class Unloadable:
    """What no process can load."""

    def __reduce__(self):
        return divmod, (1, 0)


def test_what_no_child_can_load_is_told_with_the_call_that_needs_it():
    with pytest.raises(WorkerError, match=r"load what a needs \(ZeroDivisionError: .*\). Put the modules of own"):
        results_in_order([delayed(id)(Unloadable())] * 2, ["a", "b"], n_jobs=2)


def test_no_calls_start_no_process():
    assert results_in_order([], [], n_jobs=2) == []


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_a_child_warns_of_is_warned_of_here(n_jobs):
    calls = [delayed(warnings.warn)(f"call {number}", ResourceWarning) for number in range(2)]
    with pytest.warns(ResourceWarning) as caught:
        assert results_in_order(calls, ["a", "b"], n_jobs=n_jobs) == [None, None]
    assert sorted(str(one.message) for one in caught) == ["call 0", "call 1"]


def warn_of_versions():
    versions = {"estimator_name": "Tree", "current_sklearn_version": "2", "original_sklearn_version": "1"}
    warnings.warn(InconsistentVersionWarning(**versions), stacklevel=1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_warning_that_no_text_makes_ends_no_work(n_jobs):
    with pytest.warns(UserWarning, match="Trying to unpickle estimator Tree"):
        assert results_in_order([delayed(warn_of_versions)()], ["a call"], n_jobs=n_jobs) == [None]


def n_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_libraries_have_one_thread_for_a_while_and_are_looked_up_once(monkeypatch):
    with threadpool_limits(2):
        before = n_threads()
        with one_thread():
            assert n_threads() == {1}
        assert n_threads() == before
    first = _libraries(len(sys.modules))
    assert _libraries(len(sys.modules)) is first
    monkeypatch.setitem(sys.modules, "brings_a_library", ModuleType("brings_a_library"))
    assert _libraries(len(sys.modules)) is not first
