"""What a store holds: blocks (one extractor with one setting) and records (one vector each)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radiofuse.errors import StoreError
from radiofuse.tables.columns import is_modality

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
ANY_RULE = 2  # raised when "any" comes to mean another region: since 2 no values below 0, and no more than 20
BLOCK = "block.json"  # what a block is, beside its shards
_BLOCK_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)-[0-9a-f]{12}")
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Block:
    """One extractor with one setting: the unit that is never edited once it is on disk.

    The name ends in a digest of everything else, so a changed setting is another block by
    construction. Make one with :meth:`create`.

    Parameters
    ----------
    name : str
        ``<kind>-<first 12 hex digits of the digest>``.
    feature_names : tuple of str
        Names of the features, in the order of the vectors.
    identity : mapping
        Whatever the numbers depend on: settings, engine, library versions. JSON values only.

    Raises
    ------
    StoreError
        If the features repeat, or the name does not fit them and the identity.

    Examples
    --------
    >>> Block.create("toy", ["mean", "energy"], {"bin_width": 25}).name
    'toy-5095dc3d2270'
    """

    name: str
    feature_names: tuple[str, ...]
    identity: Mapping[str, Any] = field(hash=False)

    @classmethod
    def create(cls, kind: str, feature_names: Sequence[str], identity: Mapping[str, Any]) -> Block:
        """Return the block of these features and this identity, with its name derived from them.

        Parameters
        ----------
        kind : str
            What a person calls it, such as a preset's name: letters, digits, dot, dash, underscore.
        feature_names : sequence of str
            In the order of the vectors.
        identity : mapping
            JSON values only.
        """
        return cls(f"{kind}-{_digest(feature_names, identity)}", tuple(feature_names), identity)

    def __post_init__(self) -> None:
        # As it comes back from disk (tuples are lists there), so that equality survives the trip.
        object.__setattr__(self, "identity", json.loads(_canonical(self.identity)))
        if not self.feature_names or len(set(self.feature_names)) < len(self.feature_names):
            raise StoreError(f"Block {self.name} needs at least one feature and no name twice.")
        expected = _digest(self.feature_names, self.identity)
        if not _BLOCK_NAME.fullmatch(self.name) or not self.name.endswith(f"-{expected}"):
            raise StoreError(
                f"The block name {self.name!r} does not fit its features and identity: expected letters, digits, "
                f"'.', '_' or '-', ending in -{expected}. Make blocks with Block.create."
            )

    def to_json(self) -> str:
        """Return the text of ``block.json``."""
        content = {
            "format": FORMAT,
            "name": self.name,
            "identity": self.identity,
            "feature_names": list(self.feature_names),
        }
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Block:
        """Return the block of a ``block.json``.

        Raises
        ------
        StoreError
            If the text is damaged, was edited, or has a format this version does not know.
        """
        try:
            content = json.loads(text)
            known = content["format"] == FORMAT
            parts = content["name"], tuple(content["feature_names"]), content["identity"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"block.json does not parse ({error}).") from error
        if not known:
            raise StoreError(f"block.json has format {content['format']}, this radiofuse reads {FORMAT}: update it.")
        return cls(*parts)


def is_block_name(name: str) -> bool:
    """Say whether a folder's name is that of a block."""
    return _BLOCK_NAME.fullmatch(name) is not None


def _digest(feature_names: Sequence[str], identity: Mapping[str, Any]) -> str:
    content = {"feature_names": list(feature_names), "identity": identity}
    return hashlib.sha256(_canonical(content).encode()).hexdigest()[:12]


def content_key(block: Block, image_sha256: str | None, mask_sha256: str | None, mask_label: object) -> str:
    """Return what a vector depends on, as one SHA-256: contents and settings, never a path or a date.

    Parameters
    ----------
    block : Block
        Stands for the settings, the engine and the library versions.
    image_sha256, mask_sha256 : str
        Digests of the files' bytes; no mask is None.
    mask_label : "any", int, list of int or None
        Lists that name the same union give the same key.

    Examples
    --------
    >>> block = Block.create("toy", ["mean"], {})
    >>> content_key(block, "ab", "cd", [4, 1]) == content_key(block, "ab", "cd", [1, 4, 4])
    True
    """
    return _key(block, image_sha256, mask_sha256, _one_spelling(mask_label))


def superseded_key(block: Block, image_sha256: str, mask_sha256: str) -> str:
    """Return the key of the label "any" as it was spelled before ``ANY_RULE`` was counted."""
    return _key(block, image_sha256, mask_sha256, "any")


def _key(block: Block, image_sha256: str | None, mask_sha256: str | None, label: Any) -> str:
    identities = [block.name, image_sha256, mask_sha256, label]
    return hashlib.sha256(_canonical(identities).encode()).hexdigest()


def _one_spelling(mask_label: Any) -> str | int | list[int] | None:
    if mask_label is None or isinstance(mask_label, str):
        return f"any-{ANY_RULE}" if mask_label == "any" else mask_label
    values = sorted({int(value) for value in mask_label}) if hasattr(mask_label, "__iter__") else [int(mask_label)]
    return values[0] if len(values) == 1 else values


@dataclass(frozen=True, eq=False)
class Record:
    """The outcome of one extraction: a vector, or the reason why there is none.

    Ids, codes and sentences only; a path does not belong here, names of patients are often in it.

    Parameters
    ----------
    key : str
        From :func:`content_key`.
    sample_id, modality : str
        Under which name the content was met.
    image_sha256, mask_sha256 : str, optional
        Digests of the files' bytes.
    status : {"ok", "failed"}
    error_code, message : str, optional
        Stable short code and sentence of a failure.
    seconds : float
        How long the extraction took.
    values : ndarray of float64, shape (n_features,), optional
        Given exactly if the status is ok.
    notes : tuple of str
        Sentences about what was reconciled.
    """

    key: str
    sample_id: str
    modality: str
    image_sha256: str | None = None
    mask_sha256: str | None = None
    status: str = "ok"
    error_code: str | None = None
    message: str | None = None
    seconds: float = 0.0
    values: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"The record of {self.sample_id} ({self.modality})"
        if self.status not in ("ok", "failed"):
            raise StoreError(f"{where} has status {self.status!r}; expected 'ok' or 'failed'.")
        if (self.status == "ok") != (self.values is not None):
            raise StoreError(f"{where} is {self.status}; an ok record has values and a failed one has none.")
        if self.status == "failed" and not self.error_code:
            raise StoreError(f"{where} is failed without an error code; give one.")
        if not is_modality(self.modality):
            raise StoreError(f"{where}: a modality is a lower-case letter followed by letters or digits.")
