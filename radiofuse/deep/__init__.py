"""Networks, the one room of torch: encoders of tumor crops, their training, weights and embeddings."""

from __future__ import annotations

from radiofuse.names import lazy_names

_HOME = {
    "ENCODERS": "encoders",
    "CropClassifier": "crop_encoder",
    "CropEncoder": "crop_encoder",
    "EncoderCache": "encoder_cache",
    "EncoderSpec": "encoder_cache",
    "Training": "training",
    "TrainedEncoder": "weights",
    "embed": "embedding",
    "load_encoder": "weights",
    "make_encoder": "encoders",
    "rows_seen": "crop_encoder",
    "train_encoder": "training",
    "train_encoders": "training_plan",
    "training_sets": "training_plan",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
