"""What a feature store holds: which contents are there, which are missing, which failed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from radiofuse.store import rows, shard
from radiofuse.store.losses import Losses, describe_losses
from radiofuse.store.record import Block, superseded_key
from radiofuse.store.upkeep import Upkeep

FAILURE_COLUMNS = ["sample_id", "modality", "code", "message", "block", "key"]
DIGESTS = ["image_sha256", "mask_sha256"]
log = logging.getLogger(__name__)


class Inventory(Upkeep):
    """The part of `FeatureStore` that says what is there, what is missing and what failed."""

    def status_of(self, block: Block) -> dict[str, str]:
        """Return content key to "ok" or "failed"; where both were stored, ok wins."""
        table = self._collect(block, ["key", "status"])
        pairs = list(zip(table["key"].to_pylist(), table["status"].to_pylist(), strict=True))
        return dict(pairs) | {key: "ok" for key, status in pairs if status == "ok"}

    def missing(
        self,
        block: Block,
        keys: Iterable[str],
        *,
        retry_failed: bool = False,
        lasting: Collection[str] | None = None,
    ) -> list[str]:
        """Return the keys that are not stored, each once, in the given order.

        Parameters
        ----------
        block : Block
        keys : iterable of str
        retry_failed : bool, default=False
            Count those as missing whose extraction failed.
        lasting : collection of str, optional
            Error codes that another try would not change; failures with any other code count as missing.
            Left out, every code is one of them.
        """
        rows = self._collect(block, ["key", "status", "error_code"]).to_pandas()
        done = rows["status"] == "ok"
        if not retry_failed:
            done |= True if lasting is None else rows["error_code"].isin(list(lasting))
        stored = set(rows.loc[done, "key"])
        return [key for key in dict.fromkeys(keys) if key not in stored]

    def notes(self, block: Block) -> dict[str, tuple[str, ...]]:
        """Return content key to the notes on its image, mask and region, of the vectors that are there."""
        table = self._collect(block, ["key", "status", "notes"])
        rows = zip(*(table[field].to_pylist() for field in ("key", "status", "notes")), strict=True)
        return {key: tuple(notes) for key, status, notes in rows if status == "ok"}

    def contents(self, block: Block) -> pd.DataFrame:
        """Return the vectors that are there without their values: one row per name under which each was stored.

        Returns
        -------
        DataFrame
            Columns key, sample_id, modality, image_sha256, mask_sha256, values_sha256.

        Raises
        ------
        StoreError
            If a part of the block was lost to damage and is not stored again.
        """
        fields = ["key", "sample_id", "modality", "image_sha256", "mask_sha256", "values_sha256", "status"]
        losses = Losses(self._set_aside)
        rows = self._collect(block, fields, losses.add).to_pandas()
        losses.told += describe_losses(self._quarantine, block.name, rows["key"])
        losses.refuse()
        return without_superseded(block, rows[rows["status"] == "ok"])[fields[:-1]].reset_index(drop=True)

    def failures(self, block: Block | None = None) -> pd.DataFrame:
        """Return the failed extractions, one row per content key, the latest attempt.

        Parameters
        ----------
        block : Block, optional
            Left out, of all blocks.

        Returns
        -------
        DataFrame
            Columns sample_id, modality, code, message, block, key.
        """
        blocks = self.blocks() if block is None else [block]
        tables = [self._failures_of(one) for one in blocks]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=FAILURE_COLUMNS)

    def _failures_of(self, block: Block) -> pd.DataFrame:
        fields = ["key", "sample_id", "modality", "status", "error_code", "message", "stored_at"]
        table = self._collect(block, fields).to_pandas()
        done = set(table.loc[table["status"] == "ok", "key"])
        latest = table[~table["key"].isin(done)].sort_values("stored_at").drop_duplicates("key", keep="last")
        latest = latest.rename(columns={"error_code": "code"}).assign(block=block.name)
        return latest.sort_values(["sample_id", "modality", "key"])[FAILURE_COLUMNS].reset_index(drop=True)

    def _collect(self, block: Block, fields: Sequence[str], on_damage: shard.OnDamage | None = None) -> pa.Table:
        """Return some columns of all rows of a block, and the name of the shard each lies in."""
        empty = rows.schema(1).empty_table().select(fields).append_column("shard", pa.array([], pa.string()))
        found = shard.scan(self._folder(block), fields, on_damage or self._set_aside)
        named = [table.append_column("shard", pa.array([path.name] * table.num_rows)) for path, table in found]
        return pa.concat_tables([empty, *named])


def without_superseded(block: Block, rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out vectors of the label "any" from before implausible masks were refused: a run computes them anew."""
    told = rows[DIGESTS].notna().all(axis=1)
    parts = zip(rows["key"], *(rows[name] for name in DIGESTS), told, strict=True)
    old = [known and key == superseded_key(block, image, mask) for key, image, mask, known in parts]
    if any(old):
        log.warning(
            '%d vectors in %s are of the label "any" of an earlier version, which took masks that are refused now: '
            "they are not used. Run the extraction with this store again.",
            sum(old),
            block.name,
        )
    return rows[~np.array(old, bool)]
