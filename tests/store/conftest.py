"""A small block, records for it, and an empty store."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.store import Block, FeatureStore, Record, content_key

FEATURES = ("original_firstorder_Mean", "original_glcm_Idmn", "original_shape_Sphericity")


@pytest.fixture
def block() -> Block:
    return Block.create("toy", FEATURES, {"bin_width": 25, "engine": "toy 1.0"})


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def make_record(block):
    """Return a function (sample number, modality="t1", ...) -> Record whose values follow from its arguments."""

    def make(number: int, modality: str = "t1", **changes) -> Record:
        key = content_key(block, f"image {number} {modality}", f"mask {number}", "any")
        given = {"key": key, "sample_id": f"case-{number}", "modality": modality} | changes
        if given.get("status") != "failed":
            given.setdefault("values", np.array([number, len(modality), 1 / 3]) * 1.1)
        return Record(**given)

    return make


@pytest.fixture
def fill(store, block):
    """Return a function that stores records, in shards of ``batch``, left unmerged."""

    def put(records, *, batch=64) -> None:
        for start in range(0, len(records), batch):
            with store.writer(block) as writer:
                for record in records[start : start + batch]:
                    writer.add(record)

    return put
