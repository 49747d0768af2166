"""The names of the room; `lazy_names` reads them here too."""

from .phantom import make_phantom_cohort as make_phantom_cohort
