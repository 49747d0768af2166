"""What users call, beside others: files in, named features out, in one run and in turn.

A part of `extraction.py`: python benchmarks/extraction.py calls [--repeats 5]

Every side reads the same two .nii.gz files. ``extract`` is `RadiomicsExtractor.extract`, gate and all; ``engine`` is
its engine alone, on arrays that were checked before. pyradiomics has the same settings and gives the same values.
pictologics 0.9.0 is installed by this script into an environment of its own (a folder beside it that
PICTOLOGICS_ENVIRONMENT names); it computes IBSI's features of the same classes, of the same discretization, so that
work and not values are alike; its first start compiles for minutes and is not counted. All have one thread.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import numpy as np
import SimpleITK as sitk
from extraction_cases import CASES, Paths, ratio_told, timed

from radiofuse.extract import RadiomicsExtractor
from radiofuse.imaging import read_pair
from radiofuse.radiomics.engine import Engine
from radiofuse.radiomics.settings import PRESETS, read_settings

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
# ---------------------------------------------------------------- sides


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


def calls(repeats: int) -> None:
    cases = [name for name in CASES if name == "small" or "RADIOFUSE_DATA" in os.environ]
    python = pictologics_python()
    for title, settings in (("Original alone", ORIGINAL), ("12 image types", TWELVE)):
        for name in cases:
            compare(name, title, settings, python, repeats)
