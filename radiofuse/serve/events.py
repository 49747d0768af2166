"""What pages that watch are told, as server-sent events: a line whenever something has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from radiofuse.serve.jobs import ENDED

SILENT_S = 15.0  # after so long a word is sent even if nothing changed, so that nobody closes the connection


class Board:
    """Where threads say that something changed, and where pages wait for it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self.is_closed = False

    def bind(self) -> None:
        """Take the loop that runs now as the one in which pages wait."""
        self._loop = asyncio.get_running_loop()

    def changed(self) -> None:
        """Wake all who wait; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Send everybody home."""
        self.is_closed = True
        self.changed()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def follow(self, tell: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
        """Yield what is to be told whenever it is something else, until the job has ended or the server does."""
        event, last = asyncio.Event(), None
        self._waiting.add(event)
        try:
            while not self.is_closed:
                event.clear()
                told = tell()
                yield ": still there\n\n" if told == last else f"data: {json.dumps(told)}\n\n"
                if told["state"] in ENDED:
                    return
                last = told
                await _wait(event)
        finally:
            self._waiting.discard(event)


async def _wait(event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), SILENT_S)
    except TimeoutError:
        return
