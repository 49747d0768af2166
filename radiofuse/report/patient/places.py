"""No path and no name of a file reaches a page: notes and messages that hold one are left out or cut short."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

FILE = re.compile(
    r"\.(nii(\.gz)?|dcm|ima|nrrd|mha|mgz|img|hdr|csv|tsv|json|parquet|xlsx?|toml|txt|zip)\b"
    r"|(?:^|[\s('\"])(?:[~.]{0,2}/|[A-Za-z]:\\|\\\\)\S",
    re.IGNORECASE,
)
WHERE = ("images", "bundle", "manifest_sha256", "maps", "masks")  # entries of an answer that name files or a bundle
LEFT_OUT = "what was said of it names a file, and is left out here"


def without_places(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as a page shows it: notes and messages that name a file are not in it.

    Examples
    --------
    >>> answer = {"notes": ["absent: t1", "Files left out: Anna M.nii.gz"], "images": {"t1": "/x/t1.nii.gz"}}
    >>> without_places(answer | {"failures": []})["notes"]
    ['absent: t1']
    """
    own = _own_places(told)
    failures = [
        {**one, "message": LEFT_OUT if _names_file(str(one["message"]), own) else one["message"]}
        for one in told.get("failures", [])
    ]
    notes = [note for note in told.get("notes", []) if not _names_file(note, own)]
    kept = {name: value for name, value in told.items() if name not in WHERE}
    spread = [*told.get("dropout_spread", []), *(told.get("maps") or {}).get("dropout_spread", [])]
    return kept | {"failures": failures, "notes": notes, "dropout_spread": spread}


def _own_places(told: Mapping[str, Any]) -> set[str]:
    """Return names of the answer's own files and folders that could stand in a sentence."""
    paths = [*map(str, told.get("images", {}).values()), str(told.get("bundle", ""))]
    return {part for path in paths for part in (path, PurePath(path).name) if len(part) > 3 and part != "bundle"}


def _names_file(text: str, own: set[str]) -> bool:
    return FILE.search(text) is not None or any(name in text for name in own)
