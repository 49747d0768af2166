"""What tests that start a process of their own share."""

from __future__ import annotations

import signal
import subprocess
from threading import Timer

LIMIT_S = 120  # how long a test waits for a process that should end by itself


def heed_interrupts() -> None:
    """Undo what a shell does to jobs in the background: they are started deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def first_line(process: subprocess.Popen) -> str:
    """Return what a process writes first; one that has written nothing after ``LIMIT_S`` is killed."""
    late = Timer(LIMIT_S, process.kill)
    late.start()
    try:
        line = process.stdout.readline()
    finally:
        late.cancel()
    assert line, "the process ended, or was killed, before it wrote a line"
    return line.strip()
