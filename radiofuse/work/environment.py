"""The versions that numbers depend on: Python, the platform, and the packages that compute."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

PACKAGES = (
    "radiofuse numpy scipy pandas scikit-learn joblib pyradiomics SimpleITK PyWavelets nibabel pyarrow "
    "xgboost-cpu xgboost torch"
).split()

# what folds are computed with where a recipe asks for it; a bundle names what it was made with among PACKAGES
OF_SOME_RECIPES = "Boruta monai onnxruntime timm torchvision".split()


def read_environment() -> dict[str, Any]:
    """Return Python, platform and the versions of the packages that can move a number."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _installed(PACKAGES),
    }


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def what_moves_bits() -> dict[str, Any]:
    """Return what the bits of results depend on beside data and code.

    Of the platform that is the system, the machine and the kernels of linear algebra that its processor is given, but
    not the release of the system, which an update of a night changes.

    Examples
    --------
    >>> sorted(what_moves_bits())
    ['machine', 'packages', 'processor', 'python']
    """
    return {
        "python": platform.python_version(),
        "packages": _installed([*PACKAGES, *OF_SOME_RECIPES]),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor_kernels(),
    }


@cache
def processor_kernels() -> str:
    """Return for which processors the libraries of linear algebra of NumPy and SciPy chose their kernels.

    OpenBLAS looks at the processor when it is loaded, and sums of other kernels round otherwise.
    """
    import scipy.linalg  # noqa: F401  # loads its own library beside NumPy's
    from threadpoolctl import threadpool_info

    chosen = {str(library.get("architecture") or "") for library in threadpool_info() if library["user_api"] == "blas"}
    return " ".join(sorted(chosen - {""}))


def version_differences(made: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each package whose major or minor version differs."""
    sentences = []
    for name, version in made.get("packages", {}).items():
        installed = here["packages"].get(name)
        if installed is None or _minor(installed) != _minor(version):
            now = f"{installed} is installed" if installed else "it is not installed"
            sentences.append(f"The bundle was made with {name} {version}; here {now}. Numbers may differ.")
    return sentences


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
