"""Progress of long work on stderr: a bar at a terminal, a line now and then in a file or a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from radiofuse.commands.screen import say
from radiofuse.progress import Progress

QUIET_S = 2.0  # shorter work shows no progress
LINE_EVERY_S = 30.0  # how often a line is printed where there is no terminal


@contextmanager
def progress(label: str, unit: str = "") -> Iterator[Progress]:
    """Yield a callable ``(done, total)`` that shows done / total, rate and time left."""
    meter = _TerminalMeter(label, unit) if sys.stderr.isatty() else _LineMeter(label, unit)
    try:
        yield meter.update
    finally:
        meter.close()


class _LineMeter:
    """One line every ``LINE_EVERY_S`` seconds, for log files and pipes."""

    def __init__(self, label: str, unit: str) -> None:
        self.label, self.unit = label, unit
        self.opened = self.said = self.started = time.monotonic()
        self.done = self.total = self.said_done = 0
        self.skipped: int | None = None

    def update(self, done: int, total: int) -> None:
        if self.skipped is None:  # what was done before the first news is no measure of the pace
            self.skipped, self.started = done, time.monotonic()
        self.done, self.total = done, total
        quiet_s = QUIET_S if done == total else LINE_EVERY_S
        if time.monotonic() - (self.opened if done == total else self.said) >= quiet_s:
            self._print()

    def close(self) -> None:
        cut_off = self.said_done < self.done < self.total
        if cut_off and time.monotonic() - self.opened >= QUIET_S:
            self._print()

    def _print(self) -> None:
        self.said, self.said_done = time.monotonic(), self.done
        elapsed = self.said - (self.opened if self.done == self.total else self.started)
        say(describe_pace(self.label, self.unit, self.done, self.total, self.skipped or 0, elapsed))


def describe_pace(label: str, unit: str, done: int, total: int, skipped: int, elapsed_s: float) -> str:
    """Return ``label: done/total, rate, time left`` as one line.

    >>> describe_pace("Extracting", "vectors", 30, 90, 0, 60.0)
    'Extracting: 30/90 vectors, 0.50/s, 2 min 00 s left'
    """
    rate = (done - skipped) / elapsed_s if elapsed_s > 0 else 0.0
    text = f"{label}: {done}/{total}{' ' + unit if unit else ''}"
    if not rate:
        return text
    left = f"{describe_seconds((total - done) / rate)} left" if done < total else f"took {describe_seconds(elapsed_s)}"
    return f"{text}, {rate:.2f}/s, {left}"


def describe_seconds(seconds: float) -> str:
    """Return a duration as ``12 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class _TerminalMeter:
    """A rich progress bar that appears once the work has lasted ``QUIET_S`` seconds."""

    def __init__(self, label: str, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        columns += (TextColumn("{task.fields[pace]}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task(label, total=None, pace="")
        self.opened, self.shown = time.monotonic(), False
        self.started = 0.0
        self.skipped: int | None = None

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self.shown and now - self.opened >= QUIET_S:
            self.bar.start()
            self.shown = True
        if self.skipped is None:  # what was done before the first news is no measure of the pace
            self.skipped, self.started = done, now
        pace = f"{(done - self.skipped) / (now - self.started):.2f}/s" if now > self.started else ""
        self.bar.update(self.task, completed=done, total=total, pace=pace)
        if done == total:  # its context may stay open while the next bar runs, and two would overwrite each other
            self.close()

    def close(self) -> None:
        if self.bar.live.is_started:
            self.bar.stop()
