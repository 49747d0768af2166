"""How the room gets pydicom, which may be absent."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from radiofuse.errors import RequestError


def pydicom() -> ModuleType:
    """Return the library, or say how to install it."""
    try:
        import pydicom
    except ModuleNotFoundError:
        raise RequestError(
            "Reading DICOM needs pydicom, which is not installed: pip install 'radiofuse[dicom]'."
        ) from None
    return pydicom


def unreadable() -> tuple[type[Exception], ...]:
    """Return what the library raises on files that are none, are damaged, or hold text where numbers belong."""
    of_library = pydicom().errors
    wrong_bytes = (OSError, EOFError, ValueError, struct.error, OverflowError, RuntimeError)
    wrong_kind = (TypeError, LookupError, AttributeError)
    return (*wrong_bytes, *wrong_kind, of_library.BytesLengthException, of_library.InvalidDicomError)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library from showing values outside the standard, as every scanner writes: names are among them."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
