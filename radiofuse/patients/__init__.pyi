"""The names of the room; `lazy_names` reads them here too."""

from .splits import Split as Split
from .splits import patient_splits as patient_splits
from .splits import permuted as permuted
