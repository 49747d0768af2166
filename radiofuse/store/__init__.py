"""FeatureStore: extracted vectors on disk, safe against crashes, bit rot and concurrent writers.

An embedded store: a folder of immutable Parquet shards, no server and no lock. The format is
described on one page in ``feature_store/README.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from radiofuse.store.record import Block, Record, content_key

__all__ = ["Block", "FeatureStore", "Record", "content_key"]


def __getattr__(name: str) -> Any:  # pyarrow and pandas load with the store itself, not with --help
    if name != "FeatureStore":
        raise AttributeError(f"module 'radiofuse.store' has no attribute {name!r}")
    return import_module("radiofuse.store.feature_store").FeatureStore
