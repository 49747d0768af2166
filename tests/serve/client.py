"""A client of a running server, with what the standard library has: cookies, forms, uploads, events."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit

BOUNDARY = "----an-upload-of-the-tests"
ENDED = ("done", "refused", "stopped", "interrupted")


@dataclass
class Answer:
    """What the server answered."""

    status: int
    text: str
    headers: dict[str, str]
    address: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)


class Client:
    """A browser in all but the looks."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self.base, self.link = f"{parts.scheme}://{parts.netloc}", link
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)
        )

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Answer:
        """Return the answer to a request; names of headers have _ for -."""
        address = path if path.startswith("http") else self.base + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(address, data, named)
        try:
            with self._opener.open(request, timeout=100) as found:
                return Answer(found.status, found.read().decode(), dict(found.headers), found.url)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(), dict(error.headers), error.url)

    def enter(self) -> Client:
        """Open the link."""
        assert self.ask(self.link).status == 200
        return self

    def token(self) -> str:
        """Return the token of the forms."""
        return re.search(r'name="token" value="(\w+)"', self.ask("/").text)[1]

    def send(self, files: Iterable[tuple[str, bytes]], token: str | None = None, **headers: str) -> Answer:
        """Upload files by name; the answer is JSON."""
        body = form_of(files, self.token() if token is None else token)
        options = {"Content_Type": f"multipart/form-data; boundary={BOUNDARY}", "Accept": "application/json"} | headers
        return self.ask("/uploads", body, **options)

    def post(self, path: str, token: str | None = None, **fields: str) -> Answer:
        """Send a small form; the answer is JSON."""
        body = urlencode({"token": self.token() if token is None else token, **fields}).encode()
        return self.ask(path, body, Accept="application/json")

    def events(self, job: str) -> Iterator[dict]:
        """Yield what a page that watches a job is told, until it has ended."""
        request = urllib.request.Request(f"{self.base}{job}/events")
        with self._opener.open(request, timeout=100) as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    def ended(self, job: str) -> dict:
        """Wait for the end of a job, and return how it ended."""
        *_, last = self.events(job)
        assert last["state"] in ENDED
        return last

    def looked(self, files: Iterable[tuple[str, bytes]]) -> str:
        """Upload files, wait until they were looked at, and return the path of the upload."""
        sent = self.send(files)
        assert sent.status == 201, sent.text
        assert self.ended(sent.json["page"])["state"] == "done", self.ask(sent.json["page"]).text
        return f"/uploads/{sent.json['upload']}"

    def started(self, files: Iterable[tuple[str, bytes]], **fields: str) -> str:
        """Upload files, start, and return the path of the job."""
        started = self.post(f"{self.looked(files)}/answer", **fields)
        assert started.status == 201, started.text
        return started.json["page"]

    def answered(self, files: Iterable[tuple[str, bytes]], **fields: str) -> dict:
        """Upload files, start, wait, and return the answer."""
        job = self.started(files, **fields)
        ended = self.ended(job)
        assert ended["state"] == "done", ended
        return self.ask(f"/results/{job.rpartition('/')[2]}/answer.json").json


def form_of(files: Iterable[tuple[str, bytes]], token: str) -> bytes:
    """Return a form of a token and files as a browser writes it."""
    parts = [f'Content-Disposition: form-data; name="token"\r\n\r\n{token}'.encode()]
    for name, content in files:
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'Content-Disposition: form-data; name="files"; filename="{quoted}"\r\n\r\n'
        parts.append(head.encode(errors="surrogateescape") + content)
    mark = f"--{BOUNDARY}\r\n".encode()
    return b"".join(mark + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    """Return the files of a patient's folder as a browser names them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder.parent).as_posix(), path.read_bytes()) for path in paths]
