"""Under which names the server is asked: a name that is not its own is a page of somebody else that was led here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Origins:
    """The names that the server goes by.

    A browser that was led here by a name of somebody else's (DNS rebinding) sends that name as ``Host``. Addresses of
    numbers cannot be led elsewhere: where the server listens beyond this machine they are taken, too.

    Attributes
    ----------
    is_open : bool
        Whether the server listens beyond this machine.
    names : collection of str
        Further names, of a reverse proxy for instance.

    Examples
    --------
    >>> own = Origins()
    >>> own.is_host("127.0.0.1:8000"), own.is_host("rebound.example:8000"), own.is_host("10.0.0.7:8000")
    (True, False, False)
    >>> own.is_origin("http://127.0.0.1:8000", "127.0.0.1:8000"), own.is_origin("null", "127.0.0.1:8000")
    (True, False)
    >>> Origins(is_open=True, names=["ward.example"]).is_host("ward.example")
    True
    """

    is_open: bool = False
    names: Collection[str] = ()

    def is_host(self, host: str) -> bool:
        """Say whether a request's ``Host`` is one of the server's."""
        name = _name_of(f"//{host}")
        own = {one.lower() for one in self.names}  # as the name of a request is, in which case does not matter
        return name in LOOPBACK or name in own or (self.is_open and _is_address(name))

    def is_origin(self, origin: str, host: str) -> bool:
        """Say whether a request's ``Origin`` is the page of this server that the browser was shown."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc == host


def _name_of(text: str) -> str:
    try:
        return urlsplit(text).hostname or ""
    except ValueError:  # brackets without an address
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
