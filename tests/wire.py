"""A TCP connection that can be cut as a network is: nothing comes any more, and nobody says so."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread


class Wire:
    """Hands on what comes to ``address`` to another address, and back, until it is cut.

    Sockets stay open then, and new ones are taken and never answered.
    """

    def __init__(self, to: str) -> None:
        host, _, port = to.removeprefix("tcp://").rpartition(":")
        self._to, self._cut, self._sockets = (host, int(port)), Event(), list[socket.socket]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Hand on nothing more."""
        self._cut.set()

    def close(self) -> None:
        """Close every socket."""
        for one in (self._listening, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, far = self._listening.accept()[0], socket.create_connection(self._to)
                self._sockets += [near, far]
                for one, other in ((near, far), (far, near)):
                    Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    def _hand_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while read := one.recv(1 << 16):
                if self._cut.is_set():
                    return
                other.sendall(read)
            other.shutdown(socket.SHUT_WR)
