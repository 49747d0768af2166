"""``radiofuse serve``: from upload to page, seconds per patient, memory over many, finished pages per second.

Run as ``python benchmarks/serve.py [patients]``: a bundle of the synthetic cohort is made, a server started, and
`patients` (20) queued by two clients. Beside it, in the same run, ``radiofuse predict --patient`` for the same folder.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil

import radiofuse
from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.run import run_recipe

RECIPE = """
title = "Two classes of synthetic gliomas"
[cohort]
table = "phantom/cohort.csv"
label = "idh"
mask_label = "any"
[radiomics]
settings = "default"
[fusion]
combine = ["mean"]
[evaluation]
folds = 3
repeats = 1
"""
BOUNDARY = "----a-patient"
PAGES_S = 3.0  # how long finished pages are asked for
CLIENTS = 4


class Client:
    """A browser that came by the link."""

    def __init__(self, link: str) -> None:
        self.base = link.partition("/?")[0]
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)
        )
        self.ask(link)
        self.token = re.search(r'name="token" value="(\w+)"', self.ask("/"))[1]

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> str:
        request = urllib.request.Request(path if "://" in path else self.base + path, data, headers)
        with self._opener.open(request) as found:
            return found.read().decode()

    def send(self, folder: Path) -> dict:
        """Upload a patient's folder."""
        parts = [f'Content-Disposition: form-data; name="token"\r\n\r\n{self.token}'.encode()]
        for path in sorted(folder.iterdir()):
            head = f'Content-Disposition: form-data; name="files"; filename="{folder.name}/{path.name}"\r\n\r\n'
            parts.append(head.encode() + path.read_bytes())
        body = (
            b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Accept": "application/json"}
        return json.loads(self.ask("/uploads", body, **kind))

    def start(self, upload: str) -> str:
        """Start what was looked at, and return the path of the job."""
        data = urlencode({"token": self.token}).encode()
        return json.loads(self.ask(f"/uploads/{upload}/answer", data, Accept="application/json"))["page"]

    def wait(self, job: str) -> None:
        """Wait until a job is done."""
        last = [json.loads(line[6:]) for line in self.ask(f"{job}/events").splitlines() if line.startswith("data: ")][
            -1
        ]
        assert last["state"] == "done", last


def main() -> None:
    n_patients = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"radiofuse {radiofuse.__version__}, Python {platform.python_version()}, {platform.platform()}")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_phantom_cohort(home / "phantom", n_patients=30, seed=0)
        make_phantom_cohort(home / "new", n_patients=30, seed=9)
        (home / "recipe.toml").write_text(RECIPE)
        run_recipe(home / "recipe.toml", out=home / "run", store=home / "store", report=False)
        patients = [named(folder, home) for folder in sorted((home / "new" / "images").iterdir())[:n_patients]]
        by_itself = predict_s(home / "run", patients[0], home)
        words = ["serve", str(home / "run"), "--results", str(home / "answers"), "--port", "0"]
        server = subprocess.Popen(
            [sys.executable, "-m", "radiofuse", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            measure(server, patients, by_itself, home / "answers")
        finally:
            server.terminate()
            server.communicate()


def measure(server: subprocess.Popen, patients: list[Path], by_itself: float, answers: Path) -> None:
    """Print the table."""
    link = server.stdout.readline().split(": ", 1)[1].strip()
    clients = [Client(link), Client(link)]
    first_looked, first = way_of(clients[0], patients[0])  # libraries are loaded
    with Highest(server.pid) as of_one:
        looked, whole = way_of(clients[0], patients[0])
    started, highest = time.perf_counter(), Highest(server.pid)
    with highest, ThreadPoolExecutor(2) as both:
        halves = [patients[0::2], patients[1::2]]
        jobs = [job for half in both.map(queue_all, clients, halves) for job in half]
    many = (time.perf_counter() - started) / len(patients)
    answered = len(list(answers.glob("*/answer.json")))
    assert answered == len(patients) + 2, answered
    result = jobs[-1].replace("jobs", "results")
    print(f"{'upload to contact sheet':<58}{looked:8.2f} s   (the first after a start {first_looked:.2f})")
    print(f"{'upload to answer and pages':<58}{whole:8.2f} s   (the first after a start {first:.2f})")
    print(f"{'the same by predict --patient, a process for each':<58}{by_itself:8.2f} s   {by_itself / whole:.1f} x")
    print(f"{f'{len(patients)} patients queued by two clients, per patient':<58}{many:8.2f} s")
    print(f"{'highest memory of all processes, one patient':<58}{of_one.mb:8.0f} MB")
    print(f"{f'the same, {len(patients)} patients':<58}{highest.mb:8.0f} MB  {highest.mb / of_one.mb:.2f} x")
    for page in ("", "/doctor.html", "/answer.json"):
        rate = pages_per_s(clients[0], f"{result}{page}")
        print(f"{f'finished pages per second, {CLIENTS} clients: result{page}':<58}{rate:8.0f}")


def named(images: Path, home: Path) -> Path:
    """Return a folder of a patient's images under plain names."""
    folder = home / "patients" / images.name
    folder.mkdir(parents=True)
    for path in images.iterdir():
        shutil.copy(path, folder / path.name.removeprefix(f"{images.name}_").replace("mask", "seg"))
    return folder


def predict_s(bundle: Path, folder: Path, home: Path) -> float:
    """Return how long the command takes for one patient."""
    started = time.perf_counter()
    words = [str(bundle), "--patient", str(folder), "--out", str(home / "one.json"), "--store", str(home / "one")]
    subprocess.run([sys.executable, "-m", "radiofuse", "predict", *words], check=True, capture_output=True)
    return time.perf_counter() - started


def way_of(client: Client, folder: Path) -> tuple[float, float]:
    """Return how long it takes from an upload to its contact sheet, and to the page of the result."""
    started = time.perf_counter()
    sent = client.send(folder)
    client.wait(sent["page"])
    client.ask(f"/uploads/{sent['upload']}")
    looked = time.perf_counter() - started
    job = client.start(sent["upload"])
    client.wait(job)
    client.ask(job.replace("jobs", "results"))
    return looked, time.perf_counter() - started


def queue_all(client: Client, folders: list[Path]) -> list[str]:
    """Send all, start all, and wait for all."""
    uploads = []
    for folder in folders:
        sent = client.send(folder)
        client.wait(sent["page"])
        uploads.append(sent["upload"])
    jobs = [client.start(upload) for upload in uploads]
    for job in jobs:
        client.wait(job)
    return jobs


def pages_per_s(client: Client, path: str) -> float:
    """Return how many pages a second several connections that stay open get."""
    cookie = "; ".join(f"{one.name}={one.value}" for one in client.jar)
    address = urlsplit(client.base).netloc

    def ask_on(_: int) -> int:
        connection, n_pages = HTTPConnection(address), 0
        end = time.perf_counter() + PAGES_S
        while time.perf_counter() < end:
            connection.request("GET", path, headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
            n_pages += 1
        connection.close()
        return n_pages

    with ThreadPoolExecutor(CLIENTS) as several:
        return sum(several.map(ask_on, range(CLIENTS))) / PAGES_S


class Highest:
    """The highest memory of a server and its processes while a block runs."""

    def __init__(self, pid: int) -> None:
        self.mb, self._pid, self._ended = 0.0, pid, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Highest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            self.mb = max(self.mb, memory_mb(self._pid))


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and all below it that nobody shares, in megabytes."""
    total = 0
    server = psutil.Process(pid)
    for process in (server, *server.children(recursive=True)):
        try:
            total += process.memory_full_info().uss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended meanwhile
            continue
    return total / 1e6


if __name__ == "__main__":
    main()
