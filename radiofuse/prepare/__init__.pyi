"""The names of the room; `lazy_names` reads them here too."""

from .harmonize import ComBat as ComBat
