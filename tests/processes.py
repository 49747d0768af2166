"""What tests that start a process of their own share."""

from __future__ import annotations

import signal

LIMIT_S = 120  # how long a test waits for a process that should end by itself


def heed_interrupts() -> None:
    """Undo what a shell does to jobs in the background: they are started deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
