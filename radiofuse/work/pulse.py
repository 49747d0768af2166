"""Whether a cluster still answers and has workers, asked while no result arrives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from distributed import Client

ASK_EVERY_S = 2.0  # while nothing arrives
SILENT_S = 60.0  # a scheduler that plans many tasks answers late; one behind a cut network never does
TELL_AFTER_S = 10.0  # without workers; then after twice as long, and so on
GO_ON = "What was finished is stored: start the cluster again, then run the same command."
log = logging.getLogger(__name__)


class Pulse:
    """Asks the scheduler, and tells whoever watches that no worker is there.

    A connection that is broken is known to Dask. One that is open and over which nothing comes, as behind a tunnel or
    a proxy whose other side is gone, is known only by asking.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._gone_since: float | None = None
        self._tell_after_s = TELL_AFTER_S

    def n_threads(self) -> int:
        """Return how many threads the workers have now; where there are none for long, that is told now and then.

        Raises
        ------
        RequestError
            If the scheduler is lost, or has not answered for ``SILENT_S``.
        """
        client = self._client
        if client.status != "running":
            raise lost(client)
        try:
            found = sum(client.sync(client.scheduler.ncores, callback_timeout=SILENT_S).values())
        except TimeoutError:
            raise lost(client, f": it has not answered for {SILENT_S:.0f} seconds") from None
        except OSError:
            raise lost(client) from None
        self._tell(found)
        return found

    def _tell(self, n_threads: int) -> None:
        if n_threads:
            if self._tell_after_s > TELL_AFTER_S:
                log.info("Workers are there again at %s; the work goes on.", address_of(self._client))
            self._gone_since, self._tell_after_s = None, TELL_AFTER_S
            return
        now = time.monotonic()
        self._gone_since = now if self._gone_since is None else self._gone_since
        if now - self._gone_since >= self._tell_after_s:
            self._tell_after_s *= 2
            log.warning(
                "Waiting for workers at %s: none has been there for %.0f s. Start one, as %s, or stop with Ctrl-C.",
                address_of(self._client),
                now - self._gone_since,
                how_to_start(self._client),
            )


def require_scheduler(address: str, limit_s: float) -> None:
    """Raise unless a scheduler answers at an address.

    A client would keep on trying in the background, without limit where something else listens there.

    Raises
    ------
    OSError
        If nothing answers in time; a TimeoutError is one.
    ValueError, TypeError
        If it is no address, or one of ``tls://`` without certificates.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async def identity() -> None:
        scheduler = rpc(address, timeout=limit_s, connection_args=Security().get_connection_args("client"))
        try:
            await scheduler.identity()
        finally:
            await scheduler.close_rpc()

    async def ask() -> None:
        asked = asyncio.ensure_future(identity())
        answered, _ = await asyncio.wait({asked}, timeout=limit_s)  # wait_for would wait for the end of what it cancels
        if not answered:
            asked.cancel()
            raise TimeoutError(f"nothing that a scheduler says came within {limit_s:g} seconds")
        asked.result()

    with ThreadPoolExecutor(1) as aside:  # a notebook's own thread has a loop that runs
        aside.submit(asyncio.run, ask()).result()


def ask_workers(
    client: Client, function: Callable[..., Any], *arguments: object, on_error: Literal["raise", "return"] = "raise"
) -> dict[str, Any]:
    """Return what every worker answers, by its address.

    Raises
    ------
    RequestError
        If one, or the scheduler, has not answered for ``SILENT_S``.
    """

    async def ask() -> dict[str, Any]:
        return await client.run(function, *arguments, on_error=on_error)

    try:
        return client.sync(ask, callback_timeout=SILENT_S)
    except TimeoutError:
        raise RequestError(
            f"The Dask scheduler at {address_of(client)}, or one of its workers, has not answered for "
            f"{SILENT_S:.0f} seconds. Look whether the network leads there, then run the same command."
        ) from None


def lost(client: Client, how: str = "") -> RequestError:
    """Return what is said where the scheduler does not answer any more."""
    return RequestError(f"The Dask scheduler at {address_of(client)} was lost{how}. {GO_ON}")


def address_of(client: Client) -> str:
    """Return the address of the scheduler."""
    return str(client.scheduler.address)


def how_to_start(client: Client) -> str:
    """Return a command that starts a worker."""
    return f"dask worker {address_of(client)} --nthreads 1"
