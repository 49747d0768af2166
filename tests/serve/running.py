"""A server in a process of its own, as a user starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import LIMIT_S, heed_interrupts
from tests.serve.client import Client

KEY, SIGNERS = "key", "anna.signers"  # beside the output folder of the run


def options_of(bundle: Path) -> list[str]:
    """Return the options without which the bundle of the tests is refused, or does not know its training patients."""
    signers = bundle.parent / SIGNERS
    signed = ["--signed-by", str(signers)] if signers.exists() else []
    return ["--trust", "joblib", "--key", str(bundle.parent / KEY), *signed]


@dataclass
class Running:
    """A server that runs, its link and where its results are."""

    process: subprocess.Popen
    link: str
    results: Path

    def client(self) -> Client:
        """Return a browser that came by the link."""
        return Client(self.link).enter()

    def uploads(self) -> list[str]:
        """Return the uploads that lie on the disk."""
        return sorted(path.name for path in (self.results / "uploads").glob("*"))


@contextmanager
def running(bundle: Path, results: Path, *options: str) -> Iterator[Running]:
    """Start a server; in the end it is told to end, if nobody did before, and must leave no upload.

    It is started in the bundle's folder, which is ".", so that no text may be taken for a path that is none.
    """
    own = options_of(bundle)
    if "--pseudonymize" in options:  # which compares under a key of its own
        own = own[:2] + own[4:]
    words = ["serve", ".", "--results", str(results), "--port", "0", *own, *options]
    with (results.parent / "said").open("ab") as said_to:
        process = subprocess.Popen(
            [sys.executable, "-m", "radiofuse", *words],
            stdout=subprocess.PIPE,
            stderr=said_to,
            text=True,
            cwd=bundle,
            preexec_fn=heed_interrupts,
        )
    try:
        said = process.stdout.readline()
        assert said.startswith("Open this link"), (results.parent / "said").read_text()
        yield Running(process, said.split(": ", 1)[1].strip(), results)
        if process.poll() is None:
            process.terminate()
            assert process.wait(LIMIT_S) == 0
            assert not (results / "uploads").exists()
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)
