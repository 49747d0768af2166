"""What was computed, on disk, by content: no server, no lock, resumes after a kill.

An embedded store: a folder of immutable Parquet shards, no server and no lock. The format is
described on one page in ``feature_store/README.md``.
"""

from __future__ import annotations

from radiofuse.names import lazy_names
from radiofuse.store.record import Block, Record, content_key

__all__ = ["Block", "FeatureStore", "Record", "content_key"]
__getattr__, __dir__ = lazy_names(__name__, {"FeatureStore": "feature_store"})
