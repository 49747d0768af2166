"""FeatureStore: the one object that reads and writes a store's folder."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.files.aside import write_aside
from radiofuse.files.objects import ObjectStoreError
from radiofuse.store import rows, shard, wide
from radiofuse.store.export import write_table
from radiofuse.store.inventory import DIGESTS, Inventory, without_superseded
from radiofuse.store.losses import Losses, describe_losses, plainly
from radiofuse.store.record import Block
from radiofuse.store.writer import Writer


class FeatureStore(Inventory):
    """Extracted vectors in a folder: embedded, without server or lock, for many processes at once.

    Rows go in by content key, in immutable files that are written aside and renamed; a reader
    verifies checksums, moves a damaged file to ``quarantine/`` and treats what it held as missing.
    The format is described in ``feature_store/README.md``.

    Parameters
    ----------
    root : path, default="feature_store"
        The folder; made when something is first written.

    Raises
    ------
    StoreError
        If ``root`` is a file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from radiofuse.store import Block, FeatureStore, Record, content_key
    >>> block = Block.create("toy", ["mean", "energy"], {"bin_width": 25})
    >>> key = content_key(block, "sha256 of the image", "sha256 of the mask", "any")
    >>> with TemporaryDirectory() as folder:
    ...     store = FeatureStore(folder)
    ...     with store.writer(block) as writer:
    ...         writer.add(Record(key, "case-1", "t1ce", values=[1.5, 2.0]))
    ...     print(store.missing(block, [key]))
    ...     print(store.read(block).loc["case-1"].to_dict())
    []
    {'t1ce__mean': 1.5, 't1ce__energy': 2.0}
    """

    # Writing

    def check_writable(self) -> None:
        """Write and remove a small file, so that a long run does not end at its first vector.

        Raises
        ------
        StoreError
            If the disk refuses, or what answers keeps nothing.
        """
        probe = self.root / "writable"
        with plainly(f"The feature store {self.root} cannot be written"):
            self.root.mkdir(parents=True, exist_ok=True)
            with write_aside(probe) as file:
                file.write(b"x")
            if probe.read_bytes() != b"x":  # something in between answers: a portal that asks for a login
                refusal = OSError if isinstance(probe, Path) else ObjectStoreError
                raise refusal(errno.EIO, "what was written is not what is read", str(probe))
            probe.unlink(missing_ok=True)

    def writer(self, block: Block, *, batch: int = 64, flush_after_s: float = 2.0) -> Writer:
        """Return a context manager whose ``add`` stores records; the block is registered.

        Parameters
        ----------
        block : Block
        batch : int, default=64
            Records per write.
        flush_after_s : float, default=2.0
            How long a record may wait for others, in seconds.
        """
        self.register(block)
        return Writer(block, self._folder(block), batch=batch, flush_after_s=flush_after_s)

    # Reading

    def read(
        self,
        blocks: Block | str | Sequence[Block | str],
        sample_ids: Iterable[str] | None = None,
        *,
        keys: Mapping | None = None,
    ) -> pd.DataFrame:
        """Return vectors as one wide table; an all-NaN block in a row means that there is none.

        Parameters
        ----------
        blocks : Block, name, or sequence of them
            Several stand side by side.
        sample_ids : iterable of str, optional
            The rows, in this order. Left out, all samples.
        keys : mapping, optional
            ``(sample_id, modality)`` to content key: exactly these contents, under whatever name
            they were stored. For several blocks a mapping from block name to such a mapping.
            Left out, what is stored under each (sample, modality).

        Returns
        -------
        DataFrame
            Index ``sample_id``, columns ``<modality>__<feature>``, float64.

        Raises
        ------
        StoreConflictError
            If a key came with two vectors.
        StoreError
            If a sample has two contents and ``keys`` does not say which, or if a shard was damaged
            since :meth:`missing` was asked; the next run computes what it held.
        """
        chosen = [blocks] if isinstance(blocks, Block | str) else blocks
        chosen = [block if isinstance(block, Block) else self.block(block) for block in chosen]
        sample_ids = None if sample_ids is None else list(sample_ids)
        wanted = wide.keys_by_block(chosen, keys)
        losses = Losses(self._set_aside)
        choices = [self._choose(block, wanted[block.name], sample_ids, losses) for block in chosen]
        ids, names = wide.labels(choices, sample_ids)
        row_of = {sample_id: row for row, sample_id in enumerate(ids)}
        values, first_column = np.full((len(ids), len(names)), np.nan), 0
        for choice in choices:
            self._fill(values, choice, wide.cells_of(choice, row_of, first_column), losses)
            first_column += len(choice.columns)
        losses.refuse()
        return pd.DataFrame(values, pd.Index(ids, name="sample_id", dtype="str"), names, copy=False)

    def vectors(self, block: Block, keys: Collection[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield ``(key, vector)``, one shard in memory at a time, where a table of all would not fit.

        Parameters
        ----------
        block : Block
        keys : collection of str
            Of vectors that are stored. They come in no particular order, and one may come twice.

        Raises
        ------
        StoreConflictError, StoreError
            As for :meth:`read`; some vectors may have been yielded before.
        """
        losses = Losses(self._set_aside)
        index = self._collect(block, wide.INDEX_COLUMNS, losses.add).to_pandas()
        wide.refuse_conflicts(block, index)
        yield from self._scan_vectors(block, index, keys, losses)
        losses.refuse()

    def _choose(
        self, block: Block, keys: wide.Contents | None, sample_ids: Collection[str] | None, losses: Losses
    ) -> wide.Choice:
        index = self._collect(block, [*wide.INDEX_COLUMNS, *DIGESTS], losses.add).to_pandas()
        wide.refuse_conflicts(block, index)
        if keys is None:
            stored = index["key"]
            index = without_superseded(block, index)
            losses.told += describe_losses(self._quarantine, block.name, stored)
            keys = wide.only_contents(block, index, sample_ids)
        return wide.Choice(block, keys, index)

    def _fill(self, values: np.ndarray, choice: wide.Choice, cells: wide.Cells, losses: Losses) -> None:
        """Copy vectors to their cells."""
        width = len(choice.block.feature_names)
        for key, vector in self._scan_vectors(choice.block, choice.index, cells, losses):
            for row, column in cells[key]:
                values[row, column : column + width] = vector

    def _scan_vectors(
        self, block: Block, index: pd.DataFrame, keys: Collection[str], losses: Losses
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield key and vector, one shard in memory at a time."""
        idle = set(index["shard"]) - set(index.loc[index["key"].isin(list(keys)), "shard"])
        fields, wanted, left = ["key", "status", "values"], set(keys), set(keys)
        for _, table in shard.scan(self._folder(block), fields, losses.add, skip=frozenset(idle)):
            ok, vectors = rows.to_matrix(table, len(block.feature_names))
            for key, vector in zip(ok["key"].to_pylist(), vectors, strict=True):
                if key in wanted:
                    left.discard(key)
                    yield key, vector
        losses.any |= bool(left)  # another process set their shard aside meanwhile

    def export(self, path: str | Path, blocks: Block | str | Sequence[Block | str], **rows: Any) -> Path:
        """Write blocks as one wide table with the column ``sample_id`` first; return the path.

        Parameters
        ----------
        path : path
            ``.csv`` or ``.parquet``. In CSV, text that a spreadsheet would take for a formula gets
            a leading apostrophe.
        blocks : Block, name, or sequence of them
            As for :meth:`read`.
        **rows
            ``sample_ids`` and ``keys``, as for :meth:`read`.

        Raises
        ------
        RequestError
            If the suffix is another one.
        """
        with plainly(f"{path} could not be written"):
            return write_table(Path(path), lambda: self.read(blocks, **rows))
