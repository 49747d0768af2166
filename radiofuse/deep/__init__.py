"""The torch room: encoders of tumor crops, their training, their weights on disk and their embeddings."""

from __future__ import annotations

from radiofuse.lazy import lazy_names

_HOME: dict[str, str] = {}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
