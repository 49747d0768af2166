"""kill -9 in the write window, two writers racing on the same keys."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time

import pytest

from radiofuse.store import Block, FeatureStore

# Writes all the time, so that most moments lie within a write, a merge of small shards included;
# says after each write which keys are safe.
WRITER = """
    import random, sys
    import numpy as np
    from radiofuse.store import Block, FeatureStore, Record

    root, seed = sys.argv[1], int(sys.argv[2])
    block, store = Block.create("race", [f"f{n}" for n in range(500)], {}), FeatureStore(root)
    numbers = random.Random(seed).sample(range(400), 400)
    for start in range(0, 400, 40):
        with store.writer(block, batch=10) as writer:
            for n, number in enumerate(numbers[start : start + 40], start=1):
                vector = np.random.default_rng(number).normal(size=500)
                writer.add(Record(f"key {number}", f"case-{number}", "t1", values=vector))
                if n % 10 == 0:
                    print(*numbers[start + n - 10 : start + n], flush=True)
"""
BLOCK = Block.create("race", [f"f{n}" for n in range(500)], {})


def start_writer(root, seed: int) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(root), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_pair(root, seed: int, dice: random.Random) -> set[str]:
    """Run two writers, kill both at random moments of their work; return the keys they said were safe."""
    writers = [start_writer(root, seed), start_writer(root, seed + 1)]
    said = [writer.stdout.readline() for writer in writers]  # both are writing now
    for writer in writers:
        time.sleep(dice.uniform(0, 0.05))
        writer.kill()
    said += [writer.communicate()[0] for writer in writers]
    return {f"key {number}" for text in said for number in text.rpartition("\n")[0].split()}


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_written(tmp_path):
    dice, safe, n_kills = random.Random(0), set(), 0
    while n_kills < 24:
        safe |= kill_pair(tmp_path, seed=n_kills, dice=dice)
        n_kills += 2
        store = FeatureStore(tmp_path)
        assert not store.verify().problems
        assert safe <= set(store.status_of(BLOCK))
    assert not (tmp_path / "quarantine").exists()
    n_within_a_write = len(list(tmp_path.glob("blocks/*/.*.tmp")))
    print(f"{n_kills} kills, {n_within_a_write} within a write, {len(safe)} vectors safe")
    assert n_within_a_write >= 3, "the kills did not hit the write window, so this proved nothing"
    assert len(FeatureStore(tmp_path).read(BLOCK)) >= len(safe)
