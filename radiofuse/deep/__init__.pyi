"""The names of the room; `lazy_names` reads them here too."""

from .encoder_cache import EncoderCache as EncoderCache
from .encoders.by_name import make_encoder as make_encoder
from .encoders.choices import ENCODERS as ENCODERS
from .encoders.embedding import embed as embed
from .estimators.crop_classifier import CropClassifier as CropClassifier
from .estimators.crop_encoder import CropEncoder as CropEncoder
from .estimators.image_fusion import ImageFusion as ImageFusion
from .seen_rows import SeenRowsWarning as SeenRowsWarning
from .seen_rows import rows_seen as rows_seen
from .slice_answers import slice_probabilities as slice_probabilities
from .slice_answers import slice_weights as slice_weights
from .tasks.estimator import MultiTaskNetwork as MultiTaskNetwork
from .training.loop import train_encoder as train_encoder
from .training.options import Training as Training
from .training.plan import train_encoders as train_encoders
from .training.plan import training_sets as training_sets
from .training.task import EncoderSpec as EncoderSpec
from .weights import TrainedEncoder as TrainedEncoder
from .weights import load_encoder as load_encoder
