"""Upkeep of a feature store: every checksum compared, what a crash left removed."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from radiofuse.errors import StoreError
from radiofuse.files.copies import drop_copies, drop_idle_copies
from radiofuse.files.places import on_this_machine
from radiofuse.progress import Progress
from radiofuse.store import rows, shard
from radiofuse.store.audit import StoreReport, audit_block, audit_fingerprints
from radiofuse.store.blocks import Blocks
from radiofuse.store.losses import plainly
from radiofuse.store.record import is_block_name

ORPHAN_AFTER_S = 3600.0  # no write lasts that long, so a temporary file of that age has no owner
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.tmp")


class Upkeep(Blocks):
    """The part of `FeatureStore` that looks after what lies on disk."""

    def verify(self, on_done: Progress | None = None) -> StoreReport:
        """Read every byte of every shard and compare all checksums; change nothing.

        Parameters
        ----------
        on_done : callable, optional
            Called with (done, total) shards.
        """
        report = StoreReport()
        names = self._block_names()
        total = sum(len(shard.list_shards(self.root / "blocks" / name)) for name in names)
        for name in names:
            try:
                block = self.block(name)
            except StoreError as error:
                report.problems.append(str(error))
                continue
            drop_copies(self._folder(block))  # what lies in the store is looked at
            for _ in audit_block(block, self._folder(block), self._quarantine, report):
                if on_done:
                    on_done(report.shards, max(total, report.shards))
        audit_fingerprints(on_this_machine(self.root) / "fingerprints", report)
        return report

    def gc(self, *, empty_quarantine: bool = False) -> dict[str, int]:
        """Remove temporary files that a crash left, and merge small shards.

        Of a store at a URL, copies on this machine for which nobody asked within an hour are removed as well.

        Parameters
        ----------
        empty_quarantine : bool, default=False
            Delete the damaged shards as well.

        Returns
        -------
        dict
            How many: temporary_files, merged_shards, quarantined_shards, and of a URL idle_copies.
        """
        with plainly(f"The feature store {self.root} could not be cleaned"):
            n_temporary = self._remove_orphans()
            n_copies = drop_idle_copies(self.root)
            n_quarantined = self._empty_quarantine() if empty_quarantine else 0
            merged = [
                shard.compact(
                    self.root / "blocks" / name,
                    rows=rows.ROWS_PER_SHARD,
                    same=rows.SAME_RECORD,
                    on_damage=self._set_aside,
                )
                for name in self._block_names()
            ]
            n_merged = sum(merged) + self.fingerprints.compact()
        done = {"temporary_files": n_temporary, "merged_shards": n_merged, "quarantined_shards": n_quarantined}
        return done if isinstance(self.root, Path) else done | {"idle_copies": n_copies}

    def _remove_orphans(self) -> int:
        old = [path for path in self._temporary() if _age_s(path) > ORPHAN_AFTER_S]
        for path in old:
            if path.is_dir():  # of an encoder whose saving was cut off
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(old)

    def _temporary(self) -> list[Path]:
        """Return what has the name of our unfinished writes, in the folders that are ours; uploads leave none."""
        here = on_this_machine(self.root)
        blocks = [path for path in here.glob("blocks/*") if is_block_name(path.name)]
        folders = [here, *blocks, *(here / name for name in ("fingerprints", "crops", "encoders"))]
        return [path for folder in folders for path in folder.glob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]

    def _empty_quarantine(self) -> int:
        damaged = [path for path in self._quarantine.glob("*.parquet") if not path.is_dir()]
        for path in damaged:
            path.unlink(missing_ok=True)
        return len(damaged)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # a write that has just been finished
        return 0.0
