"""The names of the room; `lazy_names` reads them here too."""

from .clinical_scale import NormalScoreScaler as NormalScoreScaler
from .clinical_scale import UnitRangeScaler as UnitRangeScaler
from .harmonize import ComBat as ComBat
from .impute import MedianImputer as MedianImputer
from .scale import TrainingScaler as TrainingScaler
