"""The official SDKs, by base URL and through the proxy, as if we were not there."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import anthropic
import groq
import httpx
import openai
import pytest
from google import genai

from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.e2e.sdk_calls import (
    EVERY_CALL,
    OTHER_CALLS,
    TEXT_CALLS,
    TOOL_CALLS,
    Call,
    async_chat,
    chat,
    chat_stream,
    gemini,
    groq_chat,
    messages,
    messages_stream,
    name_of,
    responses,
)
from tests.e2e.sdks import (
    ASKED,
    KEY,
    MODEL,
    QUESTION,
    SECOND_KEY,
    TEXT,
    TOOL,
    Clients,
    Way,
    raw_client,
    reach,
)
from tests.fakes import Provider, Seen, Step
from tests.fakes.endpoints import query_of
from tests.fakes.service import credentials

pytestmark = pytest.mark.usefixtures("nobodys_settings")


@pytest.fixture(params=["by base URL", "through the proxy"])
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture
def root(way: Way, direct: Mitmdump, monkeypatch: pytest.MonkeyPatch) -> str | None:
    return reach(way, direct, monkeypatch)


@pytest.fixture
def clients(root: str | None) -> Clients:
    return Clients(root, is_mounted=True)


@pytest.fixture
def without_us(provider: Provider) -> Clients:
    """The same SDKs, straight to the provider."""
    return Clients(provider.url, is_mounted=False)


@pytest.mark.parametrize("call", TEXT_CALLS, ids=name_of)
def test_an_sdk_gets_the_text_that_the_provider_said(
    call: Call, clients: Clients, provider: Provider
) -> None:
    provider.always(Step(text=TEXT))

    assert call(clients) == TEXT
    assert len(provider.requests) == 1


@pytest.mark.parametrize("call", TOOL_CALLS, ids=name_of)
def test_an_sdk_gets_the_tool_call_that_the_provider_made(
    call: Call, clients: Clients, provider: Provider
) -> None:
    provider.always(Step(tool_call=TOOL))

    assert call(clients) == TOOL


@pytest.mark.parametrize(("call", "answer"), OTHER_CALLS, ids=name_of)
def test_what_generates_nothing_is_answered_too(
    call: Call, answer: object, clients: Clients, provider: Provider
) -> None:
    assert call(clients) == answer


@pytest.mark.parametrize("call", EVERY_CALL, ids=name_of)
def test_the_provider_sees_what_the_sdk_would_send_it_without_us(
    call: Call, clients: Clients, without_us: Clients, provider: Provider
) -> None:
    provider.always(Step(text=TEXT, tool_call=TOOL))
    wanted = request_of(call, without_us, provider)
    seen = request_of(call, clients, provider)

    assert (seen.method, seen.path) == (wanted.method, wanted.path)
    assert seen.body == wanted.body
    assert seen.headers == wanted.headers  # names, values, order, and which letters are capitals


def request_of(call: Call, clients: Clients, provider: Provider) -> Seen:
    before = len(provider.requests)
    call(clients)
    [seen] = provider.requests[before:]
    return seen


@pytest.mark.parametrize("query", ["a=%2F&b=+&&c", "beta=true", "q=%E7%81%B0&q=2;3", "?", ""])
def test_a_query_string_is_kept_byte_for_byte(
    query: str, way: Way, direct: Mitmdump, provider: Provider
) -> None:
    with raw_client(way, direct) as client:
        client.post(f"/v1/chat/completions?{query}", json={"messages": ASKED})

    assert provider.requests[0].path == f"/v1/chat/completions?{query}"


def test_an_sdks_own_query_parameters_arrive(clients: Clients, provider: Provider) -> None:
    with clients.to_openai() as client:
        client.chat.completions.create(
            model=MODEL, messages=ASKED, extra_query={"api-version": "2026-01-01", "a": "b c/d"}
        )

    assert query_of(provider.requests[0]) == {"api-version": "2026-01-01", "a": "b c/d"}


BROKEN_BODIES = {
    "cut short": b'{"model": "m", "messages": [{"role": "user", "content": "h',
    "no JSON": b"\x00\xff not JSON \r\n",
    "empty": b"",
}
PATHS = {
    "/v1/chat/completions": "api.openai.com",
    "/v1/responses": "api.openai.com",
    "/v1/embeddings": "api.openai.com",
    "/v1/messages": "api.anthropic.com",
    "/v1/messages/count_tokens": "api.anthropic.com",
    "/v1beta/models/m:generateContent": "generativelanguage.googleapis.com",
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_not_json_is_refused_by_the_provider_itself(
    path: str, body: bytes, way: Way, direct: Mitmdump, provider: Provider
) -> None:
    with httpx.Client(trust_env=False) as client:
        wanted = client.post(provider.url + path, content=body)
    provider.reset()  # so that both requests have the same number
    with raw_client(way, direct, PATHS[path]) as client:
        answer = client.post(path, content=body, headers={"x-memory-project": "p"})

    assert answer.status_code == wanted.status_code == 400
    assert answer.headers.raw == wanted.headers.raw
    assert answer.content == wanted.content
    assert provider.requests[0].body == body


@pytest.mark.parametrize("call", [chat, responses, groq_chat, messages, gemini], ids=name_of)
def test_a_new_key_is_used_from_the_next_call_on(
    call: Call, clients: Clients, provider: Provider
) -> None:
    call(clients)
    call(replace(clients, key=SECOND_KEY))

    first, second = map(credentials, provider.requests)
    assert KEY in first
    assert SECOND_KEY not in first
    assert SECOND_KEY in second
    assert KEY not in second


def test_a_client_may_change_its_key_on_an_open_connection(
    clients: Clients, provider: Provider
) -> None:
    with clients.to_openai() as client:
        client.models.list()
        client.api_key = SECOND_KEY
        client.models.list()

    first, second = provider.requests
    assert first.header("authorization") == f"Bearer {KEY}"
    assert second.header("authorization") == f"Bearer {SECOND_KEY}"


@pytest.fixture(scope="module")
def locked() -> Iterator[Provider]:
    """A provider that knows one key."""
    with Provider(keys={SECOND_KEY}) as provider:
        yield provider


@pytest.fixture(scope="module")
def before_locked(locked: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitmdump]:
    with Mitmdump(tmp_path_factory.mktemp("locked"), upstreams(locked.url)) as proxy:
        yield proxy


REFUSALS: tuple[tuple[Call, type[Exception]], ...] = (
    (chat, openai.AuthenticationError),
    (chat_stream, openai.AuthenticationError),
    (responses, openai.AuthenticationError),
    (groq_chat, groq.AuthenticationError),
    (messages, anthropic.AuthenticationError),
    (gemini, genai.errors.ClientError),
)


@pytest.mark.parametrize(("call", "refusal"), REFUSALS, ids=name_of)
def test_a_wrong_key_is_refused_by_the_provider_and_a_right_one_is_not(
    call: Call,
    refusal: type[Exception],
    way: Way,
    before_locked: Mitmdump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = Clients(reach(way, before_locked, monkeypatch), is_mounted=True)

    with pytest.raises(refusal) as caught:
        call(clients)

    assert "401" in str(caught.value)
    assert call(replace(clients, key=SECOND_KEY))


def test_a_missing_key_is_refused_by_the_provider(
    way: Way, before_locked: Mitmdump, locked: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Clients(reach(way, before_locked, monkeypatch), is_mounted=True)

    nothing = {"authorization": openai.omit}
    with clients.to_openai() as client, pytest.raises(openai.AuthenticationError):
        client.models.list(extra_headers=nothing)
    nothing = {"authorization": anthropic.omit, "x-api-key": anthropic.omit}
    with clients.to_anthropic() as client, pytest.raises(anthropic.AuthenticationError):
        client.models.list(extra_headers=nothing)

    for request in locked.requests[-2:]:
        assert not any(credentials(request))


CONCURRENT = 10


async def test_ten_calls_at_once_get_their_own_answers(
    clients: Clients, provider: Provider
) -> None:
    provider.always(Step(delay=0.2))  # long enough for them to meet
    with clients.to_gemini() as gemini_client:
        async with (
            clients.to_openai_async() as openai_client,
            clients.to_anthropic_async() as anthropic_client,
            clients.to_groq_async() as groq_client,
            gemini_client.aio as aio,
        ):

            async def ask_chat(model: str) -> str:
                answer = await openai_client.chat.completions.create(model=model, messages=ASKED)
                return answer.choices[0].message.content

            async def ask_responses(model: str) -> str:
                answer = await openai_client.responses.create(model=model, input=QUESTION)
                return answer.output_text

            async def ask_messages(model: str) -> str:
                answer = await anthropic_client.messages.create(
                    model=model, max_tokens=9, messages=ASKED
                )
                return answer.content[0].text

            async def ask_groq(model: str) -> str:
                answer = await groq_client.chat.completions.create(model=model, messages=ASKED)
                return answer.choices[0].message.content

            async def ask_gemini(model: str) -> str:
                answer = await aio.models.generate_content(model=model, contents=QUESTION)
                return answer.text

            for ask in (ask_chat, ask_responses, ask_messages, ask_groq, ask_gemini):
                names = [f"{ask.__name__}-{number}" for number in range(CONCURRENT)]
                answers = await asyncio.gather(*(ask(name) for name in names))
                for name, answer in zip(names, answers, strict=True):
                    # The provider's text tells the number of the request that it answers.
                    [mine] = [seen for seen in provider.requests if name in seen.path + seen.text]
                    assert f"This is answer {mine.number} of" in answer


TIMEOUTS: tuple[tuple[Call, type[Exception]], ...] = (
    (chat, openai.APITimeoutError),
    (async_chat, openai.APITimeoutError),
    (groq_chat, groq.APITimeoutError),
    (messages_stream, anthropic.APITimeoutError),
    (gemini, httpx.TimeoutException),
)


@pytest.mark.parametrize(("call", "timeout"), TIMEOUTS, ids=name_of)
def test_a_client_that_waits_no_longer_times_out_and_frees_the_provider(
    call: Call, timeout: type[Exception], clients: Clients, provider: Provider
) -> None:
    provider.always(Step(stall=True))

    with pytest.raises(timeout):
        call(replace(clients, seconds=2))

    [hangup] = provider.wait_for(lambda: provider.hangups)
    assert hangup.chunks == 0
