"""The names of the room; `lazy_names` reads them here too."""

from .crop_encoder import CropClassifier as CropClassifier
from .crop_encoder import CropEncoder as CropEncoder
from .crop_encoder import rows_seen as rows_seen
from .embedding import embed as embed
from .encoder_cache import EncoderCache as EncoderCache
from .encoder_cache import EncoderSpec as EncoderSpec
from .encoders import ENCODERS as ENCODERS
from .encoders import make_encoder as make_encoder
from .training import Training as Training
from .training import train_encoder as train_encoder
from .training_plan import train_encoders as train_encoders
from .training_plan import training_sets as training_sets
from .weights import TrainedEncoder as TrainedEncoder
from .weights import load_encoder as load_encoder
