"""What was computed, on disk, by content: no server, no lock, resumes after a kill.

An embedded store: a folder of immutable Parquet shards, no server and no lock. The format is
described on one page in ``feature_store/README.md``.
"""

from __future__ import annotations

from radiofuse.names import lazy_names, names_of_stub

_HOME = names_of_stub(__file__)
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
