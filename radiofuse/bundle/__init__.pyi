"""The names of the room; `lazy_names` reads them here too."""

from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate_cohort as evaluate_cohort
from .load import Bundle as Bundle
from .load import BundleVersionWarning as BundleVersionWarning
from .load import load_bundle as load_bundle
from .load import load_model as load_model
from .onnx_export import export_onnx as export_onnx
from .other_cohort import OtherCohort as OtherCohort
from .predict import predict_cohort as predict_cohort
from .share import share_bundle as share_bundle
from .signature import require_signature as require_signature
from .signature import sign_bundle as sign_bundle
from .update import Update as Update
from .update import update_bundle as update_bundle
from .verify import verify_bundle as verify_bundle
from .write import save_bundle as save_bundle
