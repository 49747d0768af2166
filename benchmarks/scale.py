"""What grows with the number of patients: the store and a selection at 1,000, 10,000 and 100,000 samples.

    python benchmarks/scale.py [--samples 1000 10000 100000] [--features 1000] [--scratch DIR]

Four modalities each. Every step is a process of its own, so that its peak of memory is its own; of a process that
only imports radiofuse it is printed first. Prints CPU seconds, their growth per ten times as many samples (10 is
linear), and the peak of memory as a multiple of the table, which is samples x 4 x features x 8 bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MODALITIES = ("t1", "t1ce", "t2", "flair")
STEPS = {
    "write": "vectors written, synced and merged",
    "missing": "what a rerun has to do",
    "list": "what is there, without values",
    "read": "the wide table",
    "select": "a selection, 3 folds, test and LASSO",
    "table": "the wide table as CSV",
    "run": "a run from CSV, 3 folds, with its report",
}
RECIPE = """[cohort]
table = "features.csv"
label = "idh"
[select]
steps = ["mann_whitney", "lasso"]
[classify]
method = "logistic"
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""
IDS = "sample_id"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--features", type=int, default=1_000, help="of each of the four modalities")
    parser.add_argument("--scratch", type=Path, default=None, help="where the stores are made")
    parser.add_argument("--step", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", default=list(STEPS), help="steps to take")
    options = parser.parse_args()
    if options.step:
        _take_step(options.step, options.scratch, options.samples[0], options.features)
        return
    base = _measured("nothing", Path(), 0, options.features)
    print(f"a process that imports radiofuse: {base['peak_mb']:.0f} MB")
    before: dict[str, tuple[int, float]] = {}
    for n_samples in options.samples:
        with TemporaryDirectory(dir=options.scratch) as folder:
            table_mb = n_samples * len(MODALITIES) * options.features * 8 / 1e6
            print(f"\n{n_samples:,} samples x 4 x {options.features:,}: a table of {table_mb:,.0f} MB")
            for step in options.only:
                found = _measured(step, Path(folder), n_samples, options.features)
                grown = _growth(before.get(step), n_samples, found["cpu_s"])
                before[step] = n_samples, found["cpu_s"]
                memory = f"{found['peak_mb']:,.0f} MB ({(found['peak_mb'] - base['peak_mb']) / table_mb:.1f} tables)"
                print(f"  {STEPS[step]:44}{found['cpu_s']:9.1f} CPU s{grown:>12}   {memory}", flush=True)
                if found["told"]:
                    print(f"    {found['told']}", flush=True)


def _growth(before: tuple[int, float] | None, n_samples: int, cpu_s: float) -> str:
    """Return how many times as long it took, for ten times as many samples."""
    if before is None:
        return ""
    from math import log10

    return f"x {10 ** (log10(cpu_s / before[1]) / log10(n_samples / before[0])):.1f}"


def _measured(step: str, folder: Path, n_samples: int, n_features: int) -> dict[str, Any]:
    call = [sys.executable, __file__, "--step", step, "--scratch", str(folder)]
    call += ["--samples", str(n_samples), "--features", str(n_features)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} of {n_samples} samples ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _take_step(step: str, folder: Path, n_samples: int, n_features: int) -> None:
    from radiofuse.store import FeatureStore  # noqa: F401  (with what it imports, before the clock starts)

    started = time.process_time()
    steps = {"nothing": _nothing, "write": _write, "missing": _missing, "list": _list, "read": _read}
    told = (steps | {"select": _select, "table": _table, "run": _run})[step](folder, n_samples, n_features)
    cpu = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"cpu_s": cpu, "peak_mb": peak_mb, "told": told}))


def _nothing(*_: object) -> None: ...


def _parts(n_samples: int, n_features: int):
    from radiofuse.store import Block, content_key

    block = Block.create("scale", [f"feature{k}" for k in range(n_features)], {"of": "benchmarks/scale.py"})
    ids = [f"s{k:06d}" for k in range(n_samples)]
    keys = {(i, m): content_key(block, f"image of {i} {m}", f"mask of {i}", 1) for i in ids for m in MODALITIES}
    return block, ids, keys


def _store(folder: Path):
    from radiofuse.store import FeatureStore

    return FeatureStore(folder / "store")


def _write(folder: Path, n_samples: int, n_features: int) -> None:
    """Write vectors, of which three features tell the label, and the cohort table."""
    import numpy as np

    from radiofuse.store import Record

    block, ids, keys = _parts(n_samples, n_features)
    chance = np.random.default_rng(0)
    label = chance.integers(0, 2, n_samples)
    with _store(folder).writer(block) as writer:
        for row, sample in enumerate(ids):
            for modality in MODALITIES:
                vector = chance.normal(size=n_features)
                vector[:3] += 0.5 * label[row]
                writer.add(Record(keys[sample, modality], sample, modality, values=vector))
    lines = [f"{sample},{sample},{outcome}" for sample, outcome in zip(ids, label, strict=True)]
    (folder / "cohort.csv").write_text("\n".join([f"{IDS},patient_id,idh", *lines]) + "\n")


def _missing(folder: Path, n_samples: int, n_features: int) -> None:
    block, _, keys = _parts(n_samples, n_features)
    if _store(folder).missing(block, keys.values()):
        raise SystemExit("vectors that were written are missing")


def _list(folder: Path, n_samples: int, n_features: int) -> None:
    if len(_store(folder).contents(_parts(1, n_features)[0])) != n_samples * len(MODALITIES):
        raise SystemExit("not all that was written is listed")


def _read(folder: Path, n_samples: int, n_features: int) -> None:
    if _store(folder).read(_parts(1, n_features)[0]).shape != (n_samples, len(MODALITIES) * n_features):
        raise SystemExit("the table has another size")


def _select(folder: Path, *_: object) -> None:
    from radiofuse.commands.select import app

    options = ["--label", "idh", "--cohort", str(folder / "cohort.csv"), "--out", str(folder / "selected")]
    options += ["--steps", "mann_whitney,lasso", "--folds", "3", "--repeats", "1", "--jobs", "1", "--no-report"]
    with contextlib.redirect_stdout(io.StringIO()):
        app([str(folder / "store"), *options], standalone_mode=False)


def _table(folder: Path, n_samples: int, n_features: int) -> None:
    """Write cohort and features as one CSV, from the store, a thousand rows at a time."""
    import pandas as pd

    block, _, _ = _parts(1, n_features)
    cohort = pd.read_csv(folder / "cohort.csv", index_col=IDS)
    store = _store(folder)
    for start in range(0, n_samples, 10_000):
        ids = cohort.index[start : start + 10_000]
        table = cohort.loc[ids].join(store.read(block, list(ids)))
        table.to_csv(folder / "features.csv", mode="a" if start else "w", header=not start)


def _run(folder: Path, *_: object) -> str:
    from radiofuse.commands.run import app

    (folder / "recipe.toml").write_text(RECIPE)
    out = folder / "ran"
    with contextlib.redirect_stdout(io.StringIO()):
        app([str(folder / "recipe.toml"), "--out", str(out), "--jobs", "1"], standalone_mode=False)
    sizes = {path.name: path.stat().st_size / 1e6 for path in out.rglob("*") if path.is_file()}
    largest = sorted(sizes, key=sizes.get, reverse=True)[:5]
    return "largest files in MB: " + ", ".join(f"{name} {sizes[name]:.1f}" for name in largest)


if __name__ == "__main__":
    main()
