"""How the room gets pydicom, which may be absent."""

from __future__ import annotations

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
