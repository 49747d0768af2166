"""The compiled parts, imported so that one that is missing is named with the command that compiles it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from radiofuse.errors import KernelError


def kernel(name: str) -> ModuleType:
    """Import a compiled part of the package.

    Parameters
    ----------
    name : str
        Room and file, such as ``"radiomics.classes._glcm"``.

    Raises
    ------
    KernelError
        If it was never compiled, or for another platform.

    Examples
    --------
    >>> kernel("radiomics._none")
    Traceback (most recent call last):
    radiofuse.errors.KernelError: radiofuse.radiomics._none, a compiled part of radiofuse, cannot be imported ...
    """
    try:
        return import_module(f"radiofuse.{name}")
    except ImportError as error:
        raise KernelError(
            f"radiofuse.{name}, a compiled part of radiofuse, cannot be imported ({error}). {_advice()}"
        ) from error


def _advice() -> str:
    clone = Path(__file__).resolve().parents[1]
    if not (clone / "pyproject.toml").exists():
        return "Install radiofuse again, with the Python that is to run it."
    return f"Compile it: python -m pip install -e '{clone}'. That needs a C compiler, and says which one to install."
