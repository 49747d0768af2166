"""The server from its start to its end: one address, one token, and nothing left behind."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from radiofuse.errors import RequestError
from radiofuse.serve.app import make_app
from radiofuse.serve.guard import Guard
from radiofuse.serve.origins import LOOPBACK, Origins
from radiofuse.serve.quiet import without_messages
from radiofuse.serve.service import Service
from radiofuse.serve.tokens import Tokens

END_S = 3  # for requests that are under way at the end
MOST_CONNECTIONS = 200


@dataclass(frozen=True)
class Address:
    """Where the server listens.

    Attributes
    ----------
    host : str
    port : int
        0 for any that is free.
    names : tuple of str
        Further names that it goes by.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    names: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether others than those at this machine reach it."""
        return self.host not in LOOPBACK


class _Server(uvicorn.Server):
    """A server that sends home those who watch, when it is told to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.board.close()
        super().handle_exit(sig, frame)


def serve(service: Service, address: Address, listening: socket.socket, tell: Callable[[str], None]) -> None:
    """Answer until Ctrl-C or SIGTERM; then remove every upload.

    Parameters
    ----------
    service : Service
    address : Address
    listening : socket
        As ``listen`` returns it.
    tell : callable
        Called with the link that lets a browser in.
    """
    tokens, port = Tokens(), listening.getsockname()[1]
    origins = Origins(address.is_open, (*address.names, address.host))
    app = make_app(service, Guard(tokens, origins, f"radiofuse_{port}"))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # its lines hold addresses with ids
        server_header=False,
        ws="none",
        lifespan="on",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=END_S,
    )
    shown = f"[{address.host}]" if ":" in address.host else address.host
    with _ended_by_signals(), without_messages(is_loud=service.is_loud):
        tell(f"http://{shown}:{port}/?token={tokens.link}")
        try:
            _Server(config, service).run(sockets=[listening])
        finally:
            service.close()


def listen(address: Address) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    RequestError
        If the address is not this machine's, or taken.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen()  # who comes before all is ready waits
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise RequestError(
            f"The server cannot listen at {address.host}, port {address.port}: {reason}. Choose another --port."
        ) from None
    return listening


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the server and nothing else: it raises them again once it has ended."""
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGTERM)}
    closed = getattr(signal, "SIGHUP", None)  # its terminal is closed; nohup has it ignored, and it stays so
    if closed is not None and signal.getsignal(closed) == signal.SIG_DFL:
        before[closed] = signal.signal(closed, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
