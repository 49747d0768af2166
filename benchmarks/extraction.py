"""radiofuse's radiomics engine beside pyradiomics: the same features, how much faster, in how much memory.

Run: python benchmarks/extraction.py [calls processes commands brain1 brats cohort generated maps ...] [--repeats 3]

Needs pyradiomics. Real images come from the folder that RADIOFUSE_DATA names; without it the parts that need
them are left out and the generated volumes remain. Every ratio comes from one process that runs both engines in
turn, single-threaded; "whole process" starts a fresh interpreter per engine, imports included.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import extraction_calls
import extraction_fresh
import extraction_maps
import numpy as np
import SimpleITK as sitk
from extraction_pairs import Case, brain1, brats, cohort, data_dir, generated

from radiofuse.extract import RadiomicsExtractor
from radiofuse.extract.workers import run_in_children
from radiofuse.imaging import RoiPair, read_pair, write_volume
from radiofuse.radiomics import make_backend, read_settings

ENGINES = ("pyradiomics", "radiofuse")
SETTING = {"normalize": True, "normalizeScale": 100, "binWidth": 25}
CLASSES = {name: [] for name in ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")}
FULL = {  # 13 image types, 1,223 features
    "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}, "LoG": {"sigma": [1.0, 3.0, 5.0]}, "Gradient": {}},
    "featureClass": CLASSES,
    "setting": SETTING,
}
# What a fresh process does: read, compute, tell what it cost since it started and how much memory it held at most
# (ru_maxrss would count the parent from before the exec).
ONE_PROCESS = """
import json, resource, sys
import SimpleITK as sitk
from radiofuse.radiomics import make_backend, read_settings
engine, settings, image, mask = sys.argv[1:]
make_backend(engine, read_settings(json.loads(settings))).compute(sitk.ReadImage(image), sitk.ReadImage(mask))
used = resource.getrusage(resource.RUSAGE_SELF)
peak_kb = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": peak_kb / 1024}))
"""
ORIGINAL = {**FULL, "imageType": {"Original": {}}}
N_VOLUMES = 32


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    wall_s: float


# ---------------------------------------------------------------- measuring


def timed(work: Callable[[], dict]) -> tuple[Cost, dict]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall), result


def interleaved(pair: RoiPair, settings: dict, repeats: int) -> tuple[list[Cost], list[Cost], list[dict]]:
    """Run both engines in turn; the first round warms up and is not counted unless it is the only one."""
    engines = [make_backend(name, read_settings(settings)) for name in ENGINES]
    costs, features = ([], []), [{}, {}]
    for _ in range(repeats):
        for which, engine in enumerate(engines):
            cost, features[which] = timed(lambda engine=engine: engine.compute(pair.image, pair.roi))
            costs[which].append(cost)
    return *costs, features


def ratio_of(theirs: list[Cost], ours: list[Cost]) -> tuple[float, float, float]:
    """Median, lowest and highest ratio of CPU time over the rounds."""
    ratios = [a.cpu_s / b.cpu_s for a, b in zip(theirs, ours, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def compared(reference: dict, own: dict) -> tuple[int, int, float]:
    """Number of features, how many differ by more than 1e-9 (and 1e-12), the largest relative difference."""
    if set(reference) != set(own):
        raise SystemExit(f"The engines name different features: {sorted(set(reference) ^ set(own))[:5]}")
    expected = np.array([reference[name] for name in reference], float)
    got = np.array([own[name] for name in reference], float)
    apart = np.abs(got - expected)
    relative = apart / np.maximum(np.abs(expected), 1e-300)
    off = (apart > 1e-12) & (relative > 1e-9) & ~((expected != expected) & (got != got))
    return len(expected), int(off.sum()), float(np.nanmax(np.where(apart > 1e-12, relative, 0.0)))


def report_case(case: Case, settings: dict, repeats: int) -> float:
    theirs, ours, features = interleaved(case.pair, settings, repeats)
    ratio, low, high = ratio_of(theirs, ours)
    n_features, n_off, largest = compared(*features)
    n_voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(case.pair.roi)))
    print(
        f"{case.name:<34}{n_voxels:>8,}{median_s(theirs):>10.3f}{median_s(ours):>9.4f}{ratio:>8.1f}x "
        f"[{low:.0f} to {high:.0f}]{n_features:>7}{n_off:>5}   {largest:.0e}",
        flush=True,
    )
    return ratio


def median_s(costs: list[Cost]) -> float:
    return statistics.median(cost.cpu_s for cost in costs)


def head(title: str) -> None:
    print(f"\n{title}")
    print(
        f"{'case':<34}{'voxels':>8}{'pyrad. s':>10}{'ours s':>9}{'ratio':>9} [range]  features >1e-9  largest",
        flush=True,
    )


# ---------------------------------------------------------------- parts


def part_brain1(repeats: int) -> None:
    if data := data_dir():
        head("(a) brain1, 1,223 features")
        report_case(brain1(data), FULL, max(repeats, 5))
        whole_process(brain1(data), repeats)


def part_brats(repeats: int) -> None:
    if data := data_dir():
        head("(b) one BraTS patient, 240 x 240 x 155, 1,223 features")
        cases = list(brats(data))
        ratios = [report_case(case, FULL, repeats) for case in cases]
        print(f"median of the ratios {statistics.median(ratios):.1f}x, lowest {min(ratios):.1f}x")
        whole_process(cases[1], repeats)


def part_cohort(repeats: int) -> None:
    if data := data_dir():
        head("(c) 20 patients in windows of 32 x 32 x 32, binWidth 0.2 and no normalization")
        settings = {**FULL, "setting": {"binWidth": 0.2}}
        ratios = [report_case(case, settings, repeats) for case in cohort(data)]
        print(f"median of the ratios {statistics.median(ratios):.1f}x, lowest {min(ratios):.1f}x")


def part_generated(repeats: int) -> None:
    for title, settings in (("13 image types", FULL), ("Original alone", ORIGINAL)):
        for n_levels in (8, 40, 400):
            head(f"(d) generated volumes, {title}, {n_levels} gray levels")
            chosen = {**settings, "setting": {"normalize": True, "normalizeScale": 100, "binCount": n_levels}}
            for n_voxels in (1_000, 10_000, 100_000, 300_000):
                report_case(generated(n_voxels), chosen, repeats if n_levels < 400 else 1)


def whole_process(case: Case, repeats: int) -> None:
    """A fresh interpreter per engine and round: CPU time from start to end and peak memory."""
    with TemporaryDirectory() as folder:
        paths = write_pair(case, folder)
        rounds = [[one_process(engine, paths) for engine in ENGINES] for _ in range(max(repeats, 3))]
    ratio = statistics.median(theirs["cpu_s"] / ours["cpu_s"] for theirs, ours in rounds)
    (theirs, ours) = rounds[0]
    print(
        f"whole process, {case.name}: {theirs['cpu_s']:.2f} s and {ours['cpu_s']:.2f} s CPU, {ratio:.1f}x; "
        f"peak {theirs['peak_mb']:.0f} MB and {ours['peak_mb']:.0f} MB",
        flush=True,
    )


def write_pair(case: Case, folder: str) -> list[str]:
    paths = [str(Path(folder, name)) for name in ("image.nii.gz", "mask.nii.gz")]
    for path, image in zip(paths, (case.pair.image, case.pair.roi), strict=True):
        write_volume(path, sitk.GetArrayViewFromImage(image).T, spacing_mm=image.GetSpacing())
    return paths


def one_process(engine: str, paths: list[str]) -> dict:
    command = [sys.executable, "-c", ONE_PROCESS, engine, json.dumps(FULL), *paths]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def part_shares(repeats: int) -> None:
    """Where the engine's own time goes: every compiled kernel and library call that takes 2 % or more."""
    case = list(brats(data))[1] if (data := data_dir()) else generated(60_000)
    engine, profile = make_backend("radiofuse", read_settings(FULL)), cProfile.Profile()
    for _ in range(repeats):
        engine.compute(case.pair.image, case.pair.roi)  # warm
    profile.runcall(engine.compute, case.pair.image, case.pair.roi)
    entries = sorted(profile.getstats(), key=lambda entry: -entry.inlinetime)
    total = sum(entry.inlinetime for entry in entries)
    print(f"\nwhat {case.name} takes, shape kept from the warm rounds")
    for entry in entries:
        if entry.inlinetime >= 0.02 * total:
            name = entry.code if isinstance(entry.code, str) else entry.code.co_qualname
            print(f"{entry.inlinetime / total:6.1%}  {name}")


def part_cores(repeats: int) -> None:
    """The same volume again and again, files read and checked, through one child process and through two."""
    with TemporaryDirectory() as folder:
        paths = write_pair(generated(30_000), folder)
        extractor = RadiomicsExtractor(FULL, backend="radiofuse")
        rates = [[wall_of(extractor, paths, jobs) for jobs in (1, 2)] for _ in range(repeats)]
    gain = statistics.median(one / two for one, two in rates)
    one, two = rates[0]
    print(f"\n{N_VOLUMES} volumes, one process {one:.2f} s, two processes {two:.2f} s: {gain:.2f}x on two cores")


def wall_of(extractor: RadiomicsExtractor, paths: list[str], jobs: int) -> float:
    started = time.perf_counter()
    list(run_in_children(extract_files, extractor, [paths] * N_VOLUMES, n_jobs=jobs))
    return time.perf_counter() - started


def extract_files(extractor: RadiomicsExtractor, paths: list[str]) -> float:
    return float(extractor.compute(read_pair(*paths)).sum())


def part_regions(repeats: int) -> None:
    """Whole tumor and its three regions in one image: one call, and four."""
    if data := data_dir():
        *_, case = brats(data)
        image, mask = case.pair.image, tumor_regions(data)
        together, apart = RadiomicsExtractor(FULL), [RadiomicsExtractor(FULL, label=label) for label in LABELS]
        rounds = []
        for _ in range(repeats):
            one, _ = timed(lambda: {"values": together.extract_each(image, mask, LABELS, as_array=True)})
            four, _ = timed(lambda: {"values": [extractor.extract(image, mask, as_array=True) for extractor in apart]})
            rounds.append(four.cpu_s / one.cpu_s)
        print(f"\nfour regions of one image in one call: {statistics.median(rounds):.2f}x four calls")


LABELS = ("any", 1, 2, 3)


def tumor_regions(data: Path) -> sitk.Image:
    folder = data / "full_volume_cases" / "BraTS-GLI-00000-000"
    return sitk.ReadImage(str(folder / f"{folder.name}-seg.nii.gz"))


PARTS = {
    "calls": extraction_calls.calls,
    "processes": extraction_fresh.processes,
    "commands": extraction_fresh.commands,
    "moran": extraction_fresh.moran,
    "brain1": part_brain1,
    "brats": part_brats,
    "cohort": part_cohort,
    "generated": part_generated,
    "regions": part_regions,
    "shares": part_shares,
    "cores": part_cores,
    "maps": extraction_maps.maps,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print(f"{platform.machine()}, {processor()}, Python {platform.python_version()}, CPU seconds, one core")
    for name in arguments.parts or PARTS:
        PARTS[name](arguments.repeats)


def processor() -> str:
    named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return named[0].partition(": ")[2] if named else platform.processor()


if __name__ == "__main__":
    main()
