"""What users call, beside others: files in, named features out, in one run and in turn.

Run: python benchmarks/extraction_calls.py [small brain1 brats] [--repeats 5] [--no-pictologics]

Every side reads the same two .nii.gz files. ``extract`` is `RadiomicsExtractor.extract`, gate and all; ``engine`` is
its engine alone, on arrays that were checked before. pyradiomics has the same settings and gives the same values.
pictologics 0.9.0 is installed by this script into an environment of its own (a folder beside it that
PICTOLOGICS_ENVIRONMENT names); it computes IBSI's features of the same classes, of the same discretization, so that
work and not values are alike; its first start compiles for minutes and is not counted. All have one thread.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofuse.extract import RadiomicsExtractor
from radiofuse.imaging import read_pair, write_volume
from radiofuse.radiomics.classes.autocorrelation import moran_and_geary
from radiofuse.radiomics.engine import Engine
from radiofuse.radiomics.settings import PRESETS, read_settings

Paths = tuple[str, str]
ORIGINAL = PRESETS["default"]
TWELVE = {
    **ORIGINAL,
    "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}, "LoG": {"sigma": [1.0, 3.0, 5.0]}},
}
FAMILIES = ["intensity", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]
BIN_START = -5.0  # z-scores: far below it gray levels that no voxel has would cost pictologics minutes
PICTOLOGICS = "pictologics==0.9.0"
PYTHONS = ("python3.13", "python3.12")  # it needs one of them
WORKER = """
import json, sys, time
from pictologics import RadiomicsPipeline
pipeline = RadiomicsPipeline(load_standard=False)
for name, steps in json.loads(sys.argv[1]).items():
    pipeline.add_config(name, steps)
print("ready", flush=True)
for line in sys.stdin:
    paths = json.loads(line)
    cpu, wall = time.process_time(), time.perf_counter()
    found = pipeline.run(*paths)
    cost = [time.process_time() - cpu, time.perf_counter() - wall]
    print(json.dumps([*cost, sum(int(one.notna().sum()) for one in found.values())]), flush=True)
"""
FRESH = {
    "pyradiomics": "from radiomics.featureextractor import RadiomicsFeatureExtractor\n"
    "features = RadiomicsFeatureExtractor({settings!r}).execute(*sys.argv[1:])",
    "extract": "from radiofuse import RadiomicsExtractor\n"
    "extractor = RadiomicsExtractor({settings!r})\n"
    "features = dict(zip(extractor.feature_names(), extractor.extract(*sys.argv[1:], as_array=True)))",
    "as a Series": "from radiofuse import RadiomicsExtractor\n"
    "features = RadiomicsExtractor({settings!r}).extract(*sys.argv[1:])",
}
PEAK = "\nprint(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) / 1024)"


# ---------------------------------------------------------------- cases


def small(folder: str) -> Paths:
    """A generated image of 64 x 64 x 32 voxels and a region of 1,500 of them."""
    rng = np.random.default_rng(0)
    voxels = (1000 + 3000 * gaussian_filter(rng.normal(size=(64, 64, 32)), 1.5)).astype(np.int16)
    distance = sum((axis - center) ** 2 for axis, center in zip(np.ogrid[:64, :64, :32], (30, 34, 16), strict=True))
    return written(folder, voxels, distance <= np.partition(distance.ravel(), 1500)[1500], (1.0, 1.0, 1.0))


def brain1(folder: str) -> Paths:
    parts = [str(data() / "pyradiomics_testdata" / f"brain1_{part}.nrrd") for part in ("image", "label")]
    image, mask = (sitk.ReadImage(part) for part in parts)
    voxels, inside = (sitk.GetArrayViewFromImage(one).T for one in (image, mask))
    return written(folder, voxels, inside > 0, image.GetSpacing())


def brats(folder: str) -> Paths:
    """T1 with contrast of one patient, 240 x 240 x 155, and the whole tumor."""
    stem = str(data() / "full_volume_cases" / "BraTS-GLI-00000-000" / "BraTS-GLI-00000-000")
    image, mask = (sitk.ReadImage(f"{stem}-{part}.nii.gz") for part in ("t1c", "seg"))
    voxels, inside = (sitk.GetArrayViewFromImage(one).T for one in (image, mask))
    return written(folder, voxels, inside > 0, image.GetSpacing())


def written(folder: str, voxels: np.ndarray, inside: np.ndarray, spacing_mm: Sequence[float]) -> Paths:
    paths = (str(Path(folder, "image.nii.gz")), str(Path(folder, "mask.nii.gz")))
    write_volume(paths[0], voxels, spacing_mm=spacing_mm)
    write_volume(paths[1], inside.astype(np.uint8), spacing_mm=spacing_mm)
    return paths


def data() -> Path:
    return Path(os.environ["RADIOFUSE_DATA"])


CASES: dict[str, Callable[[str], Paths]] = {"small": small, "brain1": brain1, "brats": brats}


# ---------------------------------------------------------------- sides


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall time of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def sides_here(settings: dict, paths: Paths) -> dict[str, Callable[[], tuple[float, float]]]:
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    extractor, engine = RadiomicsExtractor(settings), Engine(read_settings(settings))
    theirs, pair = RadiomicsFeatureExtractor(copy.deepcopy(settings)), read_pair(*paths)
    own, other = extractor.extract(*paths), theirs.execute(*paths)
    apart = max(abs(own[name] - float(other[name])) / max(abs(float(other[name])), 1e-3) for name in own.index)
    print(f"  {len(own)} features, largest relative difference from pyradiomics {apart:.0e}")
    return {
        "pyradiomics": lambda: timed(lambda: theirs.execute(*paths)),
        "extract": lambda: timed(lambda: extractor.extract(*paths)),
        "engine": lambda: timed(lambda: engine.compute(pair.volume, pair.region)),
    }


def pictologics_python() -> Path | None:
    """Return the interpreter of an environment with pictologics, made where there is none; None where none can be."""
    folder = Path(os.environ.get("PICTOLOGICS_ENVIRONMENT", Path(gettempdir(), "radiofuse_pictologics")))
    python = folder / "bin" / "python"
    if python.exists():
        return python
    named = next((found for name in PYTHONS if (found := shutil.which(name))), None)
    if named is None:
        print(f"pictologics is left out: it needs one of {', '.join(PYTHONS)}, and none is on the PATH.")
        return None
    try:
        subprocess.run([named, "-m", "venv", folder], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PICTOLOGICS], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"pictologics is left out: its environment could not be made ({error}).")
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return python


def pictologics_steps(settings: dict) -> dict[str, list[dict]]:
    """Return the same work as pictologics says it: z-scores of the image, bins of .05, shape of the original alone."""
    filters: dict[str, dict | None] = {"original": None}
    types = settings["imageType"]
    if "Wavelet" in types:
        bands = [a + b + c for a in "LH" for b in "LH" for c in "LH"]
        filters |= {band: {"type": "wavelet", "wavelet": "coif1", "decomposition": band} for band in bands}
    filters |= {f"log{sigma}": {"type": "log", "sigma_mm": sigma} for sigma in types.get("LoG", {}).get("sigma", ())}
    return {name: _steps(name, filtered) for name, filtered in filters.items()}


def _steps(name: str, filtered: dict | None) -> list[dict]:
    families = FAMILIES + (["morphology"] if name == "original" else [])
    steps = [{"step": "normalise", "params": {"method": "zscore", "region": "image"}}]
    steps += [{"step": "filter", "params": filtered}] if filtered else []
    steps += [{"step": "discretise", "params": {"method": "FBS", "bin_width": 0.05, "min_val": BIN_START}}]
    return [*steps, {"step": "extract_features", "params": {"families": families}}]


@contextmanager
def pictologics_side(python: Path | None, settings: dict, paths: Paths) -> Iterator[Callable | None]:
    """Yield what runs pictologics once, in a process of its own that is warm."""
    if python is None:
        yield None
        return
    command = [python, "-c", WORKER, json.dumps(pictologics_steps(settings))]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:

        def once() -> tuple[float, float]:
            process.stdin.write(json.dumps(paths) + "\n")
            process.stdin.flush()
            cpu, wall, once.n_features = json.loads(process.stdout.readline())
            return cpu, wall

        while "ready" not in process.stdout.readline():
            if process.poll() is not None:
                raise SystemExit("pictologics could not be started")
        once()
        print(f"  pictologics: {once.n_features} features")
        yield once
        process.stdin.close()


# ---------------------------------------------------------------- parts


def compare(name: str, title: str, settings: dict, python: Path | None, repeats: int) -> None:
    """Print how many times as long as ``extract`` each side takes, one run of each in turn."""
    with TemporaryDirectory() as folder:
        paths = CASES[name](folder)
        n_voxels = int(np.count_nonzero(sitk.GetArrayFromImage(sitk.ReadImage(paths[1]))))
        print(f"{name}, {title}, {n_voxels:,} voxels")
        sides = sides_here(settings, paths)
        with pictologics_side(python, settings, paths) as side:
            sides |= {"pictologics": side} if side else {}
            rounds = [{of: run() for of, run in sides.items()} for _ in range(repeats + 1)][1:]
    for of in sides:
        cpu_ms = statistics.median(one[of][0] for one in rounds) * 1e3
        told = [ratio_told([one[of][kind] / one["extract"][kind] for one in rounds]) for kind in (0, 1)]
        print(f"  {of:<12}{cpu_ms:9.1f} ms CPU   CPU {told[0]:<26} wall {told[1]}", flush=True)


def ratio_told(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} x [{min(ratios):.2f} to {max(ratios):.2f}]"


def fresh(name: str, repeats: int) -> None:
    """Print what a fresh interpreter costs, imports included, and the memory it holds at most."""
    with TemporaryDirectory() as folder:
        paths = CASES[name](folder)
        rounds = [{of: one_process(script, paths) for of, script in FRESH.items()} for _ in range(repeats)]
    print(f"{name}, a fresh process, default preset")
    for of in FRESH:
        cpu, wall, peak = (statistics.median(one[of][kind] for one in rounds) for kind in range(3))
        gain = ratio_told([one["pyradiomics"][0] / one[of][0] for one in rounds])
        print(f"  {of:<12}{cpu:7.2f} s CPU {wall:7.2f} s wall {peak:6.0f} MB   pyradiomics takes {gain}", flush=True)


def one_process(script: str, paths: Paths) -> tuple[float, float, float]:
    code = "import logging, sys; logging.disable()\n" + script.format(settings=ORIGINAL) + PEAK
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, float(done.stdout.split()[-1])


def moran(n_voxels: int = 2000) -> None:
    """Print Moran's I of all pairs, by Fourier transforms and by a loop over voxels."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 24, 24))
    mask = np.zeros(values.shape, bool)
    mask.flat[rng.permutation(values.size)[:n_voxels]] = True
    found: dict[str, float] = {}
    loop = timed(lambda: found.update(loop=moran_by_a_loop(values, mask)))[0]
    own = timed(lambda: found.update(own=moran_and_geary(values, mask, (1.0, 1.0, 1.0))[0]))[0]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help=f"which of {', '.join(CASES)}; those whose data are there if none is")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-pictologics", action="store_true")
    arguments = parser.parse_args()
    run(arguments.cases, arguments.repeats, with_pictologics=not arguments.no_pictologics)


def run(cases: Sequence[str], repeats: int, *, with_pictologics: bool) -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    cases = cases or (list(CASES) if "RADIOFUSE_DATA" in os.environ else ["small"])
    python = pictologics_python() if with_pictologics else None
    for title, settings in (("Original alone", ORIGINAL), ("12 image types", TWELVE)):
        for name in cases:
            compare(name, title, settings, python, repeats)
    for name in [name for name in cases if name != "brats"]:
        fresh(name, repeats)
    moran()


if __name__ == "__main__":
    main()
