"""The names of the room; `lazy_names` reads them here too."""

from .harmonize import ComBat as ComBat
from radiofuse.prepare.impute import MedianImputer as MedianImputer
from radiofuse.prepare.scale import TrainingScaler as TrainingScaler
