"""What the gate costs beside a bare SimpleITK read of the same two files (240 x 240 x 155), in CPU seconds.

Run: python benchmarks/imaging_gate.py
"""

from __future__ import annotations

import gzip
import hashlib
import platform
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofuse.imaging import read_pair, write_volume

REPEATS = 5


def main() -> None:
    with TemporaryDirectory() as folder:
        image, mask = _write_pair(Path(folder))
        gate = _fastest_s(lambda: read_pair(image, mask))
        bare = _fastest_s(lambda: [sitk.ReadImage(str(path)) for path in (image, mask)])
        floor = _fastest_s(lambda: [_gunzip_and_hash(path) for path in (image, mask)])
        size_mb = image.stat().st_size / 1e6
    print(f"{platform.machine()}, Python {platform.python_version()}, SimpleITK {sitk.Version_VersionString()}")
    print(f"image {size_mb:.1f} MB compressed, 35.7 MB of float32; fastest of {REPEATS}")
    print(f"gate (read_pair)          {gate:.3f} s")
    print(f"bare SimpleITK, unchecked {bare:.3f} s   gate / bare  = {gate / bare:.2f}")
    print(f"gunzip + SHA-256 alone    {floor:.3f} s   gate / floor = {gate / floor:.2f}")


def _write_pair(folder: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    brain = gaussian_filter(rng.normal(size=(240, 240, 155)), 2).astype(np.float32)
    brain[:40] = brain[200:] = 0.0
    mask = np.zeros(brain.shape, dtype=np.uint8)
    mask[100:140, 90:140, 60:100] = 1
    write_volume(folder / "image.nii.gz", brain, spacing_mm=(1, 1, 1))
    write_volume(folder / "mask.nii.gz", mask, spacing_mm=(1, 1, 1))
    return folder / "image.nii.gz", folder / "mask.nii.gz"


def _gunzip_and_hash(path: Path) -> str:
    packed = path.read_bytes()
    gzip.decompress(packed)
    return hashlib.sha256(packed).hexdigest()


def _fastest_s(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
