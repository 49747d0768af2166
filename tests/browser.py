"""A headless Chromium that tests drive over a pipe (Chrome DevTools Protocol): pages, keys, errors, requests."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WITHOUT = "needs a browser: chromium or google-chrome"
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--disable-background-networking", "--no-first-run", "--remote-debugging-pipe"),
)
# The browser reads from descriptor 3 and writes to 4; copies high up keep one from replacing the other.
THEN = (
    "import fcntl, os, sys; high = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in sys.argv[1:3]]; "
    "os.dup2(high[0], 3); os.dup2(high[1], 4); [os.close(one) for one in high]; os.execv(sys.argv[3], sys.argv[3:])"
)
PATIENCE_S = 60  # until the browser answers
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
OWN_KEYS = {"ArrowUp": 38, "ArrowDown": 40, "PageUp": 33, "PageDown": 34, "Home": 36, "End": 35, "Tab": 9, "Enter": 13}


class Browser:
    """A browser with one tab.

    Attributes
    ----------
    errors : list of str
        What the page complained of on its console, and exceptions of its scripts.
    requests : list of str
        Addresses that it asked for, those in the page itself (``data:``) left out.
    """

    def __init__(self, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        options = [*OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", THEN, str(to_browser), str(from_browser), str(CHROMIUM), *options],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(profile)},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._said, self._number, self._events = b"", 0, list[dict[str, Any]]()
        self.errors, self.requests = list[str](), list[str]()
        targets = self._ask("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(AssertionError, OSError):  # it may end before it answers
            self._ask("Browser.close")
        self._process.wait(PATIENCE_S)
        os.close(self._write)
        os.close(self._read)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what the tab answers to a method of the protocol."""
        return self._ask(method, self._session, **parameters)

    def open(self, address: str, width: int = 1280, height: int = 900) -> None:
        """Show a page at a size, and wait until it is loaded."""
        self.errors.clear()
        self.requests.clear()
        mobile = width < 600
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self._events.clear()
        self.ask("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")

    def value(self, script: str) -> Any:
        """Return what an expression of JavaScript is worth, promises awaited."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        code = OWN_KEYS.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def until(self, script: str) -> Any:
        """Return the worth of an expression as soon as it is true."""
        end = time.monotonic() + PATIENCE_S
        while not (worth := self._value_of_a_page(script)):
            assert time.monotonic() < end, f"{script} did not become true"
            self._listen(0.05)
        return worth

    def _value_of_a_page(self, script: str) -> Any:
        """Return the worth of an expression, None while one page gives way to another."""
        try:
            return self.value(script)
        except AssertionError as error:
            if "navigated" not in str(error):
                raise
            return None

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """Write a picture of the page, or of what is seen of it, as PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """Write the page as it is printed."""
        printed = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        path.write_bytes(base64.b64decode(printed["data"]))
        return path

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the next event of a name."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for number, one in enumerate(self._events):
                if one["method"] == event:
                    del self._events[number]
                    return one["params"]
            assert time.monotonic() < end, f"the browser told of no {event}"
            self._listen(1.0)

    def _ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE_S
        while True:
            for told in self._listen(1.0):
                if told.get("id") == number:
                    assert "error" not in told, told["error"]
                    return told["result"]
            assert time.monotonic() < end, f"the browser did not answer {method}"

    def _listen(self, wait_s: float) -> list[dict[str, Any]]:
        """Return the messages that came in, events kept apart too."""
        if not select.select([self._read], [], [], wait_s)[0]:
            return []
        chunk = os.read(self._read, 1 << 20)
        assert chunk, f"the browser ended with {self._process.poll()}"
        *whole, self._said = (self._said + chunk).split(b"\0")
        messages = [json.loads(one) for one in whole]
        for told in messages:
            self._note(told)
        return messages

    def _note(self, told: dict[str, Any]) -> None:
        method, about = told.get("method", ""), told.get("params", {})
        if method:
            self._events.append(told)
        if method == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.errors.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.errors.append(str(about["args"]))
        elif method == "Network.requestWillBeSent" and not about["request"]["url"].startswith("data:"):
            self.requests.append(about["request"]["url"])


@contextmanager
def started(place: Path) -> Iterator[Browser]:
    """Run a browser whose profile lies in a folder; a test without one is skipped."""
    if CHROMIUM is None:
        pytest.skip(WITHOUT)
    with Browser(place / "profile") as browser:
        yield browser
