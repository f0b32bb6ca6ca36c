"""The official SDKs, by base URL and through the proxy, as if we were not there."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, Literal

import anthropic
import groq
import httpx
import openai
import pytest
from google import genai

from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.fakes import Provider, Seen, Step, model_lists
from tests.fakes.endpoints import query_of
from tests.fakes.service import credentials

type Way = Literal["by base URL", "through the proxy"]

MODEL = "scripted-model"
QUESTION = "What is the colour of the sky?"
TEXT = "The sky is blue, “mostly”, and sometimes 灰色."
TOOL = ("look_up", {"what": "sky", "when": ["now", "then"]})
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}}
ASKED = [{"role": "user", "content": QUESTION}]
KEY = "sk-first-key-0001"
SECOND_KEY = "sk-second-key-0002"

OF_THE_USER = (
    "ALL_PROXY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GROQ_API_KEY",
    "GROQ_BASE_URL",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "SSL_CERT_DIR",
)


@dataclass(frozen=True, slots=True)
class Clients:
    """Each SDK's client: at a base URL, or where it goes by itself."""

    root: str | None
    """None leaves the way to the environment."""
    is_mounted: bool
    """Whether the root serves several providers, each below its name."""
    key: str = KEY
    seconds: float = 20.0
    retries: int = 0

    def to_openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self._below("/v1"), **self._stainless())

    def to_openai_async(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self._below("/v1"), **self._stainless())

    def to_anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self._below(""), **self._stainless())

    def to_anthropic_async(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=self._below(""), **self._stainless())

    def to_groq(self) -> groq.Groq:
        return groq.Groq(base_url=self._below("", "/groq"), **self._stainless())

    def to_groq_async(self) -> groq.AsyncGroq:
        return groq.AsyncGroq(base_url=self._below("", "/groq"), **self._stainless())

    def to_gemini(self) -> genai.Client:
        options = genai.types.HttpOptions(
            base_url=self._below("", "/gemini"), timeout=int(self.seconds * 1000)
        )
        return genai.Client(api_key=self.key, http_options=options)

    def _below(self, path: str, mount: str = "") -> str | None:
        if self.root is None:
            return None
        return self.root + (mount if self.is_mounted else "") + path

    def _stainless(self) -> dict[str, Any]:
        return {"api_key": self.key, "timeout": self.seconds, "max_retries": self.retries}


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_THE_USER:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["by base URL", "through the proxy"])
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


def reach(way: Way, proxy: Mitmdump, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """The base URL of this way; for the proxy it is the environment that a tool is started with."""
    if way == "by base URL":
        return proxy.url
    for name, value in proxy.tool_environment().items():
        monkeypatch.setenv(name, value)
    return None


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


def chat(clients: Clients) -> object:
    with clients.to_openai() as client:
        answer = client.chat.completions.create(model=MODEL, messages=ASKED)
    return answer.choices[0].message.content


def chat_stream(clients: Clients) -> object:
    with (
        clients.to_openai() as client,
        client.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def chat_tool(clients: Clients) -> object:
    function = {"name": TOOL[0], "parameters": SCHEMA}
    with clients.to_openai() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=ASKED, tools=[{"type": "function", "function": function}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def responses(clients: Clients) -> object:
    with clients.to_openai() as client:
        return client.responses.create(model=MODEL, input=QUESTION).output_text


def responses_stream(clients: Clients) -> object:
    with (
        clients.to_openai() as client,
        client.responses.create(model=MODEL, input=QUESTION, stream=True) as events,
    ):
        return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def responses_tool(clients: Clients) -> object:
    tool = {"type": "function", "name": TOOL[0], "parameters": SCHEMA, "strict": False}
    with clients.to_openai() as client:
        answer = client.responses.create(model=MODEL, input=QUESTION, tools=[tool])
    [call] = [item for item in answer.output if item.type == "function_call"]
    return call.name, json.loads(call.arguments)


def messages(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(model=MODEL, max_tokens=99, messages=ASKED)
    return answer.content[0].text


def messages_stream(clients: Clients) -> object:
    with (
        clients.to_anthropic() as client,
        client.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream,
    ):
        return "".join(stream.text_stream)


def messages_tool(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        answer = client.messages.create(
            model=MODEL,
            max_tokens=99,
            messages=ASKED,
            tools=[{"name": TOOL[0], "input_schema": SCHEMA}],
        )
    [call] = [block for block in answer.content if block.type == "tool_use"]
    return call.name, call.input


def beta_messages(clients: Clients) -> object:
    """Which the SDK marks in the query and in a header."""
    with clients.to_anthropic() as client:
        answer = client.beta.messages.create(
            model=MODEL, max_tokens=99, messages=ASKED, betas=["a-beta-2026-01-01"]
        )
    return answer.content[0].text


def groq_chat(clients: Clients) -> object:
    with clients.to_groq() as client:
        answer = client.chat.completions.create(model=MODEL, messages=ASKED)
    return answer.choices[0].message.content


def groq_stream(clients: Clients) -> object:
    with (
        clients.to_groq() as client,
        client.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as chunks,
    ):
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def groq_tool(clients: Clients) -> object:
    function = {"name": TOOL[0], "parameters": SCHEMA}
    with clients.to_groq() as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=ASKED, tools=[{"type": "function", "function": function}]
        )
    [call] = answer.choices[0].message.tool_calls
    return call.function.name, json.loads(call.function.arguments)


def gemini(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return client.models.generate_content(model=MODEL, contents=QUESTION).text


def gemini_stream(clients: Clients) -> object:
    with clients.to_gemini() as client:
        parts = client.models.generate_content_stream(model=MODEL, contents=QUESTION)
        return "".join(part.text or "" for part in parts)


def gemini_tool(clients: Clients) -> object:
    tool = {"function_declarations": [{"name": TOOL[0], "parameters_json_schema": SCHEMA}]}
    with clients.to_gemini() as client:
        answer = client.models.generate_content(
            model=MODEL, contents=QUESTION, config={"tools": [tool]}
        )
    [call] = answer.function_calls
    return call.name, call.args


def async_chat(clients: Clients) -> object:
    async def ask() -> object:
        async with clients.to_openai_async() as client:
            answer = await client.chat.completions.create(model=MODEL, messages=ASKED)
        return answer.choices[0].message.content

    return asyncio.run(ask())


def async_chat_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_openai_async() as client,
            await client.chat.completions.create(
                model=MODEL, messages=ASKED, stream=True
            ) as chunks,
        ):
            return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])

    return asyncio.run(ask())


def async_responses_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_openai_async() as client,
            client.responses.stream(model=MODEL, input=QUESTION) as stream,
        ):
            return (await stream.get_final_response()).output_text

    return asyncio.run(ask())


def async_messages_stream(clients: Clients) -> object:
    async def ask() -> object:
        async with (
            clients.to_anthropic_async() as client,
            client.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream,
        ):
            return await stream.get_final_text()

    return asyncio.run(ask())


def async_groq_chat(clients: Clients) -> object:
    async def ask() -> object:
        async with clients.to_groq_async() as client:
            answer = await client.chat.completions.create(model=MODEL, messages=ASKED)
        return answer.choices[0].message.content

    return asyncio.run(ask())


def async_gemini_stream(clients: Clients) -> object:
    async def ask() -> object:
        with clients.to_gemini() as client:
            async with client.aio as aio:
                parts = await aio.models.generate_content_stream(model=MODEL, contents=QUESTION)
                return "".join([part.text or "" async for part in parts])

    return asyncio.run(ask())


def embeddings(clients: Clients) -> object:
    with clients.to_openai() as client:
        answer = client.embeddings.create(model=MODEL, input=["one", "two"], dimensions=4)
    return [len(one.embedding) for one in answer.data]


def gemini_embeddings(clients: Clients) -> object:
    with clients.to_gemini() as client:
        answer = client.models.embed_content(
            model=MODEL, contents="one", config={"output_dimensionality": 4}
        )
    return [len(one.values) for one in answer.embeddings]


def count_tokens(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        counted = client.messages.count_tokens(model=MODEL, messages=ASKED)
    return counted.input_tokens > 0


def gemini_count_tokens(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return client.models.count_tokens(model=MODEL, contents=QUESTION).total_tokens > 0


def models(clients: Clients) -> object:
    with clients.to_openai() as client:
        return [model.id for model in client.models.list()]


def anthropic_models(clients: Clients) -> object:
    with clients.to_anthropic() as client:
        return [model.id for model in client.models.list()]


def groq_models(clients: Clients) -> object:
    with clients.to_groq() as client:
        return [model.id for model in client.models.list().data]


def gemini_models(clients: Clients) -> object:
    with clients.to_gemini() as client:
        return [model.name for model in client.models.list()]


type Call = Callable[[Clients], object]

TEXT_CALLS: tuple[Call, ...] = (
    chat,
    chat_stream,
    responses,
    responses_stream,
    messages,
    messages_stream,
    beta_messages,
    groq_chat,
    groq_stream,
    gemini,
    gemini_stream,
    async_chat,
    async_chat_stream,
    async_responses_stream,
    async_messages_stream,
    async_groq_chat,
    async_gemini_stream,
)
TOOL_CALLS: tuple[Call, ...] = (chat_tool, responses_tool, messages_tool, groq_tool, gemini_tool)
OTHER_CALLS: tuple[tuple[Call, object], ...] = (
    (embeddings, [4, 4]),
    (gemini_embeddings, [4]),
    (count_tokens, True),
    (gemini_count_tokens, True),
    (models, list(model_lists.OPENAI_MODELS)),
    (anthropic_models, list(model_lists.ANTHROPIC_MODELS)),
    (groq_models, list(model_lists.OPENAI_MODELS)),
    (gemini_models, [f"models/{name}" for name in model_lists.GEMINI_MODELS]),
)
EVERY_CALL: tuple[Call, ...] = (*TEXT_CALLS, *TOOL_CALLS, *(call for call, _ in OTHER_CALLS))


def name_of(value: object) -> str | None:
    return value.__name__ if isinstance(value, FunctionType) else None


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


def raw_client(way: Way, proxy: Mitmdump, host: str = "api.openai.com") -> httpx.Client:
    if way == "by base URL":
        return httpx.Client(base_url=proxy.url, trust_env=False, timeout=20)
    return proxy.client(base_url=f"https://{host}")


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
        call(replace(clients, seconds=0.5))

    [hangup] = provider.wait_for(lambda: provider.hangups)
    assert hangup.chunks == 0
