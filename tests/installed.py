"""Is what was installed whole? For a wheel, in an environment of its own: python -I tests/installed.py

Every kernel of the sources beside this file is loaded from the installed package, and the features of a generated
image are held against what this image had when they were equal to pyradiomics'.
"""

from __future__ import annotations

import json
import math
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import radiofuse
from radiofuse.radiomics import make_backend, read_settings

SOURCES = Path(__file__).resolve().parent.parent / "radiofuse"
EXPECTED = Path(__file__).with_suffix(".json")
SETTINGS = {
    "imageType": {"Original": {}, "Wavelet": {"wavelet": "coif1"}, "LoG": {"sigma": [2.0]}, "Gradient": {}},
    "featureClass": {name: [] for name in ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")},
    "setting": {"binWidth": 10},
    "radiofuse": {"wavelet_subbands": ["LLH"]},
}


def main() -> None:
    installed = Path(radiofuse.__file__).parent
    if installed == SOURCES:
        sys.exit(f"{installed} is the checkout. Install a wheel into an empty environment, and run its python -I.")
    names = [".".join(path.relative_to(SOURCES).with_suffix("").parts) for path in sorted(SOURCES.rglob("_*.c"))]
    suffixes = {Path(import_module(f"radiofuse.{name}").__file__).suffixes[0] for name in names}
    values, expected = features(), json.loads(EXPECTED.read_text())
    off = [name for name, value in expected.items() if not math.isclose(values[name], value, rel_tol=1e-9)]
    if off or list(values) != list(expected):
        sys.exit(f"{len(off)} of {len(expected)} features differ from {EXPECTED.name}: {off[:8]}")
    said = f"Python {sys.version.split()[0]}: {len(names)} kernels ({', '.join(sorted(suffixes))}) in {installed}"
    print(f"{said}; {len(values)} features as expected")


def features() -> dict[str, float]:
    """Return the features of a ball in waves, made of whole numbers: no random numbers, no rounding."""
    z, y, x = np.indices((18, 20, 22))
    image = sitk.GetImageFromArray(((x * x + 3 * y * z + 7 * z * z + x * y * z) % 211).astype(np.int16))
    ball = (z - 9) ** 2 + (y - 10) ** 2 + (x - 11) ** 2 <= 49
    return make_backend("radiofuse", read_settings(SETTINGS)).compute(image, sitk.GetImageFromArray(ball.astype("u1")))


if __name__ == "__main__":
    main()
