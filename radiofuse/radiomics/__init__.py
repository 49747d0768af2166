"""The radiomics room: settings in, a back end that turns image and region into named features out."""

from radiofuse.radiomics.backends import BACKENDS, make_backend
from radiofuse.radiomics.settings import PRESETS, Settings, read_settings

__all__ = ["BACKENDS", "PRESETS", "Settings", "make_backend", "read_settings"]
