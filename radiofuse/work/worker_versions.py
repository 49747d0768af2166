"""Whether the workers of a cluster compute with what this process computes with: Python, libraries, code, kernels."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

from radiofuse.errors import RequestError
from radiofuse.work.environment import what_moves_bits
from radiofuse.work.pulse import ask_workers

if TYPE_CHECKING:
    from distributed import Client

PACKAGE = Path(__file__).parents[1]
CODE, KERNELS, PROCESSOR = "the code of radiofuse", "the kernels of radiofuse", "the processor"
log = logging.getLogger(__name__)


@cache
def versions_here() -> dict[str, str]:
    """Return what numbers depend on beside the data: versions by name, and of our files a digest."""
    environment = what_moves_bits()
    python = ".".join(environment["python"].split(".")[:2])
    ours = {CODE: _digest("*.py"), KERNELS: _digest("*.so", "*.pyd"), PROCESSOR: environment["processor"]}
    return {"Python": python, **environment["packages"], **ours}


def _digest(*patterns: str) -> str:
    paths = sorted(path for pattern in patterns for path in PACKAGE.rglob(pattern))
    told = [(path.relative_to(PACKAGE).as_posix(), path.read_bytes()) for path in paths]
    return hashlib.sha256(
        b"".join(name.encode() + hashlib.sha256(content).digest() for name, content in told)
    ).hexdigest()[:12]


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return in words what a worker has where something else was wanted; another processor is no reason to refuse it.

    Examples
    --------
    >>> differences({"Python": "3.12", "numpy": "2.4.1"}, {"Python": "3.12", "numpy": "2.3.0"})
    ['numpy 2.3.0 in place of 2.4.1']
    >>> differences({"torch": "2.9.0"}, {})
    ['no torch in place of 2.9.0']
    """
    return [
        f"{name} {found[name]} in place of {version}" if name in found else f"no {name} in place of {version}"
        for name, version in wanted.items()
        if found.get(name) != version and name != PROCESSOR
    ]


def refuse_other_versions(client: Client | None, wanted: Mapping[str, str]) -> None:
    """Refuse workers that compute with something else: numbers would hang on who computes them.

    Parameters
    ----------
    client : Client or None
        Whose workers are asked; None asks this process, a worker.
    wanted : mapping of str to str
        From `versions_here`, of the process that asks for the work.

    Raises
    ------
    RequestError
        With the first worker that differs, and in what.
    """
    told = (
        {"": _versions_of_worker()} if client is None else ask_workers(client, _versions_of_worker, on_error="return")
    )
    for address, answer in sorted(told.items()):
        if isinstance(answer, Exception):
            raise RequestError(
                f"Worker {address} of the Dask cluster cannot say what it has installed ({answer}). Install the same "
                "radiofuse and libraries on scheduler and workers."
            ) from answer
        host, versions = answer
        if words := differences(wanted, versions):
            raise RequestError(
                f"{host}, a worker of the Dask cluster, has {', '.join(words)}. Install the same Python, radiofuse and "
                "libraries on every worker, and restart it if it began before that: numbers would hang on who computes "
                "them."
            )
        _tell_of_processor(host, versions.get(PROCESSOR, ""), wanted.get(PROCESSOR, ""))


def _tell_of_processor(host: str, there: str, here: str) -> None:
    """Warn where a worker's sums round otherwise: clusters of one kind of processor throughout are rare."""
    if there != here:
        log.warning(
            "%s, a worker of the Dask cluster, computes with kernels for %s, this process with those for %s: the last "
            "digits of numbers can hang on who computes them. Where the bytes of one machine are wanted, set the "
            "variable OPENBLAS_CORETYPE to the same older processor, as Haswell, for this process and every worker.",
            *(host, there or "an unknown processor", here or "an unknown processor"),
        )


def _versions_of_worker() -> tuple[str, dict[str, str]]:
    return gethostname(), versions_here()


if "distributed.worker" in sys.modules:  # a worker keeps the code that it imports now, whatever is put in its place
    versions_here()
