"""Whatever is wrong with a body, an answer, the settings or the disk, the request goes on."""

import contextlib
import gzip
import json
import socket
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli  # type: ignore[import-untyped]  # ships no type hints
import httpx
import pytest
import zstandard

from tests.e2e.memory_bodies import blocks, without_memory
from tests.e2e.memory_codex import codex_of
from tests.e2e.memory_scene import MEMORY, SECONDS, Project, Scene
from tests.e2e.mitmdump import upstreams
from tests.fakes import Step

APPLES = "In which cellar are the apples stored?"
IN_THE_CELLAR = "The apples are stored in the northern cellar."
SAID = "It is the northern one."
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
GEMINI = "/gemini/v1beta/models/m:generateContent"
PATHS = (CHAT, RESPONSES, MESSAGES, GEMINI)


@pytest.fixture
def scene(module_memory: Scene) -> Scene:
    module_memory.provider.reset()
    return module_memory


@pytest.fixture(scope="module")
def orchard(module_memory: Scene) -> Project:
    return module_memory.project(IN_THE_CELLAR)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=SECONDS) as client:
        yield client


def written(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def asking(question: str = APPLES, **more: Any) -> bytes:
    return written({"model": "m", "messages": [{"role": "user", "content": question}], **more})


def test_an_ordinary_request_gets_memory(
    scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    """What all that follows differs from."""
    assert IN_THE_CELLAR in served(scene, orchard, client)


def served(scene: Scene, project: Project, client: httpx.Client, body: bytes = asking()) -> str:
    """The blocks that an ordinary request gets now."""
    before = len(scene.provider.requests)
    answer = client.post(project.url + CHAT, content=body)
    assert answer.status_code == 200
    [seen] = scene.provider.requests[before:]
    assert without_memory(seen.body) == body
    return str(blocks(seen.body))


# --- bodies ----------------------------------------------------------------------------------

ODD: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"\x00\xff not JSON \r\n",
    "cut short": asking()[:-20],
    "something behind it": asking() + b"}",
    "a list": written([{"role": "user", "content": APPLES}]),
    "a string": written(APPLES),
    "a number": b"1" * 5_000,
    "null": b"null",
    "messages that are no list": written({"messages": {"role": "user", "content": APPLES}}),
    "a message that is no object": written({"messages": [APPLES, 1, None], "input": [[APPLES]]}),
    "a role that is no string": written({"messages": [{"role": ["user"], "content": APPLES}]}),
    "a content that is a number": written({"messages": [{"role": "user", "content": 7}]}),
    "parts of every type": written(
        {"messages": [{"role": "user", "content": [None, 1, "x", [], {"type": 1, "text": APPLES}]}]}
    ),
    "a text that is an object": written(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": {"a": APPLES}}]}]}
    ),
    "an input of numbers": written({"input": [1, 2.5, True], "contents": [1, "x"]}),
    "parts that are no list": written({"contents": [{"role": "user", "parts": 3}]}),
    "contents of strings": written({"contents": {"parts": {"text": 5}}, "input": 5}),
    "a model that is a list": written({"model": [], "messages": 5, "contents": 5, "input": None}),
    "metadata of numbers": written({"metadata": {"user_id": 5}, "client_metadata": [1]}),
    "metadata that is broken JSON": written(
        {"metadata": {"user_id": '{"session_id": '}, "messages": [], "contents": []}
    ),
    "a name said twice": b'{"messages":[{"role":"user","content":"'
    + APPLES.encode()
    + b'","content":"x"}],"messages":[],"contents":[],"contents":[],"input":[],"input":[]}',
    "deep lists": b'{"messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep objects": b'{"contents":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "deep lists in a part": b'{"messages":[{"role":"user","content":[{"type":"text","text":'
    + b"[" * 20_000
    + b"]" * 20_000
    + b"}]}]}",
    "deep lists that never end": b"[" * 100_000,
    "invalid UTF-8 in a text": asking().replace(b"apples", b"app\xff\xfeles"),
    "UTF-16": asking().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + asking(),
    "a control character in a text": asking().replace(b"apples", b"app\x01les"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_odd_body_goes_on_as_it_came_and_its_answer_comes_back(
    body: bytes, path: str, scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    scene.provider.script(Step(status=422, body=b'{"scripted": true}'))

    answer = client.post(orchard.url + path, content=body)

    [seen] = scene.provider.requests
    assert without_memory(seen.body) == body
    assert not blocks(seen.body)
    assert (answer.status_code, answer.content) == (422, b'{"scripted": true}')
    assert answer.headers["x-memory-injected"] == "0"
    assert answer.headers["x-memory-why"]


def test_after_all_of_them_the_next_request_is_served_and_nothing_of_them_was_learned(
    scene: Scene, client: httpx.Client
) -> None:
    project = scene.project(IN_THE_CELLAR)
    for path in PATHS:
        for body in ODD.values():
            scene.provider.script(Step(body=b"[]"))
            client.post(project.url + path, content=body)

    scene.provider.always(Step(text=SAID))
    assert IN_THE_CELLAR in served(scene, project, client)
    assert scene.settled(project) == [(APPLES, SAID)]
    assert "Traceback" not in scene.proxy.log
    assert "northern" not in scene.proxy.log


LONE = asking("In which cellar are the apples \\ud83d stored? \\udc00\\ud800 \\ud83d\\ude00")


def test_halves_of_surrogate_pairs_cost_nobody_the_memory(
    scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    lone = LONE.replace(b"\\\\u", b"\\u")

    assert IN_THE_CELLAR in served(scene, orchard, client, lone)
    assert scene.provider.requests[0].body.endswith(lone[lone.index(b"In which cellar") :])


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
MISPACKED: dict[str, tuple[str, bytes]] = {
    **{f"{coding}, cut short": (coding, pack(asking())[:-12]) for coding, pack in PACKED.items()},
    **{f"{coding} that is none": (coding, asking()) for coding in PACKED},
    **{f"{coding} of nothing": (coding, b"") for coding in PACKED},
    "gzip that is zstd": ("gzip", PACKED["zstd"](asking())),
    "an unknown coding": ("snappy", asking()),
    "two codings": ("gzip, br", PACKED["br"](PACKED["gzip"](asking()))),
    "a codec of Python's": ("rot13", asking()),
    "another one": ("hex", asking().hex().encode()),
    "one that is empty": ("", asking() + b"\n}"),
    "one of odd letters": ("gz\u00efp".encode("latin-1").decode("latin-1"), asking()),
}


@pytest.mark.parametrize(("coding", "body"), MISPACKED.values(), ids=MISPACKED)
def test_a_body_that_is_not_packed_as_its_header_says_goes_on_as_it_came(
    coding: str, body: bytes, scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    scene.provider.script(Step(body=b"{}"))
    headers = [(b"content-encoding", coding.encode("latin-1"))]

    answer = client.post(orchard.url + CHAT, content=body, headers=headers)

    [seen] = scene.provider.requests
    assert seen.body == body
    assert seen.header("content-encoding") == coding
    assert answer.headers["x-memory-injected"] == "0"
    assert answer.headers["x-memory-why"]


def test_a_small_body_of_enormous_content_is_passed_on_unread(
    scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    bomb = zlib.compressobj(wbits=31)
    packed = b"".join(
        [bomb.compress(b" " * (1 << 20)) for _ in range(300)]
        + [bomb.compress(asking()), bomb.flush()]
    )
    scene.provider.script(Step(body=b"{}"))

    answer = client.post(orchard.url + CHAT, content=packed, headers={"content-encoding": "gzip"})

    assert scene.provider.requests[0].body == packed
    assert "longer than" in answer.headers["x-memory-why"]


# --- answers ---------------------------------------------------------------------------------

CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":%s}]}\n\n'
STREAM = ("content-type", "text/event-stream")
ANSWERS: dict[str, tuple[bytes, tuple[tuple[str, str], ...]]] = {
    "a stream without its end": (CHUNK % b'{"content":"secret recipe"}', (STREAM,)),
    "a stream that is cut within an event": (
        CHUNK % b'{"content":"secret recipe"}' + b'data: {"id',
        (STREAM,),
    ),
    "a stream of garbage": (b"data: secret recipe\n\ndata: [DONE]\n\n", (STREAM,)),
    "a stream of nothing": (b"", (STREAM,)),
    "a stream of invalid UTF-8": (CHUNK % b'{"content":"secret recipe\xff"}', (STREAM,)),
    "JSON that is cut short": (b'{"choices":[{"message":{"content":"secret recipe"', ()),
    "JSON of another kind": (b'["secret recipe"]', ()),
    "JSON of wrong types": (b'{"choices":{"message":["secret recipe"]},"usage":"many"}', ()),
    "a page": (b"<html>secret recipe</html>", (("content-type", "text/html"),)),
    "nothing": (b"", ()),
    "deep lists": (b"[" * 100_000 + b"]" * 100_000, ()),
    "an error in the stream": (
        CHUNK % b'{"content":"secret recipe"}' + b'data: {"error":{"message":"x","type":"y"}}\n\n',
        (STREAM,),
    ),
    "a coding that is none": (b"secret recipe", (("content-encoding", "gzip"),)),
    "an unknown coding": (b"secret recipe", (("content-encoding", "snappy"),)),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("body", "headers"), ANSWERS.values(), ids=ANSWERS)
def test_an_odd_answer_reaches_the_client_as_it_is(
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    path: str,
    *,
    scene: Scene,
    odd_answers: Project,
    client: httpx.Client,
) -> None:
    scene.provider.script(Step(body=body, headers=headers))
    question = {"role": "user", "content": APPLES, "parts": [{"text": APPLES}]}
    ask = written({"messages": [question], "input": [question], "contents": [question]})

    with client.stream("POST", odd_answers.url + path, content=ask) as answer:
        assert b"".join(answer.iter_raw()) == body
        assert answer.status_code == 200


@pytest.fixture(scope="module")
def odd_answers(module_memory: Scene) -> Project:
    return module_memory.project(IN_THE_CELLAR)


def test_nothing_of_an_odd_answer_was_learned(
    scene: Scene, odd_answers: Project, client: httpx.Client
) -> None:
    scene.provider.script(Step(text=SAID))

    assert IN_THE_CELLAR in served(scene, odd_answers, client)
    assert {answer for _, answer in scene.settled(odd_answers)} <= {SAID, ""}
    assert "secret recipe" not in str(odd_answers.texts)
    assert "Traceback" not in scene.proxy.log


NO_ANSWERS: dict[str, Step] = {
    "no HTTP": Step(garbage=b"\x16\x03\x01 what is this\r\n\r\n"),
    "an error": Step(status=500),
    "too many requests": Step(status=429),
    "a redirection": Step(status=307, headers=(("location", "/elsewhere"),)),
    "a page": Step(html="<title>Sorry</title>"),
    "silence": Step(stall=True),
}


@pytest.mark.parametrize("step", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_call_without_an_answer_is_learned_when_it_has_one_at_last(
    step: Step, scene: Scene, unanswered: Project, client: httpx.Client
) -> None:
    told, before = len(scene.settled(unanswered)), len(scene.provider.requests)
    scene.provider.script(step, Step(text=SAID))

    if step.stall:
        ask_and_leave(scene, unanswered)
    else:
        assert client.post(unanswered.url + CHAT, content=asking()).status_code != 200
    second = client.post(unanswered.url + CHAT, content=asking())

    assert second.status_code == 200
    seen = scene.provider.requests[before:]
    assert seen[0].body == seen[1].body
    assert IN_THE_CELLAR in str(blocks(seen[0].body))
    assert scene.settled(unanswered)[told:] == [(APPLES, SAID)]


def ask_and_leave(scene: Scene, project: Project) -> None:
    """Hang up as soon as the provider has the question."""
    before, body = len(scene.provider.requests), asking()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1:{project.port}\r\n"
    with socket.create_connection(("127.0.0.1", project.port), SECONDS) as line:
        line.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        scene.provider.wait_for(lambda: len(scene.provider.requests) > before)


@pytest.fixture(scope="module")
def unanswered(module_memory: Scene) -> Project:
    return module_memory.project(IN_THE_CELLAR)


# --- settings --------------------------------------------------------------------------------


@contextlib.contextmanager
def settings(scene: Scene, memory: str, is_taken_over: Callable[[], bool]) -> Iterator[None]:
    """Other settings for a while; the proxy takes them over within a second."""
    before = upstreams(scene.provider.url)
    scene.proxy.configure(before + memory)
    try:
        scene.proxy.wait_until(is_taken_over, SECONDS)
        yield
    finally:
        scene.proxy.configure(before + MEMORY)
        scene.proxy.wait_until(
            lambda: scene.proxy.ask("/health")["memory"]["state"] == "on", SECONDS
        )


def told(project: Project, client: httpx.Client, body: bytes = asking()) -> httpx.Headers:
    """What the headers tell of a request."""
    return client.post(project.url + CHAT, content=body).headers


def why(project: Project, client: httpx.Client, body: bytes = b"{}") -> str:
    """Why nothing went into a request; empty if nobody says so."""
    return str(told(project, client, body).get("x-memory-why", ""))


def test_memory_that_is_switched_off_gives_nothing_and_learns_nothing(
    scene: Scene, client: httpx.Client
) -> None:
    project = scene.project(IN_THE_CELLAR)

    def is_off() -> bool:
        return why(project, client) == "memory is off"

    with settings(scene, "memory: {enabled: false, report: true}\n", is_off):
        headers = told(project, client)
        assert headers["x-memory-injected"] == "0"
        assert headers["x-memory-why"] == "memory is off"
        assert scene.provider.requests[-1].body == asking()
    on_again(scene, project, client)
    assert [asked for asked, _ in scene.settled(project)] == []


def on_again(scene: Scene, project: Project, client: httpx.Client) -> None:
    scene.proxy.wait_until(lambda: why(project, client) != "memory is off", SECONDS)


def test_without_the_setting_no_header_tells_of_memory(
    scene: Scene, orchard: Project, client: httpx.Client
) -> None:
    def is_quiet() -> bool:
        return not why(orchard, client)

    with settings(scene, MEMORY.replace("report: true", "report: false"), is_quiet):
        headers = told(orchard, client)
        assert not [name for name in headers if name.startswith("x-memory")]
        assert blocks(scene.provider.requests[-1].body)
    scene.proxy.wait_until(lambda: why(orchard, client), SECONDS)


def test_what_is_longer_than_the_setting_allows_is_passed_on_unread(
    scene: Scene, client: httpx.Client
) -> None:
    project = scene.project(IN_THE_CELLAR)
    long = asking(APPLES + " " + "x" * (1 << 20))

    def is_short() -> bool:
        return "too long" in why(project, client, long)

    with settings(scene, MEMORY.replace("report", "longest_body: 1, report"), is_short):
        assert scene.provider.requests[-1].body == long
        scene.provider.reset()
        packed = gzip.compress(long)
        headers = client.post(
            project.url + CHAT, content=packed, headers={"content-encoding": "gzip"}
        ).headers
        assert "longer than" in headers["x-memory-why"]
        assert scene.provider.requests[0].body == packed
        with codex_of(scene, project, {}) as line:
            question = APPLES + " " + "x" * (1 << 20)
            line.send(json.dumps({"type": "response.create", "model": "m", "input": question}))
            line.hear()
        assert [frame.text for frame in scene.provider.frames] == line.sent
        assert IN_THE_CELLAR in served(scene, project, client)
    scene.proxy.wait_until(lambda: "too long" not in why(project, client, long), SECONDS)


# --- the disk --------------------------------------------------------------------------------


@contextlib.contextmanager
def held(project: Project, how: str) -> Iterator[None]:
    """Another program has the file to itself."""
    with contextlib.closing(sqlite3.connect(project.file, isolation_level=None)) as other:
        if how == "exclusive":
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute(f"BEGIN {how.upper()}")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("how", "is_open"),
    [
        pytest.param("immediate", True, id="open"),
        pytest.param("immediate", False, id="not opened yet"),
        pytest.param("exclusive", False, id="not opened yet, and not to be read either"),
    ],
)
def test_a_file_that_another_program_holds_stops_no_request(
    how: str, is_open: bool, scene: Scene, client: httpx.Client
) -> None:
    project = scene.project(IN_THE_CELLAR)
    scene.provider.always(Step(text=SAID))
    if is_open:
        served(scene, project, client)
        scene.proxy.wait_until(lambda: project.notes and project.told, SECONDS)
    told = len(project.told)

    with held(project, how):
        served(scene, project, client, asking(APPLES + " Tell me."))
    blocked = scene.settled(project)

    assert [asked for asked, _ in blocked[told:]] == [APPLES + " Tell me."]
    assert IN_THE_CELLAR in served(scene, project, client, asking(APPLES + " Once more."))


def damage(project: Project) -> None:
    size = project.file.stat().st_size
    with project.file.open("r+b") as file:
        file.write(b"\xa5" * size)


def delete(project: Project) -> None:
    for path in project.file.parent.glob(f"{project.file.name}*"):
        path.unlink()


@pytest.mark.parametrize("harm", [damage, delete])
def test_a_file_that_is_lost_while_it_is_open_stops_no_request(
    harm: Callable[[Project], None], scene: Scene, client: httpx.Client
) -> None:
    project = scene.project(IN_THE_CELLAR)
    scene.provider.always(Step(text=SAID))
    served(scene, project, client)
    scene.proxy.wait_until(lambda: project.notes and project.told, SECONDS)

    harm(project)
    for number in range(3):
        served(scene, project, client, asking(f"{APPLES} This is attempt {number}."))

    scene.proxy.wait_until(
        lambda: (
            served(scene, project, client, asking("The geese are fed by Ottilie at seven."))
            and any("geese" in asked for asked, _ in project.told)
        ),
        SECONDS,
    )
    scene.proxy.wait_until(
        lambda: "Ottilie" in served(scene, project, client, asking("Who feeds the geese?")),
        SECONDS,
    )
