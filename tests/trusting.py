"""Bundles of tests whose networks are classes of the tests: loaded by whoever names these."""

from __future__ import annotations

from pathlib import Path

from radiofuse.bundle import load

TINY = ("tiny_encoder:Tiny", "tiny_encoder:TinyOfChannels", "tiny_encoder:TinyOfClasses")
TRUSTING = [word for name in TINY for word in ("--trust", name)]


def load_bundle(folder: str | Path) -> load.Bundle:
    """Load a bundle that may hold one of these networks, and nothing else that is not radiofuse's."""
    return load.load_bundle(folder, trust=TINY)
