"""A name in the tables of a run: which model answers by it, and its words."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """One name in the tables of a run."""

    name: str
    model: str  # which model answers by it
    kind: str  # as in ``radiofuse.report.kinds``
    title: str
    does: str
