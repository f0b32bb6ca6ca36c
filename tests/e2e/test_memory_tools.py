"""What real tools send: which of their calls get memory, where, and what is told of it."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import brotli  # type: ignore[import-untyped]  # ships no type hints
import httpx
import pytest
import zstandard

from tests.bodies import captured
from tests.e2e.http2_client import alpn
from tests.e2e.memory_bodies import blocks, is_reminded, messages, persons, without_memory
from tests.e2e.memory_scene import SECONDS, Project, Scene, saved_flows
from tests.fakes import Seen, Step

APPLES, PEARS = "In which cellar are the apples stored?", "At which market are the pears sold?"
IN_THE_CELLAR = "The apples are stored in the northern cellar."
IN_KETTWIG = "The pears are sold at the market in Kettwig."
SEEDS = (IN_THE_CELLAR, IN_KETTWIG)
# What was typed where the requests were captured, and what shall have been.
TYPED = {
    "Please run the shell command `echo hi` with your shell tool, twice, then tell me what it"
    " printed.": APPLES,
    "And what was the first thing I asked?": PEARS,
    "Please use a subagent for this, then tell me what it said.": APPLES,
    "Say hi": APPLES,
}
HOSTS = {
    "claude": "api.anthropic.com",
    "codex": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
    "opencode-openai": "api.openai.com",
    "opencode": "api.anthropic.com",
}
HOP_BY_HOP = ("host", "connection", "content-length", "accept-encoding", "transfer-encoding")


@pytest.fixture
def scene(module_memory: Scene) -> Scene:
    module_memory.provider.reset()
    return module_memory


@pytest.fixture(scope="module")
def orchard(module_memory: Scene) -> Project:
    return module_memory.project(*SEEDS)


def body_of(name: str) -> bytes:
    body = captured(name).raw
    for was, typed in TYPED.items():
        body = body.replace(was.encode(), typed.encode())
    return body


def replay(
    scene: Scene,
    project: Project,
    name: str,
    *,
    path: str | None = None,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> httpx.Response:
    """Send a captured request as its tool does behind HTTPS_PROXY."""
    request = captured(name)
    host = next(host for tool, host in HOSTS.items() if name.startswith(tool))
    told = [pair for pair in request.headers if pair[0].lower() not in HOP_BY_HOP]
    with httpx.Client(
        proxy=project.url, verify=scene.proxy.trust(), trust_env=False, timeout=SECONDS
    ) as client:
        return client.request(
            request.method,
            f"https://{host}{path or request.path}",
            headers=[*told, *(headers or {}).items()],
            content=body_of(name) if body is None else body,
        )


# --- who gets memory, and who does not -------------------------------------------------------

REMINDED = (
    "claude-base-main",
    "claude-main",
    "claude-oauth-main",
    "claude-agent-before",
    "claude-subagent",
    "codex-http-main",
    "codex-http-tool-before",
    "gemini-base-main",
    "gemini-main",
    "gemini-subagent",
    "opencode-main",
    "opencode-openai-main",
    "opencode-subagent",
)


@pytest.mark.parametrize("name", REMINDED)
def test_a_turn_of_a_tool_gets_memory_before_what_was_typed(
    name: str, scene: Scene, orchard: Project
) -> None:
    answer = replay(scene, orchard, name)

    [seen] = scene.provider.requests
    assert without_memory(seen.body) == body_of(name)
    assert len(blocks(seen.body)) == 1
    [typed] = [texts for texts in persons(seen.json()) if APPLES in "".join(texts)]
    assert is_reminded(typed, APPLES)
    assert IN_THE_CELLAR in "".join(typed)
    assert "cache_control" not in str(blocks(seen.body))
    assert answer.headers["x-memory-injected"] == str(answer.headers["x-memory-ids"].count(" ") + 1)
    assert int(answer.headers["x-memory-tokens"]) > 0
    assert float(answer.headers["x-memory-ms"]) >= 0


AUXILIARY = {"x-claude-code-request-class": "auxiliary"}
COMPACTION = {"x-claude-code-request-class": "compaction"}
ASIDE: dict[str, tuple[str, str | None, dict[str, str] | None, str]] = {
    "Claude Code's count of tokens": ("claude-main", "/v1/messages/count_tokens", None, ""),
    "Claude Code's title": ("claude-base-main", None, AUXILIARY, "not a person's turn"),
    "Claude Code's compaction": ("claude-base-main", None, COMPACTION, "not a person's turn"),
    "Claude Code's telemetry": ("claude-side-eval", None, None, ""),
    "Claude Code in mid-turn": ("claude-tool", None, None, "this turn began without memory"),
    "OpenCode's title": ("opencode-side-title", None, None, "not a person's turn: title"),
    "OpenCode's title, OpenAI": (
        "opencode-openai-side-title",
        None,
        None,
        "not a person's turn: title",
    ),
    "Gemini CLI's router": ("gemini-side-router", None, None, "not a person's turn: router"),
    "Gemini CLI's router, resumed": (
        "gemini-side-resume-router",
        None,
        None,
        "not a person's turn: router",
    ),
}


@pytest.mark.parametrize(("name", "path", "headers", "why"), ASIDE.values(), ids=ASIDE)
def test_a_call_aside_gets_none_and_is_not_learned(
    name: str,
    path: str | None,
    headers: dict[str, str] | None,
    why: str,
    *,
    scene: Scene,
    aside: Project,
) -> None:
    told = scene.settled(aside)
    scene.provider.reset()
    answer = replay(scene, aside, name, path=path, headers=headers)

    [seen] = scene.provider.requests
    assert seen.body == body_of(name)
    assert answer.headers.get("x-memory-why", "").startswith(why)
    assert bool(why) == ("x-memory-why" in answer.headers)
    # The person's words and the answer are there also where no memory could go in any more.
    assert scene.settled(aside) == told or name == "claude-tool"


@pytest.fixture(scope="module")
def aside(module_memory: Scene) -> Project:
    return module_memory.project(*SEEDS)


def test_a_subagent_is_reminded_and_not_learned_from(scene: Scene) -> None:
    project = scene.project(*SEEDS)

    for name in ("claude-subagent", "opencode-subagent"):
        replay(scene, project, name)

    assert [len(blocks(seen.body)) for seen in scene.provider.requests] == [1, 1]
    assert scene.settled(project) == []


# --- two tool rounds, and the session resumed ------------------------------------------------

SESSIONS = {
    tool: tuple(f"{tool}-{part}" for part in ("tool-before", "tool", "tool-second", "resume"))
    for tool in ("claude", "codex-http", "gemini", "opencode", "opencode-openai")
}
SAID = ("It is the northern one.", "In Kettwig, as I said.")
STEPS = (
    Step(tool_call=("look_up", {"what": "cellar"})),
    Step(tool_call=("look_up", {"what": "shelf"})),
    Step(text=SAID[0]),
    Step(text=SAID[1]),
)


@pytest.mark.parametrize("names", SESSIONS.values(), ids=SESSIONS)
def test_a_tools_session_keeps_its_memory_at_the_same_place_and_is_learned(
    names: tuple[str, ...], scene: Scene
) -> None:
    project = scene.project(*SEEDS)
    scene.provider.script(*STEPS)

    for name in names:
        assert replay(scene, project, name).status_code == 200

    seen = scene.provider.requests
    assert [without_memory(each.body) for each in seen] == [body_of(name) for name in names]
    assert [len(blocks(each.body)) for each in seen] == [1, 1, 1, 2]
    [first] = {blocks(each.body)[0] for each in seen}
    assert IN_THE_CELLAR in first.decode()
    assert IN_KETTWIG in blocks(seen[3].body)[1].decode()
    for each in seen:
        [typed] = [texts for texts in persons(each.json()) if APPLES in "".join(texts)]
        assert is_reminded(typed, APPLES)
    assert is_reminded(persons(seen[3].json())[-1], PEARS)
    assert scene.settled(project) == [(APPLES, SAID[0]), (PEARS, SAID[1])]
    everything = str([*project.exported("exchange"), *project.exported("memory")])
    for strange in ("recalled-memory", "system-reminder", "session_context", "environment_context"):
        assert strange not in everything


# --- compressed bodies -----------------------------------------------------------------------

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_body_stays_compressed_as_it_was(
    coding: str, scene: Scene, orchard: Project
) -> None:
    body = body_of("codex-http-main")

    answer = replay(
        scene,
        orchard,
        "codex-http-main",
        headers={"content-encoding": coding},
        body=CODINGS[coding](body),
    )

    [seen] = scene.provider.requests
    assert answer.status_code == 200
    assert seen.header("content-encoding") == coding
    assert seen.header("content-length") == str(len(seen.body))
    assert len(blocks(seen.decoded)) == 1
    assert without_memory(seen.decoded) == body


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_body_into_which_nothing_goes_is_the_clients_own(
    coding: str, scene: Scene, orchard: Project
) -> None:
    body = CODINGS[coding](body_of("opencode-side-title"))

    replay(scene, orchard, "opencode-side-title", headers={"content-encoding": coding}, body=body)

    [seen] = scene.provider.requests
    assert seen.body == body


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_compressed_answer_is_understood(coding: Any, scene: Scene, answers: Project) -> None:
    told = len(scene.settled(answers))
    for name in ("claude-main", "codex-http-main", "gemini-main", "opencode-main"):
        scene.provider.script(Step(text=f"The northern one, says {name}.", compress=coding))
        assert replay(scene, answers, name, headers=fresh(name, coding)).status_code == 200

    said = [answer for _, answer in scene.settled(answers)[told:]]
    assert "The northern one, says gemini-main." in said
    assert len(said) == len(set(said))


@pytest.fixture(scope="module")
def answers(module_memory: Scene) -> Project:
    return module_memory.project(*SEEDS)


def fresh(name: str, session: str) -> dict[str, str]:
    """A session of its own, where the tool names it in a header."""
    header = {"claude": "x-claude-code-session-id", "opencode": "x-session-id"}
    return {header[tool]: session for tool in header if name.startswith(tool)}


# --- ways to send a body -----------------------------------------------------------------------


@pytest.mark.parametrize("is_http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["at once", "in chunks"])
def test_a_body_arrives_whole_however_it_is_sent(
    is_chunked: bool, is_http2: bool, scene: Scene, orchard: Project
) -> None:
    body = body_of("codex-http-main")
    offer = ("h2", "http/1.1") if is_http2 else ("http/1.1",)
    pieces = iter([body[:700], body[700:9_000], body[9_000:]])
    with httpx.Client(
        proxy=orchard.url,
        verify=alpn(scene.proxy.ca_file, *offer),
        trust_env=False,
        timeout=SECONDS,
        http2=is_http2,
    ) as client:
        answer = client.post(
            "https://api.openai.com/v1/responses",
            content=pieces if is_chunked else body,
            headers={"user-agent": "codex_exec/0.169.0"},
        )

    [seen] = scene.provider.requests
    assert answer.status_code == 200
    assert answer.http_version == ("HTTP/2" if is_http2 else "HTTP/1.1")
    assert len(blocks(seen.body)) == 1
    assert without_memory(seen.body) == body
    lengths = seen.header_values("content-length")
    assert lengths in ([], [str(len(seen.body))])
    assert bool(lengths) != bool(seen.header("transfer-encoding"))


# --- what is told ----------------------------------------------------------------------------


def test_flows_and_log_tell_what_went_in_in_numbers_only(scene: Scene) -> None:
    project = scene.project(*SEEDS)
    said = "The one on the north side, as far as the ledger knows."
    scene.provider.script(Step(text=said))

    answer = replay(scene, project, "claude-main")
    replay(scene, project, "opencode-side-title")

    [main, title] = scene.provider.requests
    flows = flows_of(scene, project)
    with_memory = flows[0].metadata["memory_proxy_memory"]
    assert with_memory["memories"] == answer.headers["x-memory-ids"].split()
    assert with_memory["tokens"] == int(answer.headers["x-memory-tokens"])
    assert with_memory["turns"] == 1
    assert with_memory["milliseconds"] == float(answer.headers["x-memory-ms"])
    assert with_memory["why"] == answer.headers["x-memory-why"] == "1 memory by words only"
    assert with_memory["why"] in flows[0].comment
    usage = flows[0].metadata["memory_proxy_usage"]
    assert usage["input"] == tokens_told(answer)
    assert usage["cache_read"] == usage["cache_written"] == 0
    assert usage["output"] > 0
    assert flows[1].metadata["memory_proxy_memory"]["memories"] == []
    assert flows[1].metadata["memory_proxy_memory"]["why"] == "not a person's turn: title"
    with project.memory() as store:
        kept = store.get(with_memory["memories"][0])
    assert kept is not None
    assert kept.text == IN_THE_CELLAR

    def lines() -> list[str]:
        return [line for line in scene.proxy.log.splitlines() if f"{project.path} " in line]

    scene.proxy.wait_until(lambda: len(lines()) == 2, SECONDS)  # a flow is saved before it is told
    first, second = lines()
    assert f"memories=1 memory_tokens={with_memory['tokens']} memory_ms=" in first
    assert f"input={usage['input']} cache_read=0 cache_written=0 output=" in first
    assert "memories=0 memory_tokens=0" in second
    for private in (APPLES, IN_THE_CELLAR, said, "recalled-memory", "northern"):
        assert private not in scene.proxy.log
    assert [len(blocks(seen.body)) for seen in (main, title)] == [1, 0]


def flows_of(scene: Scene, project: Project) -> list[Any]:
    """The saved model calls of a project."""

    def found() -> list[Any]:
        return [
            flow
            for flow in saved_flows(scene.proxy)
            if flow.metadata.get("memory_proxy", {}).get("project") == str(project.path.resolve())
        ]

    scene.proxy.wait_until(lambda: len(found()) == 2, SECONDS)
    return found()


def tokens_told(answer: httpx.Response) -> int:
    """What the provider says that it has read."""
    _, _, rest = answer.text.partition('"input_tokens":')
    return int(rest.split(",")[0])


def newest(scene: Scene) -> Seen:
    return scene.provider.requests[-1]


@pytest.mark.parametrize("name", ["claude-main", "gemini-main", "codex-http-main"])
def test_the_same_words_in_a_new_session_get_a_block_of_their_own(name: str, scene: Scene) -> None:
    project = scene.project(IN_THE_CELLAR)
    replay(scene, project, name)
    scene.settled(project)
    project.seed("The apples of the old tree are stored in the cellar of the barn.")

    other = captured(name)
    body = body_of(name)
    for _, session in other.headers:
        if len(session) == 36 and session.count("-") == 4:
            body = body.replace(session.encode(), b"0" * 36)
    replay(scene, project, name, headers=fresh(name, "another"), body=body)

    assert "old tree" in str(blocks(newest(scene).body))
    assert messages(newest(scene).json())
