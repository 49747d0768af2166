"""The names of the room; `lazy_names` reads them here too."""

from .held_out import fixed_splits as fixed_splits
from .held_out import holdout_splits as holdout_splits
from .held_out import site_splits as site_splits
from .pseudonyms import Pseudonyms as Pseudonyms
from .pseudonyms import read_pseudonyms as read_pseudonyms
from .splits import Split as Split
from .splits import patient_splits as patient_splits
from .splits import permuted as permuted
