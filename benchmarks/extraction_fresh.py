"""Whole processes beside pyradiomics': one image in a fresh interpreter, the command for one image and for a hundred.

Every process is started in turn with its rival's, once uncounted so that Python has compiled its modules, as an
installation has. CPU time is that of the process and of all that it started.
"""

from __future__ import annotations

import csv
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from extraction_cases import CASES, Paths, ratio_told, small, timed

from radiofuse.radiomics.classes.autocorrelation import moran_and_geary
from radiofuse.radiomics.settings import PRESETS

ORIGINAL = PRESETS["default"]
FRESH = {
    "pyradiomics": "from radiomics.featureextractor import RadiomicsFeatureExtractor\n"
    "features = RadiomicsFeatureExtractor({settings!r}).execute(*sys.argv[1:])",
    "execute": "from radiofuse import RadiomicsExtractor\n"
    "features = RadiomicsExtractor({settings!r}).execute(*sys.argv[1:])",
    "extract": "from radiofuse import RadiomicsExtractor\n"
    "features = RadiomicsExtractor({settings!r}).extract(*sys.argv[1:])",
}
PEAK = "\nprint(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) / 1024)"
ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux: children of children are waited for here, and counted


def processes(repeats: int) -> None:
    for name in [name for name in CASES if name == "small" or "RADIOFUSE_DATA" in os.environ]:
        fresh(name, repeats)


def fresh(name: str, repeats: int) -> None:
    """Print what a fresh interpreter costs, imports included, and the memory it holds at most."""
    with TemporaryDirectory() as folder:
        paths = CASES[name](folder)
        rounds = [{of: one_process(script, paths) for of, script in FRESH.items()} for _ in range(repeats + 1)][1:]
    print(f"{name}, a fresh process, default preset")
    for of in FRESH:
        cpu, wall, peak = (statistics.median(one[of][kind] for one in rounds) for kind in range(3))
        gain = ratio_told([one["pyradiomics"][0] / one[of][0] for one in rounds])
        print(f"  {of:<12}{cpu:7.2f} s CPU {wall:7.2f} s wall {peak:6.0f} MB   pyradiomics takes {gain}", flush=True)


def one_process(script: str, paths: Paths) -> tuple[float, float, float]:
    code = "import logging, sys; logging.disable()\n" + script.format(settings=ORIGINAL) + PEAK
    cpu, wall, told = process([sys.executable, "-c", code, *paths])
    return cpu, wall, float(told.split()[-1])


def process(command: list[str]) -> tuple[float, float, str]:
    """Return CPU time of a process and of all that it started, wall time, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    wall = time.perf_counter() - started
    while _adopted_one_ended():
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, done.stdout


def _adopted_one_ended() -> bool:
    try:
        os.wait()
    except ChildProcessError:
        return False
    return True


def commands(repeats: int, counts: tuple[int, ...] = (1, 100)) -> None:
    """Print what ``radiofuse extract`` takes beside ``pyradiomics``, into an empty store and into a CSV."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    for n_images in counts:
        with TemporaryDirectory() as folder:
            table, settings = cohort(Path(folder), n_images)
            rounds = [both(folder, table, settings) for _ in range(1 if n_images > 1 else repeats + 1)]
        counted = rounds[1:] or rounds
        told = [ratio_told([theirs[kind] / ours[kind] for theirs, ours in counted]) for kind in (0, 1)]
        cpu = [statistics.median(one[side][0] for one in counted) for side in (0, 1)]
        print(
            f"the command, {n_images} images: pyradiomics {cpu[0]:.2f} s CPU, radiofuse {cpu[1]:.2f} s CPU", flush=True
        )
        print(f"  pyradiomics takes CPU {told[0]}, wall {told[1]}", flush=True)


def both(folder: str, table: str, settings: str) -> list[tuple[float, float, str]]:
    programs, store = Path(sys.executable).parent, str(Path(folder, "store"))
    shutil.rmtree(store, ignore_errors=True)
    theirs = [table, "-o", str(Path(folder, "out.csv")), "-f", "csv", "--param", settings, "--logging-level", "ERROR"]
    ours = [table, "--settings", settings, "--store", store, "--jobs", "1", "--failures", str(Path(folder, "f.csv"))]
    rival = process([str(programs / "pyradiomics"), *theirs, "--jobs", "1"])
    return [rival, process([sys.executable, "-m", "radiofuse.extract", *ours])]


def cohort(folder: Path, n_images: int) -> tuple[str, str]:
    """Write that many small images, pyradiomics' table of them, which both read, and a parameter file."""
    rows = []
    for number in range(n_images):
        own = folder / f"{number}"
        own.mkdir()
        rows.append((f"s{number}", *small(str(own), seed=number)))
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ID", "Image", "Mask"), *rows])
    (folder / "settings.yaml").write_text(repr(ORIGINAL))  # what Python prints of it is YAML as well
    return str(folder / "table.csv"), str(folder / "settings.yaml")


def moran(repeats: int, n_voxels: int = 2000) -> None:
    """Print Moran's I of all pairs, by Fourier transforms and by a loop over voxels."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 24, 24))
    mask = np.zeros(values.shape, bool)
    mask.flat[rng.permutation(values.size)[:n_voxels]] = True
    found: dict[str, float] = {}
    loop = timed(lambda: found.update(loop=moran_by_a_loop(values, mask)))[0]
    own = statistics.median(
        timed(lambda: found.update(own=moran_and_geary(values, mask, (1.0, 1.0, 1.0))[0]))[0] for _ in range(repeats)
    )
    apart = abs(found["own"] / found["loop"] - 1)
    print(f"Moran's I of {n_voxels:,} voxels: {loop / own:.0f} x as fast as a loop over pairs, apart by {apart:.0e}")


def moran_by_a_loop(values: np.ndarray, mask: np.ndarray) -> float:
    places, x = np.argwhere(mask).tolist(), (values[mask] - values[mask].mean()).tolist()
    weights = products = 0.0
    for one, (z, y, x_) in enumerate(places):
        for other in range(one):
            a, b, c = places[other]
            weight = 1 / ((z - a) ** 2 + (y - b) ** 2 + (x_ - c) ** 2) ** 0.5
            weights += weight
            products += weight * x[one] * x[other]
    return len(x) * products / (weights * sum(value * value for value in x))
