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
WHERE = (
    "images",
    "images_sha256",
    "bundle",
    "manifest_sha256",
    "maps",
    "masks",
)  # entries of an answer that name files or a bundle
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
    """Return the answer's own files, and folders of slices, that could stand in a sentence; a sequence's name is none.

    The bundle's folder may be called like an outcome: it counts as a whole path alone.
    """
    images = {str(path): PurePath(str(path)).name for path in told.get("images", {}).values()}
    names = {name for name in images.values() if name not in told["images"]}
    return {place for place in (*images, *names, str(told.get("bundle", ""))) if PurePath(place).is_absolute()} | names


def _names_file(text: str, own: set[str]) -> bool:
    return FILE.search(text) is not None or any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in own if len(name) > 3
    )
