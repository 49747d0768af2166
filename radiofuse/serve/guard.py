"""What every request passes first, and what every answer bears: names of the server, the cookie, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from radiofuse.serve.origins import Origins
from radiofuse.serve.pages import own_policy, refusal_page, welcome_page
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.tokens import Tokens

SAFE = ("GET", "HEAD")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, browsers send the origin of a form as null
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
NOT_KNOWN = (
    "This page is for those who have the link that the server printed at its start. Open that link once in this "
    "browser; after a restart of the server it is a new one."
)
FOREIGN = "The request came from a page of another site, and nothing was done. Use the pages of this server."


class Guard:
    """Who may ask, by name, cookie and origin.

    Parameters
    ----------
    tokens : Tokens
    origins : Origins
    cookie : str
        The name of the cookie, which is the server's own: browsers do not keep servers of one machine apart.
    """

    def __init__(self, tokens: Tokens, origins: Origins, cookie: str) -> None:
        self._tokens, self._origins, self._cookie = tokens, origins, cookie

    async def __call__(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer a request, or refuse it."""
        try:
            response = self._refused(request) or self._welcomed(request)
            if response is None:
                self._require_cookie(request)
                response = await call_next(request)
        except RefusedError as error:
            response = refused(request, error)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", own_policy())
        return response

    def form_token(self, request: Request) -> str:
        """Return the token that the forms of a browser hold."""
        return self._tokens.form(request.cookies.get(self._cookie, ""))

    def require_form_token(self, request: Request, given: str) -> None:
        """Refuse a form whose token is not that of the browser."""
        if not self._tokens.is_form(request.cookies.get(self._cookie, ""), given):
            raise RefusedError(403, "The page is older than the server's start. Load it again, and send once more.")

    def _refused(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not self._origins.is_host(host):
            raise RefusedError(
                421, "The server does not go by this name. Use the address that it printed at its start."
            )
        if request.method not in SAFE:
            origin = request.headers.get("origin")
            is_foreign = origin is not None and not self._origins.is_origin(origin, host)
            if is_foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                raise RefusedError(403, FOREIGN)
        return None

    def _welcomed(self, request: Request) -> Response | None:
        """Give the cookie to a browser that brings the token of the link."""
        given = request.query_params.get("token")
        if given is None or request.method not in SAFE or not self._tokens.is_link(given):
            return None
        # No redirect: after one, a browser that came from another site would not send the cookie.
        response = HTMLResponse(welcome_page(), headers={"Refresh": "0;url=/"})
        cookie = self._tokens.new_cookie()
        response.set_cookie(
            self._cookie, cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return response

    def _require_cookie(self, request: Request) -> None:
        if not self._tokens.is_cookie(request.cookies.get(self._cookie, "")):
            raise RefusedError(401, NOT_KNOWN)


def refused(request: Request, error: RefusedError) -> Response:
    """Return a refusal as a page, or as JSON where that was asked for."""
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": error.sentence}, error.status)
    return HTMLResponse(refusal_page(error.sentence), error.status)
