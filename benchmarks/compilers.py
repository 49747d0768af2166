"""Do gcc and clang compile the kernels to the same numbers?

Run: python benchmarks/compilers.py [--compilers gcc clang] [--cases 200] [--data $RADIOFUSE_DATA] [--settings 60]

Each compiler builds the package in a folder of its own, with the flags of setup.py; a warning is an error. In a process
per build every function of every kernel gets the same random arguments (those of tests/kernels), and with --data the
engine computes features of real images under random settings (those of equality.py). What differs in any bit is
counted. The same calls are timed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold the kernels of several compilers against each other.")
    parser.add_argument("--compilers", nargs="+", default=["gcc", "clang"])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--data", type=Path, help="the folder with the real images")
    parser.add_argument("--settings", type=int, default=60)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # the process of one build: where its numbers go
    arguments = parser.parse_args()
    if arguments.inside:
        np.savez(arguments.inside, **computed(arguments))
        return
    with TemporaryDirectory() as folder:
        first, *others = (of_build(compiler, Path(folder), arguments) for compiler in arguments.compilers)
    for compiler, other in zip(arguments.compilers[1:], others, strict=True):
        report(f"{arguments.compilers[0]} and {compiler}", first, other)


def of_build(compiler: str, folder: Path, arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Build with a compiler and return what its kernels compute."""
    library, numbers = folder / Path(compiler).name, folder / f"{Path(compiler).name}.npz"
    command = ["setup.py", "-q", "build", "--build-temp", f"{library}-objects", "--build-lib", str(library)]
    built = run(command, CC=compiler, CFLAGS="-Werror")
    if built.returncode:
        sys.exit(f"{compiler} does not compile the kernels without a warning: {built.stderr[-2000:]}")
    command = [__file__, "--inside", str(numbers), *sys.argv[1:]]
    done = run(command, PYTHONPATH=f"{library}{os.pathsep}{ROOT}", OMP_NUM_THREADS="1")
    if done.returncode:
        sys.exit(f"The build of {compiler} does not compute: {done.stderr[-2000:]}")
    return dict(np.load(numbers))


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )


# ---------------------------------------------------------------- in the process of one build


def computed(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return, by kernel function, the numbers that it wrote, and those of the engine; and how long all of it took."""
    from tests.kernels.arguments import CASES  # of this build's kernels

    started = time.process_time()
    found = {name: np.concatenate([*written(name, arguments.cases), np.empty(0)]) for name in CASES}
    if arguments.data:
        found["the engine on real images"] = np.array(list(features(arguments.data, arguments.settings)))
    return found | {"cpu_s": np.array(time.process_time() - started)}


def written(name: str, n_cases: int) -> Iterator[np.ndarray]:
    """Yield all arrays of each call after it; those that are only read are the same in every build."""
    from tests.kernels.cases import case

    for seed in range(n_cases):
        function, arguments = case(name, seed, spoiled=False)
        try:
            function(*arguments)
        except ArithmeticError:  # of a path whose columns tie
            continue
        yield from (one.ravel().astype(float) for one in arguments if isinstance(one, np.ndarray))


def features(data: Path, n_settings: int) -> Iterator[float]:
    import equality
    import SimpleITK as sitk

    images = list(equality.real_images(data))
    for number in range(n_settings):
        rng = np.random.default_rng([1, number])
        image, mask = map(sitk.ReadImage, map(str, images[number % len(images)]))
        roi, parameters = equality.region_in(mask, rng), equality.random_settings(rng)
        values = equality.computed("radiofuse", parameters, image, roi)
        yield from values.values() if isinstance(values, dict) else ()


# ---------------------------------------------------------------- comparison


def report(which: str, first: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Print how many numbers two builds gave, how many differ, by how much, and the ratio of their times."""
    ratio = float(other.pop("cpu_s") / first["cpu_s"])
    n_values = sum(values.size for name, values in first.items() if name != "cpu_s")
    apart = {name: _apart(first[name], other[name]) for name in other}
    print(f"{which}: {n_values:,} numbers of {len(other)} functions, {sum(map(len, apart.values())):,} differ")
    for name, differences in apart.items():
        if len(differences):
            print(f"    {name}: {len(differences):,}, by {differences.max():.1e} at most (relative)")
    print(f"    CPU time of the second over that of the first: {ratio:.2f}")


def _apart(first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the relative differences of numbers that are not the same; NaN is NaN."""
    off = ~((first == other) | (np.isnan(first) & np.isnan(other)))
    with np.errstate(all="ignore"):
        return np.abs(first[off] - other[off]) / np.abs(first[off])


if __name__ == "__main__":
    main()
