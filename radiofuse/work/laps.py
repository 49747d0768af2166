"""How long each stage of long work took."""

from __future__ import annotations

import time


class Laps:
    """Seconds by stage, noted as each stage ends.

    Examples
    --------
    >>> laps = Laps()
    >>> laps.end("reading")
    >>> list(laps.seconds), laps.seconds["reading"] >= 0
    (['reading'], True)
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def end(self, stage: str) -> None:
        """Note what passed since the last stage ended; a stage that comes again is added up."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
