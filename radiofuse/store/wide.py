"""Records of several blocks as one wide table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from radiofuse.errors import RequestError, StoreConflictError, StoreError
from radiofuse.store.record import Block
from radiofuse.tables import columns

INDEX_COLUMNS = ["key", "sample_id", "modality", "status", "values_sha256"]

Contents = Mapping[tuple[str, str], str | None]  # (sample_id, modality) to key
Cells = dict[str, list[tuple[int, int]]]  # key to (row, first column) of each place its vector goes to


@dataclass(frozen=True)
class Choice:
    """Which contents of one block go into the table."""

    block: Block
    keys: Contents
    index: pd.DataFrame  # INDEX_COLUMNS and the shard each row lies in

    @property
    def modalities(self) -> list[str]:
        return list(dict.fromkeys(modality for _, modality in self.keys))

    @property
    def sample_ids(self) -> list[str]:
        return list(dict.fromkeys(sample_id for sample_id, _ in self.keys))

    @property
    def columns(self) -> list[str]:
        return [columns.join(m, feature) for m in self.modalities for feature in self.block.feature_names]


def keys_by_block(blocks: Sequence[Block], keys: Mapping | None) -> dict[str, Contents | None]:
    """Return the wanted contents per block name; None where every stored one is wanted."""
    if keys is None:
        return {block.name: None for block in blocks}
    if not any(isinstance(first, str) for first in keys):
        if len(blocks) != 1:
            raise RequestError(
                "With several blocks, keys is a mapping from block name to {(sample_id, modality): key}."
            )
        return {blocks[0].name: keys}
    absent = [block.name for block in blocks if block.name not in keys]
    if absent:
        raise RequestError(f"keys has no entry for block {absent[0]}; it has {', '.join(keys)}.")
    return {block.name: keys[block.name] for block in blocks}


def only_contents(block: Block, index: pd.DataFrame, sample_ids: Iterable[str] | None) -> Contents:
    """Return the stored content of each (sample, modality); None where the extraction failed.

    Raises
    ------
    StoreError
        If a sample has two contents with different vectors: which is meant cannot be told from the store alone.
    """
    if sample_ids is not None:
        index = index[index["sample_id"].isin(list(sample_ids))]
    ok = index[index["status"] == "ok"].drop_duplicates(["sample_id", "modality", "values_sha256"])
    twice = ok[ok.duplicated(["sample_id", "modality"])]
    if len(twice):
        sample_id, modality = twice.iloc[0][["sample_id", "modality"]]
        raise StoreError(
            f"Block {block.name} holds different contents of {sample_id} ({modality}): image, mask or mask label "
            "changed between runs. Extract the data you mean into a store of its own (another --store) and use that; "
            "in Python, say which with keys=."
        )
    pairs = index[["sample_id", "modality"]].drop_duplicates().sort_values(["modality", "sample_id"])
    stored = dict(zip(zip(ok["sample_id"], ok["modality"], strict=True), ok["key"], strict=True))
    return {pair: stored.get(pair) for pair in pairs.itertuples(index=False, name=None)}


def refuse_conflicts(block: Block, index: pd.DataFrame) -> None:
    """Raise if one key came with two vectors."""
    found = find_conflicts(index)
    if len(found):
        raise StoreConflictError(describe_conflict(block, found.iloc[0]))


def find_conflicts(index: pd.DataFrame) -> pd.DataFrame:
    """Return one row per key that came with more than one vector."""
    vectors = index[index["status"] == "ok"].drop_duplicates(["key", "values_sha256"])
    return vectors[vectors.duplicated("key")].drop_duplicates("key")


def describe_conflict(block: Block, row: pd.Series) -> str:
    """Return the sentence for one row of :func:`find_conflicts`."""
    return (
        f"Key {row['key']} of {row['sample_id']} ({row['modality']}) is stored with different values in block "
        f"{block.name}: the extractor gave two answers for the same input. Find out why, then delete the folder of "
        "this block and extract again."
    )


def labels(choices: Sequence[Choice], sample_ids: Iterable[str] | None) -> tuple[list[str], list[str]]:
    """Return the table's sample ids and column names.

    Raises
    ------
    RequestError
        If one of them would be there twice.
    """
    found = dict.fromkeys(sample_id for choice in choices for sample_id in choice.sample_ids)
    ids = list(found if sample_ids is None else sample_ids)
    names = [name for choice in choices for name in choice.columns]
    for what, texts in (("sample id", ids), ("column", names)):
        twice = pd.Index(texts, dtype=object).duplicated()
        if twice.any():
            raise RequestError(
                f"The {what} {texts[int(twice.argmax())]!r} would be in the table twice; ask for it once."
            )
    return ids, names


def cells_of(choice: Choice, row_of: Mapping[str, int], first_column: int) -> Cells:
    """Return where the vector of each stored key goes."""
    stored = set(choice.index.loc[choice.index["status"] == "ok", "key"])
    width = len(choice.block.feature_names)
    start = {modality: first_column + n * width for n, modality in enumerate(choice.modalities)}
    cells: Cells = {}
    for (sample_id, modality), key in choice.keys.items():
        if key is not None and key in stored and sample_id in row_of:
            cells.setdefault(key, []).append((row_of[sample_id], start[modality]))
    return cells
