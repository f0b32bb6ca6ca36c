import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
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


type Answers = Callable[[], int | None]
"""With which status an egress answers who asks it; None hangs up."""

HOST = "pinned.example"
DOES_IT, REFUSES, HANGS_UP = 204, 407, None


class Asked(BaseHTTPRequestHandler):
    server: "AnEgress"

    def do_POST(self) -> None:
        if (status := self.server.answers()) is not None:
            self.send_response(status)
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class AnEgress(ThreadingHTTPServer):
    """What this process takes for the way out."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.answers: Answers = lambda: DOES_IT
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def egress(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnEgress]:
    with AnEgress() as egress:
        monkeypatch.setenv(marks.MARK_CALLS, "1")
        monkeypatch.setenv("HTTP_PROXY", f"http://child:made-up@127.0.0.1:{egress.server_port}")
        marks.note_the_way_out()
        yield egress
        egress.shutdown()
    marks._way_out.clear()
    marks._opaque.clear()


async def in_a_call(does: Callable[[], Any]) -> Any:
    """What it gives, done for a call with an id."""
    given = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(does())

    headers = [(marks.HEADER.encode(), b"call-1")]
    await marks.Carry(app)({"type": "http", "headers": headers}, None, None)
    return given[0]


async def is_marked(host: str) -> bool:
    request = httpx.Request("GET", f"https://{host}/")
    with httpx.Client() as client:
        await in_a_call(lambda: marks.mark(client, request))
    return marks.HEADER in request.headers


def let_through() -> bool:
    return marks.let_through(httpx.Request("GET", f"https://{HOST}/"))


@pytest.mark.parametrize("status", [DOES_IT, REFUSES, HANGS_UP])
async def test_nothing_is_marked_for_a_host_that_may_be_passed_unopened(
    egress: AnEgress, status: int | None
) -> None:
    """Nor where the egress does not say that it has done it: it may have."""
    egress.answers = lambda: status
    assert await is_marked(HOST)

    has_said_so = await asyncio.to_thread(let_through)

    assert has_said_so == (status == DOES_IT)
    assert not await is_marked(HOST)
    assert await is_marked("another.example")


async def test_who_asks_in_vain_does_not_undo_what_another_has_asked(egress: AnEgress) -> None:
    comes, other_is_done = threading.Event(), threading.Event()

    def in_vain_for_the_first() -> int | None:
        if comes.is_set():
            return DOES_IT
        comes.set()
        other_is_done.wait(20)
        return HANGS_UP

    egress.answers = in_vain_for_the_first
    with ThreadPoolExecutor() as at_once:
        in_vain = at_once.submit(let_through)
        assert await asyncio.to_thread(comes.wait, 20)
        assert await asyncio.to_thread(let_through)
        other_is_done.set()
        assert not await asyncio.to_thread(in_vain.result)

    assert not await is_marked(HOST)


async def test_what_aiohttp_itself_sends_is_waited_for_before_its_host_is_passed_unopened(
    egress: AnEgress,
) -> None:
    sends, may_end = asyncio.Event(), asyncio.Event()
    asked_for_it, sent = threading.Event(), list[Any]()

    class Session:
        async def _request(self, method: str, url: str, **options: Any) -> None:
            sent.append(dict(options["headers"]))
            sends.set()
            await may_end.wait()

    def note() -> int | None:
        asked_for_it.set()
        return DOES_IT

    egress.answers = note
    marks.wrap_aiohttp(Session)

    def send() -> asyncio.Task[None]:
        return asyncio.create_task(Session()._request("GET", f"https://{HOST}/"))

    sending = await in_a_call(send)
    await sends.wait()
    asking = asyncio.create_task(asyncio.to_thread(let_through))
    assert not await asyncio.to_thread(asked_for_it.wait, 0.2)
    may_end.set()

    assert await asking
    await sending
    await (await in_a_call(send))
    assert sent == [{marks.HEADER: "call-1"}, {}]
