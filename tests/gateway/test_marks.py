import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.child_environment import child_environment
from gateway.inside import marks
from routing.egress import Egress
from routing.headers import CALL
from tests.e2e.mitmdump import ROOT

PROGRAM = Path(__file__).with_name("marked.py")


class Recorder(ThreadingHTTPServer):
    """Takes itself for every host, as a proxy may, and notes which mark came with which path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Note)
        self.noted: dict[str, str | None] = {}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class Note(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.noted[urlsplit(self.path).path.removeprefix("/")] = self.headers.get(CALL)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def noted() -> Iterator[dict[str, str | None]]:
    with Recorder() as recorder:
        egress = Egress(recorder.server_port, "made-up", Path("/dev/null"))
        environment = child_environment(os.environ, "sk-master", egress)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # nothing here speaks TLS
            del environment[name]
        subprocess.run(
            [sys.executable, str(PROGRAM), f"http://127.0.0.1:{recorder.server_port}"],
            env=environment | {"PYTHONPATH": str(ROOT)},
            check=True,
            timeout=60,
        )
        yield recorder.noted
        recorder.shutdown()


MARKS = {
    "at-once": "call-1",
    "streamed": "call-1",
    "in-a-thread": "call-1",
    "in-a-task": "call-1",
    "first-try": "call-1",
    "second-try": "call-1",
    "after-the-end": "call-1",
    "one-of-two": "call-a",
    "the-other": "call-b",
    "outside-of-any-call": None,
    "without-an-id": None,
    # Nobody would take the mark off there.
    "past-the-egress": None,
    "by-another-proxy": None,
}


@pytest.mark.parametrize(("path", "mark"), MARKS.items(), ids=MARKS)
def test_what_is_sent_for_a_call_is_marked_with_it(
    noted: dict[str, str | None], path: str, mark: str | None
) -> None:
    assert noted[path] == mark


def test_both_sides_mean_the_same_header() -> None:
    assert marks.HEADER == CALL


def test_without_an_egress_nothing_is_touched() -> None:
    """An app without the method that is needed would fail."""
    assert marks.MARK_CALLS not in os.environ

    marks.carry(object())


def test_an_app_that_cannot_be_wrapped_is_served_all_the_same() -> None:
    program = (
        "import httpx; from gateway.inside import marks; send = httpx.Client.send\n"
        "marks.carry(object()); assert httpx.Client.send is send; print('served')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT), marks.MARK_CALLS: "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.stdout, ended.stderr) == ("served\n", "calls are not marked: AttributeError\n")
