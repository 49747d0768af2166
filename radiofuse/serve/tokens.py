"""Who may ask: a token in the link of the start, a cookie of each browser, a token of each browser's forms."""

from __future__ import annotations

import hashlib
import hmac
import secrets

BYTES = 32


class Tokens:
    """The secret of one start of the server, and what is derived from it.

    The token of the link never leaves the first request. A browser that brings it gets a cookie that no script can
    read, and its pages hold a token of the forms, which a page of another site cannot know.

    Parameters
    ----------
    link : str, optional
        The token of the link; left out, a new one.

    Examples
    --------
    >>> tokens = Tokens("secret")
    >>> cookie = tokens.new_cookie()
    >>> tokens.is_cookie(cookie), tokens.is_cookie(cookie[:-1]), tokens.is_cookie("")
    (True, False, False)
    >>> tokens.is_form(cookie, tokens.form(cookie)), tokens.is_form(cookie, cookie)
    (True, False)
    """

    def __init__(self, link: str | None = None) -> None:
        self.link = secrets.token_urlsafe(BYTES) if link is None else link
        self._key = hashlib.sha256(self.link.encode()).digest()

    def is_link(self, given: str) -> bool:
        """Say whether a token is that of the link."""
        return _same(given, self.link)

    def new_cookie(self) -> str:
        """Return the value of the cookie for a browser that came by the link."""
        browser = secrets.token_urlsafe(BYTES)
        return f"{browser}.{self._mac('cookie', browser)}"

    def is_cookie(self, given: str) -> bool:
        """Say whether the cookie is one of this server's."""
        browser, _, mac = given.partition(".")
        return bool(browser) and _same(mac, self._mac("cookie", browser))

    def form(self, cookie: str) -> str:
        """Return the token that stands in the forms of a browser with this cookie."""
        return self._mac("form", cookie)

    def is_form(self, cookie: str, given: str) -> bool:
        """Say whether the token of a form is that of the browser."""
        return _same(given, self.form(cookie))

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\n{text}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _same(given: str, own: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), own.encode())
