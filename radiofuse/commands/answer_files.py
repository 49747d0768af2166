"""Files of answers as JSON: how they begin, so that ours are known, and how they are written."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from radiofuse.bundle.format import ANSWERED_BY, ANSWERED_OF_TABLE
from radiofuse.files.outputs import starts_with


def _beginning(content: Any) -> str:
    """Return how a file with such content begins, its quotation marks apart."""
    return json.dumps(content, indent=2).rstrip("\n ]}").replace('"', "")


is_answer = starts_with(_beginning(ANSWERED_BY))
is_answers = starts_with(_beginning([ANSWERED_OF_TABLE]))


def write_json(told: Any, file: BinaryIO) -> None:
    """Write an answer, or several."""
    file.write(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")
