"""What verifying a store finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pandas as pd
import pyarrow as pa

from radiofuse.files.places import Place
from radiofuse.store import rows, shard, wide
from radiofuse.store.losses import describe_losses
from radiofuse.store.record import Block


@dataclass
class StoreReport:
    """The sums of a verification, and a sentence per problem.

    Attributes
    ----------
    blocks, shards : int
        What was looked at.
    ok, failed : int
        Rows without a complaint: vectors and failures.
    problems : list of str
        Damaged shards, what such shards held and is not stored again, rows whose values do not fit their
        checksum, conflicting keys.
    """

    blocks: int = 0
    shards: int = 0
    ok: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)


def audit_block(block: Block, folder: Place, quarantine: Place, report: StoreReport) -> Iterator[Place]:
    """Add one block to a report, shard by shard."""
    report.blocks += 1
    seen = [pd.DataFrame(columns=wide.INDEX_COLUMNS)]
    for path, table in shard.scan(folder, None, partial(_note_damage, report)):
        report.shards += 1
        problem = find_misfit(table, block)
        if problem:
            report.problems.append(f"Shard {path.name} of {block.name} {problem}.")
            continue
        seen.append(table.select(wide.INDEX_COLUMNS).to_pandas())
        report.ok += int((seen[-1]["status"] == "ok").sum())
        report.failed += int((seen[-1]["status"] == "failed").sum())
        yield path
    together = pd.concat(seen)
    report.problems += describe_losses(quarantine, block.name, together["key"])
    conflicts = wide.find_conflicts(together)
    report.problems += [wide.describe_conflict(block, row) for _, row in conflicts.iterrows()]


def audit_fingerprints(folder: Place, report: StoreReport) -> None:
    """Add the fingerprints to a report."""
    report.shards += sum(1 for _ in shard.scan(folder, None, partial(_note_damage, report)))


def _note_damage(report: StoreReport, path: Place, damage: shard.DamagedShardError) -> None:
    report.shards += 1
    if isinstance(damage, shard.ForeignShardError):
        report.problems.append(f"Shard {path.name} of {path.parent.name} is not used: {damage}.")
        return
    report.problems.append(
        f"Shard {path.name} of {path.parent.name} is damaged ({damage}). The next extraction moves it to quarantine/ "
        "and computes again what it held."
    )


def find_misfit(table: pa.Table, block: Block) -> str | None:
    """Return what is wrong with the rows of an undamaged shard, or None."""
    n_features = len(block.feature_names)
    if not table.schema.equals(rows.schema(n_features)):
        return f"does not have the columns of a block with {n_features} features"
    ok, vectors = rows.to_matrix(table, n_features)
    for key, expected, vector in zip(ok["key"].to_pylist(), ok["values_sha256"].to_pylist(), vectors, strict=True):
        if rows.digest_values(vector) != expected:
            return f"has values under key {key} that do not match their checksum"
    return None
