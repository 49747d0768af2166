"""A recipe on workers that are started for it: jobs of SLURM or PBS, pods of Kubernetes, or processes here.

    python examples/on_a_cluster.py [RECIPE] [--on local|slurm|pbs|kubernetes] [--workers 2]

Without a recipe it takes a small table that it makes itself. `--on local` is the stand-in to try a recipe with: the
same scheduler and workers of one thread, as processes of this machine. The numbers do not depend on where it runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from radiofuse import run_recipe

RECIPE = """
[cohort]
table = "table.csv"
label = "idh"
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 200
permutations = 9
"""
HOURS, MEMORY = "04:00:00", "4GB"  # of a job of one worker, which has one thread


def start(on: str, n_workers: int) -> Any:
    """Return a cluster whose workers have one thread each."""
    job = {"cores": 1, "processes": 1, "memory": MEMORY, "walltime": HOURS}
    if on == "slurm":
        from dask_jobqueue import SLURMCluster

        return SLURMCluster(**job, n_workers=n_workers)  # queue="...", account="...": as sbatch asks for them here
    if on == "pbs":
        from dask_jobqueue import PBSCluster

        return PBSCluster(**job, n_workers=n_workers)
    if on == "kubernetes":
        from dask_kubernetes.operator import KubeCluster

        command = ["dask-worker", "--nthreads", "1"]
        return KubeCluster(name="radiofuse", image="radiofuse:latest", n_workers=n_workers, worker_command=command)
    return LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0")


def make_study(folder: Path) -> Path:
    """Write a table of two modalities and a recipe for it."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    features = pd.DataFrame(rng.normal(size=(60, 4)) + 0.8 * y[:, None], columns=["t1__a", "t1__b", "t2__a", "t2__b"])
    features.insert(0, "sample_id", [f"s{n:02}" for n in range(60)])
    features.assign(idh=y).to_csv(folder / "table.csv", index=False)
    (folder / "study.toml").write_text(RECIPE)
    return folder / "study.toml"


def main() -> None:
    """Start workers, wait for the first of them, run the recipe, and print its scores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", nargs="?", type=Path)
    parser.add_argument("--on", choices=["local", "slurm", "pbs", "kubernetes"], default="local")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    recipe = asked.recipe or make_study(Path.cwd())
    with start(asked.on, asked.workers) as cluster, Client(cluster) as client:
        client.wait_for_workers(1)  # however long the queue is; the others join while it runs
        out = run_recipe(recipe, cluster=cluster.scheduler_address, report=False)
    scores = pd.read_csv(out / "bundle" / "scores.csv")
    print(scores[scores["metric"] == "auc"].round(3).to_string(index=False))


if __name__ == "__main__":  # workers that are processes of this machine import this file
    main()
