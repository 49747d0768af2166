"""The engine: settings in, image and region to named features; in Python and C."""

from radiofuse.radiomics.backends import BACKENDS, make_backend
from radiofuse.radiomics.codes import FEATURE_ERROR_CODES
from radiofuse.radiomics.settings import PRESETS, Settings, read_settings

__all__ = ["BACKENDS", "FEATURE_ERROR_CODES", "PRESETS", "Settings", "make_backend", "read_settings"]
