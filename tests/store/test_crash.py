"""kill -9 in the write window, two writers racing on the same keys."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap

import pytest

from radiofuse.store import Block, FeatureStore
from tests.processes import LIMIT_S

# Says after each write which keys are safe. Python tells its audit hooks of a file operation just
# before it happens: there, at the chosen one, the writer kills itself, a merge of shards included.
WRITER = """
    import os, random, signal, sys
    import numpy as np
    from radiofuse.store import Block, FeatureStore, Record

    root, seed, fatal, left = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])

    def die_at(event, arguments):
        global left
        if event == fatal and str(arguments[0]).startswith(root):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    block, store = Block.create("race", [f"f{n}" for n in range(500)], {}), FeatureStore(root)
    numbers = random.Random(seed).sample(range(400), 400)
    sys.addaudithook(die_at)
    for start in range(0, 400, 40):
        with store.writer(block, batch=10) as writer:
            for n, number in enumerate(numbers[start : start + 40], start=1):
                vector = np.random.default_rng(number).normal(size=500)
                writer.add(Record(f"key {number}", f"case-{number}", "t1", values=vector))
                if n % 10 == 0:
                    print(*numbers[start + n - 10 : start + n], flush=True)
"""
BLOCK = Block.create("race", [f"f{n}" for n in range(500)], {})


def start_writer(root, seed: int, fatal: str, count: int) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(root), str(seed), fatal, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def race_to_death(root, seed: int, fatal: str, dice: random.Random) -> set[str]:
    """Run two writers at once until each died at a file operation of that kind; return the keys they said were safe."""
    writers = [start_writer(root, seed + n, fatal, dice.randint(1, 30)) for n in range(2)]
    said = [writer.communicate(timeout=LIMIT_S)[0] for writer in writers]
    if fatal == "os.rename":  # every write ends with one, so the 30th is reached
        assert [writer.returncode for writer in writers] == [-signal.SIGKILL] * 2
    return {f"key {number}" for text in said for number in text.rpartition("\n")[0].split()}


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_written(tmp_path):
    dice, safe, n_kills = random.Random(0), set(), 0
    while n_kills < 24:
        fatal = ("os.rename", "open", "os.remove")[n_kills // 2 % 3]
        safe |= race_to_death(tmp_path, seed=n_kills, fatal=fatal, dice=dice)
        n_kills += 2
        store = FeatureStore(tmp_path)
        assert not store.verify().problems
        assert safe <= set(store.status_of(BLOCK))
    assert not (tmp_path / "quarantine").exists()
    n_within_a_write = len(list(tmp_path.glob("blocks/*/.*.tmp")))
    print(f"{n_kills} kills, {n_within_a_write} within a write, {len(safe)} vectors safe")
    assert n_within_a_write >= 8, "each death at a rename leaves the file that was to be renamed"
    assert len(FeatureStore(tmp_path).read(BLOCK)) >= len(safe)
