"""A recipe on a Dask cluster that loses a worker and then its scheduler, beside the same recipe on this machine.

    RADIOFUSE_DATA=/folder/of/data python benchmarks/cluster.py [--store feature_store] [--permutations 200]

The recipe is idh_tcga with the mean as its only combiner and a permutation test. A LocalCluster has four workers of one
thread. One of them is killed (SIGKILL) among the folds; scheduler and workers are killed among the permutations; both
are started again, and so is the command. Counted is what the schedulers saw finished, so that a task done twice counts
twice. Both sides come from this run.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    kind = {"n_workers": 4, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**kind) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
RECIPE = Path(__file__).parents[1] / "pipelines" / "idh_tcga.toml"
COMBINERS = 'combine = ["mean", "vote", "regression", "nonnegative", "linear_regression"]'
VARYING = {"run_times.csv", "manifest.json"}  # seconds, and the digest of their file


class Local:
    """A scheduler and its workers, in processes that can be killed together."""

    def __init__(self, folder: Path) -> None:
        (folder / "cluster.py").write_text(CLUSTER)
        with (folder / "cluster.log").open("a") as log:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
            self.process = subprocess.Popen([sys.executable, folder / "cluster.py"], **pipes, start_new_session=True)
        self.address = self.process.stdout.readline().strip()

    def n_finished(self) -> int:
        """Return how many of our tasks the scheduler saw finished."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return client.run_on_scheduler(_finished)

    def kill_a_worker(self) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _finished(dask_scheduler: Any = None) -> int:
    prefix = dask_scheduler.task_prefixes.get("call")
    return 0 if prefix is None else prefix.state_counts["memory"]


def command(recipe: Path, out: Path, store: str, *more: str) -> subprocess.Popen:
    words = ["run", str(recipe), "--out", str(out), "--store", store, "--no-report", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "radiofuse", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(cluster: Local, n: int, running: subprocess.Popen) -> None:
    while cluster.n_finished() < n and running.poll() is None:
        time.sleep(1)


def n_kept(out: Path) -> int:
    """Return how many folds and permutations lie in ``unfinished/``; a fold is that of one model."""
    from radiofuse.work.kept import FOLDER, Kept

    return sum(len(Kept(out / FOLDER, folder.name).results) for folder in (out / FOLDER).iterdir())


def compare(here: Path, there: Path) -> tuple[int, list[str]]:
    """Return how many files two bundles have, and which of them differ beyond their seconds."""
    names = sorted(path.name for path in here.iterdir())
    assert names == sorted(path.name for path in there.iterdir())
    different = [name for name in names if (here / name).read_bytes() != (there / name).read_bytes()]
    return len(names), sorted(set(different) - VARYING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="kept; a run of this machine that lies in it is not repeated")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        folder.mkdir(exist_ok=True)
        text = RECIPE.read_text().replace(COMBINERS, 'combine = ["mean"]')
        (folder / "idh.toml").write_text(text + f"permutations = {asked.permutations}\n")
        compute(folder, asked.store, asked.permutations)


def compute(folder: Path, store: str, n_permutations: int) -> None:
    recipe, here, there = folder / "idh.toml", folder / "here", folder / "there"
    if not (here / "bundle").is_dir():
        told, _ = (local := command(recipe, here, store)).communicate()
        assert local.returncode == 0, told
    first = Local(folder)
    running = command(recipe, there, store, "--dask", first.address)
    wait_for(first, 8, running)
    first.kill_a_worker()
    print(f"A worker killed after {first.n_finished()} tasks.", flush=True)
    wait_for(first, 25 + n_permutations // 2, running)
    before = first.n_finished()
    first.kill()
    told, _ = running.communicate()
    print(f"Scheduler and workers killed after {before} tasks. The command ends ({running.returncode}): ")
    print(told[told.rfind("Error:") :].strip(), flush=True)
    kept = n_kept(there)
    second = Local(folder)
    again = command(recipe, there, store, "--dask", second.address)
    told, _ = again.communicate()
    assert again.returncode == 0, told
    rerun = second.n_finished()
    second.kill()
    n_files, different = compare(here / "bundle", there / "bundle")
    print(f"Kept when it ended: {kept} results of folds and permutations.")
    print(f"Tasks after the restart: {rerun}; before it: {before}; both: {rerun + before}.")
    print(f"Of {n_files} files of the bundle differ beside seconds: {', '.join(different) or 'none'}.")


if __name__ == "__main__":
    main()
