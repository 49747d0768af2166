"""What the feature store costs, against the plain ways of doing the same; both sides from one run.

    python benchmarks/store.py [--samples 10000] [--scratch DIR]

Prints: writing; the decision what a rerun has to do; assembling the wide table; single flipped
bits, noticed by the store and by plain Parquet.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import platform
import random
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radiofuse.store import Block, FeatureStore, Record, content_key

N_FEATURES = 1_100
MODALITIES = ("t1", "t1ce", "t2", "flair")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--scratch", type=Path, default=None, help="where the store under test is made")
    options = parser.parse_args()
    logging.getLogger("radiofuse").setLevel(logging.ERROR)
    print(f"Python {platform.python_version()}, pyarrow {pa.__version__}, pandas {pd.__version__}, {_machine()}")
    with TemporaryDirectory(dir=options.scratch) as folder:
        measure_speed(Path(folder), options.samples)
        measure_bit_flips(Path(folder), n_flips=200)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), load {os.getloadavg()[0]:.1f}"


# Speed: 10,000 samples x 4 modalities x 1,100 features


def measure_speed(folder: Path, n_samples: int) -> None:
    store, block = FeatureStore(folder / "store"), _block()
    files = _make_files(folder / "images", n_samples)
    digests = {path: hashlib.sha256(path.encode()).hexdigest() for path in files}
    rng = np.random.default_rng(0)
    pairs = _pairs(files)
    print(f"\n{len(pairs):,} records of {N_FEATURES:,} features, {len(files):,} files")

    started = time.perf_counter()
    with store.writer(block) as writer:
        for (sample_id, modality), (image, mask) in pairs.items():
            key = content_key(block, digests[image], digests[mask], "any")
            writer.add(Record(key, sample_id, modality, digests[image], digests[mask], values=_vector(rng)))
    seconds = time.perf_counter() - started
    size = sum(path.stat().st_size for path in (folder / "store").rglob("*.parquet"))
    print(
        f"write, synced and compacted   {seconds:7.2f} s   {len(pairs) / seconds:,.0f} records/s, {size / 1e6:.0f} MB"
    )

    time.sleep(2.1)  # younger files are hashed again on purpose
    started = time.perf_counter()
    store.fingerprints.of(files, digests.__getitem__)
    print(f"first fingerprints            {time.perf_counter() - started:7.2f} s   (hashing itself left out)")
    keys = measure_rerun(store, block, files, pairs)
    measure_assembly(store, block, keys, folder)


def measure_rerun(store: FeatureStore, block: Block, files: list[str], pairs: dict) -> dict:
    """Time what an unchanged rerun does before it knows that nothing is missing."""
    ticks, cpu = [time.perf_counter()], time.process_time()
    digests = store.fingerprints.of(files, _refuse)
    ticks.append(time.perf_counter())
    keys = {pair: content_key(block, digests[image], digests[mask], "any") for pair, (image, mask) in pairs.items()}
    ticks.append(time.perf_counter())
    missing = store.missing(block, keys.values())
    ticks.append(time.perf_counter())
    assert not missing
    fingerprints, hashing, looking = np.diff(ticks)
    print(
        f"rerun decision                {ticks[-1] - ticks[0]:7.2f} s   fingerprints {fingerprints:.2f} + keys "
        f"{hashing:.2f} + store {looking:.2f}; CPU {time.process_time() - cpu:.2f} s   (goal < 1 s)"
    )
    return keys


def _refuse(path: str) -> str:
    raise AssertionError(f"{path} was hashed again")


def measure_assembly(store: FeatureStore, block: Block, keys: dict, folder: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:  # its peak memory is the table's alone
        ours, cpu, grown, shape = child.submit(_assemble, store, block, keys).result()
    print(
        f"assemble {shape[0]:,} x {shape[1]:,}       {ours:7.2f} s   CPU {cpu:.2f} s; table "
        f"{np.prod(shape) * 8 / 1e6:.0f} MB, peak memory grew by {grown:.0f} MB   (goal < 5 s)"
    )
    _, everything = _timed(lambda: pq.read_table([str(p) for p in store.root.rglob("blocks/*/*.parquet")]))
    print(f"  pyarrow, unverified, not pivoted  {everything:.2f} s   ratio {ours / everything:.2f}")
    table, _ = _timed(lambda: store.read(block, keys=keys))
    _, write = _timed(lambda: table.filter(regex="^t1__").to_csv(folder / "t1.csv"))
    _, read = _timed(lambda: pd.read_csv(folder / "t1.csv", index_col="sample_id"))
    print(f"  one modality as CSV with pandas   written {write:.2f} s, read {read:.2f} s")
    _, export = _timed(lambda: store.export(folder / "all.csv", block))
    print(f"export of all to CSV          {export:7.2f} s   ratio to four times pandas {export / (4 * write):.2f}")
    report, verify = _timed(store.verify)
    assert not report.problems
    print(f"verify                        {verify:7.2f} s")


def _assemble(store: FeatureStore, block: Block, keys: dict) -> tuple[float, float, float, tuple[int, int]]:
    before, cpu = _peak_mb(), time.process_time()
    table, seconds = _timed(lambda: store.read(block, keys=keys))
    assert not table.isna().any(axis=None)
    return seconds, time.process_time() - cpu, _peak_mb() - before, table.shape


def _timed(call) -> tuple[object, float]:
    started = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - started


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()  # getrusage would count what the parent process had
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _block() -> Block:
    return Block.create("bench", [f"feature_{n:04d}" for n in range(N_FEATURES)], {"bin_width": 25})


def _vector(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=N_FEATURES) * 1e3


def _make_files(folder: Path, n_samples: int) -> list[str]:
    """Make one small file per image and mask; their size does not matter to a stat."""
    folder.mkdir()
    names = [f"{n:05d}_{m}_{part}" for n in range(n_samples) for m in MODALITIES for part in ("image", "mask")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: (folder / name).write_text(name), names))
    return [str(folder / name) for name in names]


def _pairs(files: list[str]) -> dict[tuple[str, str], tuple[str, str]]:
    couples = zip(files[::2], files[1::2], strict=True)
    return {(f"case-{n // 4:05d}", MODALITIES[n % 4]): couple for n, couple in enumerate(couples)}


# Damage: one bit at a time


def measure_bit_flips(folder: Path, n_flips: int) -> None:
    """Flip single bits of a shard and count who notices when the values are read."""
    store, block = FeatureStore(folder / "flips"), _block()
    rng, dice = np.random.default_rng(1), random.Random(1)
    with store.writer(block, batch=256) as writer:
        for n in range(256):
            writer.add(Record(f"{n:064x}", f"case-{n}", "t1", values=_vector(rng)))
    truth = store.read(block)
    shard = next((folder / "flips").rglob("blocks/*/*.parquet"))
    good, plain = shard.read_bytes(), folder / "plain.parquet"
    pq.write_table(pq.read_table(shard), plain, compression="zstd")
    plain_good, plain_truth = plain.read_bytes(), pq.read_table(plain)
    ours = sum(_store_notices(store, block, shard, _flip(good, dice), truth) for _ in range(n_flips))
    theirs = sum(_parquet_notices(plain, _flip(plain_good, dice), plain_truth) for _ in range(n_flips))
    print(f"\nsingle-bit flips noticed      {ours}/{n_flips}   plain Parquet {theirs}/{n_flips}")


def _flip(content: bytes, dice: random.Random) -> bytes:
    damaged, bit = bytearray(content), dice.randrange(8 * len(content))
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def _store_notices(store: FeatureStore, block: Block, shard: Path, damaged: bytes, truth: pd.DataFrame) -> bool:
    shard.write_bytes(damaged)
    try:
        got = store.read(block)
    except Exception:  # noqa: BLE001 - any refusal counts as noticing
        return True
    if len(got) and not got.equals(truth):
        raise AssertionError("a damaged shard gave wrong numbers")
    return not len(got)


def _parquet_notices(path: Path, damaged: bytes, truth: pa.Table) -> bool:
    path.write_bytes(damaged)
    try:
        pq.read_table(path)
    except Exception:  # noqa: BLE001
        return True
    return False


if __name__ == "__main__":
    main()
