"""Full networks on a GPU: SAN10 on crops of 72 pixels, VGG16 with attention on three channels of 224.

    python benchmarks/encoder_gpu.py [--device cuda] [--pictures 2048] [--epochs 5] [--tiny]

It has not been run on a GPU yet, so that no number of it stands anywhere; a test runs it on a CPU with ``--device cpu
--tiny``. Pictures are noise in a file that is mapped, as those of a cohort are. With mixed precision: images per second
in training and in embedding, seconds of an epoch (the first apart, in which kernels are chosen), the share of the time
in which the GPU was busy (``torch.cuda.utilization``, else ``nvidia-smi``, asked five times a second; of a CPU, its
time over the wall clock's), and the most memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from training_loops import noise

from radiofuse.deep import Training, make_encoder
from radiofuse.deep.encoders.embedding import embed
from radiofuse.deep.training.loop import train_encoder


@dataclass(frozen=True)
class Case:
    """A network and its pictures."""

    encoder: str
    channels: int
    size: int
    batch: int
    options: dict[str, float]


FULL = [Case("san10_roi72", 1, 72, 64, {}), Case("vgg16_attention", 3, 224, 32, {"dropout": 0.4})]
TINY = [Case("san10_small", 1, 72, 4, {}), Case("vgg16_attention", 3, 32, 4, {"width": 0.06})]


def utilization() -> float:
    """Return how busy the GPU was of late, in percent."""
    try:
        return float(torch.cuda.utilization())
    except (ModuleNotFoundError, RuntimeError):  # without NVIDIA's bindings for Python
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        return float(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0])


@contextmanager
def busy_share(device: torch.device) -> Iterator[list[float]]:
    """Note the percent of the time inside the block in which the device computed, as the one entry of a list."""
    noted: list[float] = []
    if device.type == "cpu":
        start, cpu = time.perf_counter(), time.process_time()
        yield noted
        noted.append(100 * (time.process_time() - cpu) / (time.perf_counter() - start))
        return
    asked, over = [utilization()], threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            asked.append(utilization())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield noted
    finally:
        over.set()
        thread.join()
    noted.append(statistics.mean(asked))


def peak_memory_mib(device: torch.device) -> float:
    """Return the most memory that was held, on the device that computed."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(case: Case, pictures: np.ndarray, epochs: int, device: torch.device) -> None:
    """Train and embed, and print what it took."""
    n = len(pictures)
    net = make_encoder(case.encoder, 0, options={**case.options, "channels": case.channels})
    rows = {"counts": np.ones(n, int), "labels": np.arange(n) % 2, "groups": np.arange(n)}
    training = Training(epochs=epochs, batch_size=case.batch, mixed_precision=True)
    ends = [time.perf_counter()]
    with busy_share(device) as busy_training:
        history = train_encoder(
            net,
            pictures,
            **rows,
            training=training,
            seed=0,
            device=device.type,
            on_epoch=lambda *_: ends.append(time.perf_counter()),
        )
    later = np.diff(ends)[1:]
    start = time.perf_counter()
    with busy_share(device) as busy_embedding:
        embed(net, pictures, rows["counts"], device=device.type)
    spent = time.perf_counter() - start
    weights = sum(parameter.numel() for parameter in net.parameters())
    print(f"\n{case.encoder}: {weights:,} weights, {n} images of {case.channels} x {case.size} x {case.size}")
    print(
        f"  training   batch {history.batch_size}: {n / later.mean():.1f} images/s, epoch {later.mean():.2f} s (first"
    )
    print(f"             {ends[1] - ends[0]:.2f} s with reading all once), busy {busy_training[0]:.0f} %")
    print(f"  embedding  {n / spent:.1f} images/s, busy {busy_embedding[0]:.0f} %")
    print(f"  memory     {peak_memory_mib(device):.0f} MiB at most")


def main() -> None:
    """Measure both networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="Networks and pictures that a CPU computes in seconds.")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "torch finds no GPU here; --device cpu --tiny tries the script.\n")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, which says nothing of a GPU"
    print(f"{name}, torch {torch.__version__}")
    n, epochs = (8, 2) if options.tiny else (options.pictures, max(2, options.epochs))
    for case in TINY if options.tiny else FULL:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pictures.npy"
            np.save(path, noise(n, case.channels, case.size))
            measure(case, np.load(path, mmap_mode="r"), epochs, device)


if __name__ == "__main__":
    main()
