"""The versions that numbers depend on: Python, the platform, and the packages that compute."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

PACKAGES = (
    "radiofuse numpy scipy pandas scikit-learn joblib pyradiomics SimpleITK PyWavelets nibabel pyarrow "
    "xgboost-cpu xgboost torch"
).split()


def read_environment() -> dict[str, Any]:
    """Return Python, platform and the versions of the packages that can move a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), "platform": platform.platform(), "packages": found}


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
