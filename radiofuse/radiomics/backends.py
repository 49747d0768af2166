"""The table of radiomics back ends. A back end is built from settings and has three methods:
``feature_names()``, ``compute(image, roi)`` and ``versions()``.
"""

from __future__ import annotations

from typing import Any

from radiofuse.errors import RequestError
from radiofuse.plugins import lookup
from radiofuse.radiomics.settings import Settings


def _pyradiomics(settings: Settings) -> Any:
    try:
        from radiofuse.radiomics.pyradiomics_backend import PyradiomicsBackend
    except ModuleNotFoundError as error:
        if error.name != "radiomics":
            raise
        raise RequestError(
            "Radiomic features need pyradiomics, which is not installed. `make demo` sets it up; "
            "by hand, follow 'Installing by hand' in README.md."
        ) from None
    return PyradiomicsBackend(settings)


BACKENDS = {"pyradiomics": _pyradiomics}


def make_backend(name: str, settings: Settings) -> Any:
    """Return the back end called ``name``, a key of ``BACKENDS`` or ``package.module:Class``, for ``settings``."""
    return lookup(name, BACKENDS, "radiomics back end")(settings)
