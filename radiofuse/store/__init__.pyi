"""The names of the room; `lazy_names` reads them here too."""

from .feature_store import FeatureStore as FeatureStore
from .record import Block as Block
from .record import Record as Record
from .record import content_key as content_key
