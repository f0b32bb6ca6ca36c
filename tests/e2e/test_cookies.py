"""A Cloudflare challenge that one call passed stays passed, for whoever passed it."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import anthropic
import groq
import httpx
import openai
import pytest
from google import genai

from routing.port_registry import PortRegistry
from tests.e2e import sdk_calls
from tests.e2e.mitmdump import Mitmdump
from tests.e2e.sdks import Clients, Way, reach
from tests.e2e.tunnel import everything_from, tunnel
from tests.fakes import Authority, Provider, Seen, Step

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = CHAT | {"max_tokens": 5}
PASSED = ("cf_clearance", "passed")
# Two names of this machine stand for two hosts.
SETTINGS = """
upstream_ca: {ca}
providers:
  openai: {{upstream: 'https://127.0.0.1:{port}'}}
  anthropic: {{upstream: 'https://127.0.0.1:{port}'}}
  gemini: {{upstream: 'https://127.0.0.1:{port}'}}
  groq: {{upstream: 'https://localhost:{port}'}}
  a: {{hosts: [a.example]}}
  b: {{hosts: [b.example]}}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    proxy: Mitmdump
    provider: Provider
    other_port: int
    """Of another project."""


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a provider; each use is a new client, which keeps no cookies."""

    scene: Scene
    method: str = "POST"
    url: str = "https://api.openai.com/v1/chat/completions"
    body: dict[str, Any] | None = field(default_factory=lambda: CHAT)
    credential: str = "authorization"
    http2: bool = False

    def __call__(
        self,
        key: str,
        *,
        cookie: str | tuple[str, ...] = (),
        port: int | None = None,
        url: str = "",
    ) -> httpx.Response:
        proxy = self.scene.proxy
        value = f"Bearer {key}" if self.credential == "authorization" else key
        headers = [(self.credential, value)] if key and self.credential != "key" else []
        cookies = (cookie,) if isinstance(cookie, str) else cookie
        headers += [("cookie", one) for one in cookies]
        wanted = url or self.url
        if self.credential == "key":
            wanted += f"{'&' if '?' in wanted else '?'}key={key}"
        with httpx.Client(
            proxy=f"http://127.0.0.1:{port or proxy.port}",
            verify=proxy.trust(),
            http2=self.http2,
            trust_env=False,
            timeout=20,
        ) as client:
            return client.request(self.method, wanted, json=self.body, headers=headers)


type Make = Callable[[Scene], Call]

GEMINI = "https://generativelanguage.googleapis.com/v1beta/models"
WAYS: dict[str, Make] = {
    "a call": Call,
    "a streamed call": lambda scene: Call(scene, body=CHAT | {"stream": True}),
    "a call over HTTP/2": lambda scene: Call(scene, http2=True),
    "a list of models": lambda scene: Call(
        scene, "GET", "https://api.openai.com/v1/models", body=None
    ),
    "a list of models over HTTP/2": lambda scene: Call(
        scene, "GET", "https://api.openai.com/v1/models", body=None, http2=True
    ),
    "a key of Anthropic's": lambda scene: Call(
        scene, url="https://api.anthropic.com/v1/messages", body=MESSAGES, credential="x-api-key"
    ),
    "a key in the query": lambda scene: Call(
        scene,
        url=f"{GEMINI}/g:generateContent",
        body={"contents": [{"parts": [{"text": "hi"}]}]},
        credential="key",
    ),
}


@pytest.fixture(scope="module")
def module_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("cookies")
    authority = Authority(directory)
    with Provider(tls=authority.server_context("a.example", "b.example")) as provider:
        proxy = Mitmdump(directory, SETTINGS.format(ca=authority.pem_path, port=provider.port))
        other = directory / "other"
        other.mkdir()
        registry = PortRegistry(
            proxy.home / "ports.json", first=proxy.shared_port + 1, last=proxy.shared_port + 19
        )
        other_port = registry.get_or_allocate_port(other)
        with proxy:
            yield Scene(proxy, provider, other_port)


@pytest.fixture
def scene(module_scene: Scene) -> Scene:
    module_scene.provider.reset()
    return module_scene


@pytest.fixture
def key() -> str:
    """An account that no other test has."""
    return f"sk-{uuid.uuid4()}"


@pytest.fixture(params=["by base URL", "through the proxy"])
def root(
    request: pytest.FixtureRequest, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> str | None:
    way: Way = request.param
    return reach(way, scene.proxy, monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_a_challenge_that_was_passed_stays_passed(scene: Scene, key: str, way: str) -> None:
    call = WAYS[way](scene)
    scene.provider.always(Step(demand_cookie=PASSED))

    challenge, passed, again = call(key), call(key), call(key)

    assert [one.status_code for one in (challenge, passed, again)] == [403, 200, 200]
    assert [cookies_of(seen) for seen in scene.provider.requests] == [
        [],
        ["cf_clearance=passed"],
        ["cf_clearance=passed"],
    ]


@pytest.mark.usefixtures("nobodys_settings")
@pytest.mark.parametrize(
    ("ask", "challenged"),
    [
        pytest.param(sdk_calls.chat, openai.PermissionDeniedError, id="openai"),
        pytest.param(sdk_calls.chat_stream, openai.PermissionDeniedError, id="openai, streamed"),
        pytest.param(sdk_calls.responses, openai.PermissionDeniedError, id="openai, responses"),
        pytest.param(sdk_calls.messages, anthropic.PermissionDeniedError, id="anthropic"),
        pytest.param(
            sdk_calls.messages_stream, anthropic.PermissionDeniedError, id="anthropic, streamed"
        ),
        pytest.param(sdk_calls.groq_chat, groq.PermissionDeniedError, id="groq"),
        pytest.param(sdk_calls.gemini, genai.errors.ClientError, id="gemini"),
    ],
)
def test_an_official_sdk_is_challenged_once(
    scene: Scene,
    key: str,
    root: str | None,
    ask: Callable[[Clients], object],
    challenged: type[Exception],
) -> None:
    """Each call is a new client's, as in a tool that is started anew."""
    clients = Clients(root, is_mounted=True, key=key)
    scene.provider.always(Step(demand_cookie=PASSED, text="welcome"))

    with pytest.raises(challenged) as refused:
        ask(clients)
    answers = [ask(clients), ask(clients)]

    headers = refused.value.response.headers  # type: ignore[attr-defined]
    assert headers["cf-mitigated"] == "challenge"
    assert answers == ["welcome", "welcome"]
    assert [cookies_of(seen) for seen in scene.provider.requests] == [
        [],
        ["cf_clearance=passed"],
        ["cf_clearance=passed"],
    ]


@pytest.mark.parametrize("name", ["cf_clearance", "__cf_bm", "__cflb", "_cfuvid", "cf_chl_rc_i"])
def test_each_of_cloudflares_cookies_goes_out_again(scene: Scene, key: str, name: str) -> None:
    call = Call(scene)
    scene.provider.script(Step(set_cookies=(f"{name}=v=1; Path=/; Secure; HttpOnly",)))

    call(key)
    call(key)

    assert sent_last(scene) == [f"{name}=v=1"]


def test_a_cookie_goes_along_from_one_kind_of_request_to_another(scene: Scene, key: str) -> None:
    scene.provider.script(Step(set_cookies=("__cf_bm=1; path=/",)))

    WAYS["a list of models over HTTP/2"](scene)(key)
    WAYS["a streamed call"](scene)(key)

    assert sent_last(scene) == ["__cf_bm=1"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda call, key: call(f"{key}-other"), id="account"),
        pytest.param(lambda call, key: call(""), id="nobody's account"),
        pytest.param(lambda call, key: call(key, port=call.scene.other_port), id="project"),
        pytest.param(lambda call, key: call(key, port=call.scene.proxy.shared_port), id="port"),
        pytest.param(
            lambda call, key: call(key, url="https://api.groq.com/openai/v1/chat/completions"),
            id="host",
        ),
    ],
)
def test_a_cookie_goes_to_no_other(
    scene: Scene, key: str, other: Callable[[Call, str], httpx.Response]
) -> None:
    call = Call(scene)
    scene.provider.script(Step(set_cookies=("cf_clearance=mine; Path=/; Secure",)))

    call(key)
    other(call, key)
    elsewhere = sent_last(scene)
    call(key)

    assert (elsewhere, sent_last(scene)) == ([], ["cf_clearance=mine"])


@pytest.mark.parametrize("domain", ["", "; Domain=.a.example"])
def test_hosts_at_one_address_do_not_share_a_cookie(scene: Scene, key: str, domain: str) -> None:
    scene.provider.script(Step(set_cookies=(f"cf_clearance=mine; Path=/{domain}; Secure",)))

    for host in ("a.example", "b.example", "a.example"):
        ask_at_an_address(scene, host, key)

    assert [cookies_of(seen) for seen in scene.provider.requests] == [
        [],
        [],
        ["cf_clearance=mine"],
    ]


def test_a_cookie_does_not_leave_the_provider_for_a_stranger(
    scene: Scene, key: str, provider: Provider
) -> None:
    scene.provider.script(Step(set_cookies=("cf_clearance=mine; Path=/",)))

    Call(scene)(key)
    Call(scene, url=f"http://127.0.0.1:{provider.port}/v1/chat/completions")(key)

    assert cookies_of(provider.requests[-1]) == []


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_the_clients_own_cookie_wins(scene: Scene, key: str, http2: bool) -> None:
    call = Call(scene, http2=http2)
    scene.provider.script(Step(set_cookies=("cf_clearance=ours; Path=/", "__cf_bm=b; Path=/")))

    call(key)
    call(key, cookie=("session=1", "cf_clearance=own"))

    (sent,) = sent_last(scene)
    assert sent == "session=1; cf_clearance=own; __cf_bm=b"


def test_a_client_with_cookies_of_its_own_and_nothing_kept_is_left_alone(
    scene: Scene, key: str
) -> None:
    Call(scene)(key, cookie="a=1;  b=2;")

    assert sent_last(scene) == ["a=1;  b=2;"]


def test_no_other_cookie_is_kept(scene: Scene, key: str) -> None:
    scene.provider.script(
        Step(set_cookies=("session=1; Path=/", "__Secure-next-auth=2; Secure", "cf_other=3"))
    )

    Call(scene)(key)
    Call(scene)(key)

    assert sent_last(scene) == []


@pytest.mark.parametrize("way", ["a call", "a streamed call", "a list of models over HTTP/2"])
def test_what_sets_a_cookie_reaches_the_client_unchanged(scene: Scene, key: str, way: str) -> None:
    cookies = (
        "cf_clearance=a=b; Path=/; Expires=Wed, 21 Oct 2065 07:28:00 GMT; SameSite=None; Secure",
        "session=1; HttpOnly",
        "__cf_bm=2;path=/;max-age=1800",
    )
    scene.provider.script(Step(set_cookies=cookies))

    answer = WAYS[way](scene)(key)

    assert answer.headers.get_list("set-cookie") == list(cookies)


@pytest.mark.parametrize(
    "end",
    [
        "cf_clearance=; Path=/; Max-Age=0",
        "cf_clearance=passed; Path=/; Max-Age=-1",
        "cf_clearance=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ],
)
def test_a_cookie_that_is_ended_is_forgotten(scene: Scene, key: str, end: str) -> None:
    call = Call(scene)
    scene.provider.script(
        Step(set_cookies=("cf_clearance=passed; Path=/; Max-Age=1800",)), Step(set_cookies=(end,))
    )

    for _ in range(3):
        call(key)

    assert [cookies_of(seen) for seen in scene.provider.requests] == [
        [],
        ["cf_clearance=passed"],
        [],
    ]


def test_a_cookie_set_by_an_error_counts_too(scene: Scene, key: str) -> None:
    scene.provider.script(Step(status=529, set_cookies=("__cf_bm=1; Path=/",)))

    assert Call(scene)(key).status_code == 529
    Call(scene)(key)

    assert sent_last(scene) == ["__cf_bm=1"]


def test_no_cookie_is_told_in_the_log(scene: Scene, key: str) -> None:
    before = len(scene.proxy.log)
    scene.provider.script(Step(set_cookies=("cf_clearance=not-for-the-log; Path=/",)))

    Call(scene)(key)
    Call(scene)(key)

    assert sent_last(scene) == ["cf_clearance=not-for-the-log"]
    scene.proxy.wait_until(lambda: scene.proxy.log[before:].count(" call POST openai ") > 1)
    assert "not-for-the-log" not in scene.proxy.log
    assert key not in scene.proxy.log


def ask_at_an_address(scene: Scene, host: str, key: str) -> None:
    """As a client does that looks names up itself."""
    head = f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
    with (
        tunnel(scene.proxy, "127.0.0.1", scene.provider.port) as line,
        scene.proxy.trust().wrap_socket(line, server_hostname=host) as session,
    ):
        session.sendall(f"{head}connection: close\r\n\r\n".encode())
        assert everything_from(session).startswith(b"HTTP/1.1 200")


def cookies_of(seen: Seen) -> list[str]:
    return seen.header_values("cookie")


def sent_last(scene: Scene) -> list[str]:
    return cookies_of(scene.provider.requests[-1])
