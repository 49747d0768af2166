"""A language model that the user names is asked to put an answer into words; off unless asked for."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from radiofuse.report.patient.machine_text import MachineText
    from radiofuse.report.patient.words import Reader

KEY = "RADIOFUSE_REWRITE_KEY"
PATIENCE_S = 60.0
MOST_BYTES, CHUNK = 1_000_000, 65_536
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Writer:
    """An endpoint that speaks as OpenAI's does (``/chat/completions``), and the model that is asked.

    Attributes
    ----------
    url : str
        As ``http://localhost:11434/v1`` or whole.
    model : str
    key : str
        "" for none.
    patience_s : float
    """

    url: str
    model: str
    key: str = ""
    patience_s: float = PATIENCE_S

    @classmethod
    def of(cls, url: str | None, model: str | None) -> Writer | None:
        """Return the writer that the options name, None where none is."""
        if (url is None) != (model is None):
            raise RequestError("--rewrite and --rewrite-model go together: where the language model is, and its name.")
        if url is None or model is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"--rewrite is {url!r}; an address as https://host/v1 was expected.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise RequestError(
                "--rewrite would send what a model says of a patient without encryption. Use an https address, or a "
                "model on this machine."
            )
        return cls(url, model, os.environ.get(KEY, ""))

    def write(self, told: Mapping[str, Any], reader: Reader) -> MachineText:
        """Return a text on an answer, checked; why there is none where the endpoint gives none."""
        from radiofuse.report.patient.machine_text import ASK, WHOM, MachineText, checked, without_identifiers

        sent = without_identifiers(told)
        said = {"system": ASK.format(whom=WHOM[reader]), "user": json.dumps(sent, ensure_ascii=False)}
        asked = {"model": self.model, "temperature": 0}
        asked["messages"] = [{"role": role, "content": content} for role, content in said.items()]
        try:
            text = _content(self._answer(asked))
        except urllib.error.HTTPError as error:
            return MachineText(self.model, refused=f"The endpoint answered with the status {error.code}.")
        except (OSError, ValueError) as error:  # no connection, too late, no JSON
            return MachineText(self.model, refused=f"The endpoint gave no text ({type(error).__name__}).")
        return checked(text, self.model, sent)

    def _answer(self, asked: Mapping[str, Any]) -> bytes:
        address = self.url if self.url.endswith("/chat/completions") else f"{self.url.rstrip('/')}/chat/completions"
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(address, json.dumps(asked).encode(), headers)
        end, read = time.monotonic() + self.patience_s, b""
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.patience_s) as answer:
            while part := answer.read1(CHUNK):
                read += part
                if len(read) > MOST_BYTES or time.monotonic() > end:
                    raise ValueError("too long")
        return read


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is not carried to another address."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _content(answer: bytes) -> str:
    """Return the text in an endpoint's answer; ValueError where there is none."""
    told = json.loads(answer)
    try:
        content = told["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise ValueError("no choices") from None
    if not isinstance(content, str):
        raise ValueError("no text")
    return content
