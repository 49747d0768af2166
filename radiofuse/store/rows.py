"""Records as rows of a Parquet table, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from radiofuse.store.record import Record

ROWS_PER_SHARD = 256  # 2 MB for a thousand features: one fsync per 256 vectors, 4 files per 1,000
# Rows that agree in these say the same thing; one of them is enough.
SAME_RECORD = ["key", "sample_id", "modality", "status", "error_code", "values_sha256"]


def schema(n_features: int) -> pa.Schema:
    """Return the columns of a block's shards."""
    text = pa.string()
    return pa.schema(
        [
            ("key", text),
            ("sample_id", text),
            ("modality", text),
            ("image_sha256", text),
            ("mask_sha256", text),
            ("status", text),
            ("error_code", text),
            ("message", text),
            ("seconds", pa.float64()),
            ("notes", pa.list_(text)),
            ("stored_at", pa.timestamp("us", tz="UTC")),
            ("values_sha256", text),
            ("values", pa.list_(pa.float64(), n_features)),
        ]
    )


def to_table(records: Sequence[Record], n_features: int) -> pa.Table:
    """Return records as rows, stamped with the time; a failed one has null values."""
    fields = schema(n_features)
    derived = {
        "stored_at": pa.array([datetime.now(UTC)] * len(records), fields.field("stored_at").type),
        "values_sha256": pa.array([digest_values(r.values) for r in records], pa.string()),
        "values": _to_lists([r.values for r in records], n_features),
    }
    given = {
        field.name: pa.array([getattr(r, field.name) for r in records], field.type)
        for field in fields
        if field.name not in derived
    }
    return pa.table({**given, **derived}, schema=fields)


def _to_lists(vectors: Sequence[np.ndarray | None], n_features: int) -> pa.Array:
    absent = np.zeros(n_features)
    flat = np.concatenate([absent if vector is None else vector for vector in vectors])
    is_null = pa.array([vector is None for vector in vectors], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float64()), n_features, mask=is_null)


def digest_values(vector: np.ndarray | None) -> str | None:
    """Return the SHA-256 of a vector's bytes as little-endian float64."""
    return None if vector is None else hashlib.sha256(np.ascontiguousarray(vector, "<f8").tobytes()).hexdigest()


def to_matrix(table: pa.Table, n_features: int) -> tuple[pa.Table, np.ndarray]:
    """Return the ok rows of a table, and their values as an array of shape (n_rows, n_features).

    Raises
    ------
    ValueError
        If the vectors do not have ``n_features`` numbers.
    """
    ok = table.filter(pc.equal(table["status"], "ok"))
    flat = ok["values"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return ok, flat.reshape(ok.num_rows, n_features)
