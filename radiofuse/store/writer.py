"""Writer: finished records into shards, safely and soon."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa

from radiofuse.errors import StoreError
from radiofuse.files.objects import remedy
from radiofuse.files.places import Place
from radiofuse.store import rows, shard
from radiofuse.store.record import Block, Record

log = logging.getLogger(__name__)


class Writer:
    """Puts the records of one block on disk; several may work on one store at once.

    A context manager, made by :meth:`FeatureStore.writer`. Records are buffered briefly and written
    as one small shard; small shards of this writer are merged as soon as they fill a large one.
    Leaving the block, by an exception or Ctrl-C too, writes what is buffered.

    Parameters
    ----------
    block : Block
        Registered already.
    folder : Path or ObjectPath
        Of the block.
    batch : int
        Write when so many records wait, or when fewer wide ones fill a shard.
    flush_after_s : float
        Write when, at the next ``add``, a record has waited for so many seconds.
    """

    def __init__(self, block: Block, folder: Place, *, batch: int, flush_after_s: float):
        self._block, self._folder = block, folder
        rows_of_a_shard = max(1, shard.FULL_BYTES // (8 * len(block.feature_names)))
        self._batch, self._flush_after_s = min(batch, rows_of_a_shard), flush_after_s
        self._buffer: list[Record] = []
        self._oldest = 0.0
        self._small: dict[Place, pa.Table] = {}  # this writer's own small shards, with their tables

    def __enter__(self) -> Writer:
        return self

    def add(self, record: Record) -> None:
        """Take one record; it is on disk within a batch, a few seconds, or when the writer closes.

        Raises
        ------
        StoreError
            If its values do not fit the block or are not finite, or if the disk refuses.
        """
        refuse_misfit(self._block, record)
        if not self._buffer:
            self._oldest = time.monotonic()
        self._buffer.append(_with_own_values(record))
        if len(self._buffer) >= self._batch or time.monotonic() - self._oldest >= self._flush_after_s:
            self._flush()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            self._flush()
        except StoreError as refused:
            if error is None:
                raise
            if not isinstance(error, StoreError):  # else this was told already
                log.error("%s", refused)
        self._merge_small()

    def _flush(self) -> None:
        if not self._buffer:
            return
        table = rows.to_table(self._buffer, len(self._block.feature_names))
        try:
            path = shard.write_shard(self._folder, table)
        except OSError as error:
            raise self._refusal(error) from error
        self._buffer.clear()
        self._small[path] = table
        if shard.is_full(self._small.values(), rows.ROWS_PER_SHARD):
            self._merge_small()

    def _merge_small(self) -> None:
        try:
            shard.merge(self._folder, self._small, rows.SAME_RECORD)
        except OSError as error:  # the records are stored all the same, in more files
            log.info("The small shards of %s were not merged (%s).", self._block.name, error.strerror)
        self._small.clear()

    def _refusal(self, error: OSError) -> StoreError:
        waiting = len(self._buffer)
        root = self._folder.parent.parent
        return StoreError(
            f"{waiting} finished {'vector' if waiting == 1 else 'vectors'} of {self._block.name} could not be stored "
            f"in {root} ({error.strerror}). What was stored before is kept: {remedy(error)}, then run the same command "
            "again."
        )


def _with_own_values(record: Record) -> Record:
    """Return a record that does not change if the caller uses the array for the next vector."""
    return record if record.values is None else replace(record, values=np.array(record.values, np.float64))


def refuse_misfit(block: Block, record: Record) -> None:
    """Raise if a record's values are not one finite number per feature of the block."""
    if record.values is None:
        return
    where = f"The vector of {record.sample_id} ({record.modality})"
    expected, got = (len(block.feature_names),), np.shape(record.values)
    if got != expected:
        raise StoreError(f"{where} has shape {got}; block {block.name} expects {expected}.")
    bad = np.flatnonzero(~np.isfinite(record.values))
    if len(bad):
        raise StoreError(
            f"{where} is not finite in {block.feature_names[bad[0]]}"
            f"{f' and {len(bad) - 1} more features' if len(bad) > 1 else ''}. Store it as failed, with a code."
        )
