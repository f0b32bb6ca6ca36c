"""One contract for every backend: what goes wrong is told alike, and the next call is served."""

import httpx
import pytest

from tests.e2e.litellm_errors import ENDPOINTS, told
from tests.e2e.parity_scene import (
    CHAT,
    CONTENTS,
    IMPATIENT,
    KEYS_OF_LITELLM,
    MESSAGES,
    RESPONSES,
    STREAM,
    VIA_LITELLM,
    Backend,
    Json,
)
from tests.e2e.sdks import KEY
from tests.fakes import Step

type Backends = dict[str, Backend]

STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)
BODIES = {
    "openai-chat": CHAT,
    "openai-responses": RESPONSES,
    "anthropic": MESSAGES,
    "gemini": CONTENTS,
}
LATER = (("retry-after", "7"),)
SECONDS_TO_NOTICE = 15.0


def call(dialect: str, *, stream: bool) -> tuple[str, Json]:
    """Path and body."""
    path, body = ENDPOINTS[dialect][0], BODIES[dialect]
    if not stream:
        return path, body
    if dialect == "gemini":
        return path.replace(":generate", ":streamGenerate") + "?alt=sse", body
    return path, body | STREAM


def ask(backend: Backend, dialect: str, *, stream: bool) -> httpx.Response:
    path, body = call(dialect, stream=stream)
    with backend.client(authorization=f"Bearer {KEY}") as client:
        return client.post(path, json=body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_providers_refusal_is_told_with_its_status_and_when_to_come_back(
    dialect: str, status: int, stream: bool, backends: Backends
) -> None:
    for name, backend in backends.items():
        backend.provider.always(Step(status=status, headers=LATER))
        answer = ask(backend, dialect, stream=stream)

        # LiteLLM knows no 502 of Gemini's.
        is_raised = (dialect, status) == ("gemini", 502) and name in VIA_LITELLM
        assert answer.status_code == (500 if is_raised else status), name
        assert answer.headers["retry-after"] == "7", name
        assert told(dialect, answer)
        assert len(backend.provider.requests) == 1  # nobody but the client tries again
        assert not any(key in answer.text for key in KEYS_OF_LITELLM)


QUOTED = (
    'Incorrect API key provided: {}. Traceback (most recent call last): File "/srv/a.py", line 3'
)


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_what_litellm_pays_with_is_told_to_nobody(
    name: str, dialect: str, backends: Backends
) -> None:
    backend = backends[name]
    for key in KEYS_OF_LITELLM:
        said = QUOTED.format(key).encode()
        body = b'{"error": {"message": "' + said.replace(b'"', b"'") + b'", "type": "x"}}'
        backend.provider.always(Step(status=401, body=body))
        answer = ask(backend, dialect, stream=False)

        assert answer.status_code == 401
        assert "Incorrect API key" in told(dialect, answer)
        assert key not in answer.text
        assert "Traceback" not in answer.text
        assert "/srv/a.py" not in answer.text


FAULTS = {
    "resets the connection": Step(break_after=0),
    "talks nonsense": Step(garbage=b"\x00\x01 nonsense\r\n\r\n"),
    "answers with a page": Step(html="<html><title>We are down</title><p>Sorry</html>"),
    "answers with a page and 200": Step(status=200, html="<html>hello</html>"),
    "answers with what is no JSON": Step(body=b"no JSON"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_provider_that_is_broken_is_an_error_and_the_next_call_is_served(
    name: str, dialect: str, fault: str, backends: Backends
) -> None:
    backend = backends[name]
    backend.provider.script(FAULTS[fault])
    broken = ask(backend, dialect, stream=False)
    served = ask(backend, dialect, stream=False)

    assert broken.status_code >= 500
    assert "<" not in told(dialect, broken)
    assert served.status_code == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_provider_that_says_nothing_is_given_up_after_the_timeout_in_litellm_yaml(
    name: str, dialect: str, stream: bool, backends: Backends
) -> None:
    backend = backends[name]
    backend.provider.script(Step(stall=True))
    path, body = call(dialect, stream=stream)
    model = ENDPOINTS[dialect][1]
    [impatient] = [name for name, real in IMPATIENT.items() if real == model]
    with backend.client(authorization=f"Bearer {KEY}") as client:
        answer = client.post(path.replace(model, impatient), json=body | {"model": impatient})
    served = ask(backend, dialect, stream=stream)

    assert answer.status_code == 408
    assert told(dialect, answer)
    assert served.status_code == 200
    backend.provider.wait_for(lambda: backend.provider.hangups, SECONDS_TO_NOTICE)


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_stream_that_breaks_looks_like_no_good_end(dialect: str, backends: Backends) -> None:
    for name, backend in backends.items():
        backend.provider.script(Step(break_after=3, chunks=8))
        try:
            told_of_it = '"error"' in ask(backend, dialect, stream=True).text
        except httpx.RemoteProtocolError:
            told_of_it = True
        served = ask(backend, dialect, stream=True)

        assert told_of_it, name
        assert served.status_code == 200, name


@pytest.mark.parametrize("dialect", ENDPOINTS)
def test_a_client_that_hangs_up_in_mid_stream_frees_the_provider(
    dialect: str, backends: Backends
) -> None:
    path, body = call(dialect, stream=True)
    for backend in backends.values():
        backend.provider.always(Step(chunks=200, chunk_delay=0.1))
        with (
            backend.client(authorization=f"Bearer {KEY}") as client,
            client.stream("POST", path, json=body) as answer,
        ):
            next(answer.iter_raw())
        # The stream would go on for 20 seconds more.
        assert backend.provider.wait_for(
            lambda it=backend: it.provider.hangups, SECONDS_TO_NOTICE
        ), backend.name


@pytest.mark.parametrize("dialect", ENDPOINTS)
@pytest.mark.parametrize("name", VIA_LITELLM)
def test_a_model_that_litellm_does_not_know_is_told_as_that(
    name: str, dialect: str, backends: Backends
) -> None:
    path, body = call(dialect, stream=False)
    model = ENDPOINTS[dialect][1]
    with backends[name].client(authorization=f"Bearer {KEY}") as client:
        answer = client.post(
            path.replace(model, "nobodys-model"), json=body | {"model": "nobodys-model"}
        )

    assert answer.status_code in (400, 404)
    assert "nobodys-model" in told(dialect, answer)
    assert backends[name].provider.requests == []
