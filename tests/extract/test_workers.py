"""Child processes that die: nobody else's work is lost, and nobody else is blamed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

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
    results = dict(run_in_children(double_or_die, 2, range(5), jobs=2))
    assert results == {task: 2 * task for task in range(5)}


def test_a_poisoned_task_is_blamed_alone():
    results = dict(run_in_children(double_or_die, 2, range(12), jobs=2))
    assert results.pop(7) is WORKER_DIED
    assert results == {task: 2 * task for task in range(12) if task != 7}


def test_a_worker_killed_once_costs_nothing(tmp_path):
    results = dict(run_in_children(die_once, tmp_path / "died", range(6), jobs=2))
    assert results == {task: task for task in range(6)}


def test_no_tasks_start_no_process():
    assert list(run_in_children(double_or_die, 2, [], jobs=2)) == []
