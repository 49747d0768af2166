"""A server that speaks S3 on this machine, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from s3fs import S3FileSystem

# It says its port, then serves until its standard input ends, as it does when whoever started it does.
SERVER = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
ACCESS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
    "no_proxy": "127.0.0.1",
}


@contextmanager
def reaching(access: Mapping[str, str]) -> Iterator[None]:
    """Put these variables into the environment; clients that were made with others are forgotten, at the end too."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in access.items():
            patch.setenv(name, value)
        S3FileSystem.clear_instance_cache()
        yield
    S3FileSystem.clear_instance_cache()


@contextmanager
def served() -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    """Start a server without buckets; yield what the environment must say to reach it, and its process."""
    command = [sys.executable, "-c", SERVER]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True) as server:
        try:
            port = server.stdout.readline().strip()  # ends with the process, if that ends without one
            assert port, "the server did not start"
            yield {**ACCESS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}, server
        finally:
            server.kill()
