"""The names of the room; `lazy_names` reads them here too."""

from .cohort import read_cohort as read_cohort
from .predictions import LONG_PREDICTION_COLUMNS as LONG_PREDICTION_COLUMNS
from .predictions import PREDICTION_COLUMNS as PREDICTION_COLUMNS
from .predictions import slice_of as slice_of
