"""The table of radiomics back ends. A back end is built from settings and has three methods:
``feature_names()``, ``compute(image, roi)`` and ``versions()``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from radiofuse.errors import RequestError
from radiofuse.names import lookup
from radiofuse.radiomics.settings import Settings

if TYPE_CHECKING:
    import SimpleITK as sitk


BACKENDS = {
    "radiofuse": "radiofuse.radiomics.engine:Engine",
    "pyradiomics": "radiofuse.radiomics.backends:pyradiomics",
}
METHODS = ("feature_names", "compute", "versions")


class Backend(Protocol):
    """What computes features; ``compute_each`` and ``general_info`` are `Engine`'s own."""

    def feature_names(self) -> list[str]:
        """Return the names of the features in the order ``compute`` gives them."""

    def compute(self, image: sitk.Image, roi: sitk.Image, /) -> Mapping[str, float]:
        """Return the features of the voxels where ``roi`` is 1."""

    def versions(self) -> Mapping[str, str]:
        """Return the back end and the libraries whose version can move a number."""


def pyradiomics(settings: Settings) -> Backend:
    """Return pyradiomics as a back end.

    Raises
    ------
    RequestError
        If pyradiomics is not installed.
    """
    try:
        from radiofuse.radiomics.pyradiomics_backend import PyradiomicsBackend
    except ModuleNotFoundError as error:
        if error.name != "radiomics":
            raise  # a library that pyradiomics itself needs: its own message names it
        raise RequestError(
            "The back end pyradiomics is not installed. Leave the back end out: radiofuse's own engine computes the "
            "same features; or follow 'Installing by hand' in docs/install.md."
        ) from None
    return PyradiomicsBackend(settings)


def make_backend(name: str, settings: Settings) -> Backend:
    """Return the back end called ``name``, a key of ``BACKENDS`` or ``package.module:Class``, for ``settings``.

    Raises
    ------
    RequestError
        If there is none of that name, or the name leads to something else than a back end.
    """
    build = lookup(name, BACKENDS, "radiomics back end")
    try:
        backend = build(settings)
    except TypeError as error:  # what is named takes other arguments, or cannot be called
        raise _no_backend(name, f"cannot be built from settings ({error})") from error
    absent = [method for method in METHODS if not callable(getattr(backend, method, None))]
    if absent:
        raise _no_backend(name, f"has no method {absent[0]!r}")
    return backend


def _no_backend(name: str, what: str) -> RequestError:
    return RequestError(
        f"The radiomics back end {name!r} {what}. Name a class that takes the settings and has the methods "
        f"{', '.join(METHODS)}."
    )
