"""Child processes that die: nobody else's work is lost, and nobody else is blamed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest

from radiofuse.errors import WorkerError
from radiofuse.extract.workers import WORKER_DIED, run_in_children


def double_or_die(shared: int, task: int) -> int:
    if task == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return shared * task


def die_once(marker: Path, task: int) -> int:
    if task == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_all_results_come_back():
    results = dict(run_in_children(double_or_die, 2, range(5), n_jobs=2))
    assert results == {task: 2 * task for task in range(5)}


def test_a_poisoned_task_is_blamed_alone():
    results = dict(run_in_children(double_or_die, 2, range(12), n_jobs=2))
    assert results.pop(7) is WORKER_DIED
    assert results == {task: 2 * task for task in range(12) if task != 7}


def test_a_worker_killed_once_costs_nothing(tmp_path):
    results = dict(run_in_children(die_once, tmp_path / "died", range(6), n_jobs=2))
    assert results == {task: task for task in range(6)}


def refuse_starts(monkeypatch, error, times):
    """Let the server that starts children refuse so often."""
    start, refused = forkserver.connect_to_new_process, iter(range(times))

    def connect(fds):
        if next(refused, None) is not None:
            raise error
        return start(fds)

    monkeypatch.setattr(forkserver, "connect_to_new_process", connect)


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "Connection refused"), BrokenPipeError(), EOFError()])
def test_a_killed_server_of_children_costs_nothing(monkeypatch, error):
    refuse_starts(monkeypatch, error, times=2)
    assert dict(run_in_children(double_or_die, 2, range(4), n_jobs=2)) == {task: 2 * task for task in range(4)}


def test_a_server_that_is_killed_between_tasks_is_started_again():
    results = {}
    for task, result in run_in_children(double_or_die, 2, range(6), n_jobs=1):
        results[task] = result
        if task in (1, 3):
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    assert results == {task: 2 * task for task in range(6)}


def test_a_suspect_is_not_blamed_for_a_child_that_could_not_start(tmp_path, monkeypatch):
    refuse_starts(monkeypatch, ConnectionResetError(104, "Connection reset"), times=1)
    assert dict(run_in_children(die_once, tmp_path / "died", [3], n_jobs=1)) == {3: 3}


def test_children_that_can_never_start_are_no_matter_of_the_disk(monkeypatch):
    refuse_starts(monkeypatch, ConnectionRefusedError(111, "Connection refused"), times=99)
    with pytest.raises(WorkerError, match=r"No child process can be started \(.*Connection refused\), 3 times"):
        list(run_in_children(double_or_die, 2, range(4), n_jobs=2))


def test_no_tasks_start_no_process():
    assert list(run_in_children(double_or_die, 2, [], n_jobs=2)) == []


UNGUARDED = """
import operator
from radiofuse.extract.workers import run_in_children
print(sorted(result for _, result in run_in_children(operator.mul, 2, range(3), n_jobs=2)))
"""


def test_a_script_without_a_main_guard_is_not_run_again_in_the_children(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("[0, 2, 4]\n", "")


KILLED = """
import os, signal
from radiofuse.extract.workers import run_in_children

def itself(shared, task):
    return task

if __name__ == "__main__":
    for _ in run_in_children(itself, None, range(100), n_jobs=1):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_children_of_a_killed_parent_end(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    # The pipe closes when the last process that holds it is gone: a child that stays on would run into the timeout.
    done = subprocess.run([sys.executable, script], capture_output=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
