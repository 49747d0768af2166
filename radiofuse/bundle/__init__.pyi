"""The names of the room; `lazy_names` reads them here too."""

from .folder import Bundle as Bundle
from .folder import BundleVersionWarning as BundleVersionWarning
from .folder import load_bundle as load_bundle
from .folder import save_bundle as save_bundle
from .folder import verify_bundle as verify_bundle
from .predict import predict_cohort as predict_cohort
