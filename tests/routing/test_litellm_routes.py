from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects import Call, recognise
from routing.litellm_routes import litellm_path, mapped

MODELS = {
    "gpt-4o": "fast",
    "gpt-4o-*": "other",
    "gpt-*": "any gpt",
    "claude-*": "team/claude",
    "deploy ment": "d-1",
}


def sent_to(method: str, path: str, family: str = "openai-chat") -> str | None:
    call = recognise(method, path, family)
    assert call is not None
    return litellm_path(call, path, MODELS, keep_keys=False)


@pytest.mark.parametrize(
    ("path", "litellms"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions?a=b", "/v1/chat/completions?a=b"),
        ("/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/embeddings", "/v1/embeddings"),
        ("/v1/responses?x=%2F&y", "/v1/responses?x=%2F&y"),
        ("/openai/responses?api-version=1", "/v1/responses?api-version=1"),
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens?beta=true"),
        ("/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent"),
        (
            "/v1/models/g:streamGenerateContent?alt=sse",
            "/v1beta/models/g:streamGenerateContent?alt=sse",
        ),
        ("/v1beta/models/gpt-4o:countTokens", "/v1beta/models/fast:countTokens"),
        ("/v1beta/models/claude-x:generateContent", "/v1beta/models/team/claude:generateContent"),
        ("/v1beta/models/g:generateContent?key=AIza", "/v1beta/models/g:generateContent"),
        (
            "/v1beta/models/g:streamGenerateContent?key=AIza&alt=sse",
            "/v1beta/models/g:streamGenerateContent?alt=sse",
        ),
        (
            "/openai/deployments/own/chat/completions?api-version=1",
            "/openai/deployments/own/chat/completions?api-version=1",
        ),
        ("/openai/deployments/gpt-4o/embeddings", "/openai/deployments/fast/embeddings"),
        (
            "/openai/deployments/deploy%20ment/chat/completions",
            "/openai/deployments/d-1/chat/completions",
        ),
        (
            "/openai/deployments/my%20own/chat/completions",
            "/openai/deployments/my%20own/chat/completions",
        ),
    ],
)
def test_litellm_has_a_route_of_its_own_for_a_call(path: str, litellms: str) -> None:
    assert sent_to("POST", path) == litellms


@pytest.mark.parametrize(
    ("path", "litellms"),
    [
        ("/v1/models", "/v1/models"),
        ("/openai/v1/models?limit=1", "/v1/models?limit=1"),
        ("/v1/models/own-model", "/v1/models/own-model"),
        ("/v1/models/openai%2Fgpt", "/v1/models/openai/gpt"),
        ("/v1/models/gpt-4o", "/v1/models/fast"),
    ],
)
def test_litellm_lists_its_own_models(path: str, litellms: str) -> None:
    assert sent_to("GET", path) == litellms


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1beta/models/g:embedContent", id="embeddings of Gemini"),
        pytest.param("/v1beta/models/g:batchEmbedContents", id="many of them"),
        pytest.param("/v1internal:generateContent", id="a call that names no model"),
    ],
)
def test_litellm_has_no_route_for_some_calls_of_gemini(path: str) -> None:
    assert sent_to("POST", path, "gemini") is None


def test_a_key_in_the_query_is_kept_only_where_credentials_are_forwarded() -> None:
    call = Call("openai-chat", "generate")

    assert litellm_path(call, "/x?key=k&a=b", {}, keep_keys=True) == (
        "/v1/chat/completions?key=k&a=b"
    )
    assert litellm_path(call, "/x?key=k&a=b", {}, keep_keys=False) == "/v1/chat/completions?a=b"


@pytest.mark.parametrize(
    ("model", "litellms"),
    [
        pytest.param("gpt-4o", "fast", id="an entry of its own"),
        pytest.param("gpt-4o-mini", "other", id="the first pattern"),
        pytest.param("gpt-5", "any gpt", id="a later pattern"),
        pytest.param("GPT-5", "GPT-5", id="another case"),
        pytest.param("gemini-pro", "gemini-pro", id="none"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_model_is_mapped_by_its_own_entry_or_the_first_pattern(model: str, litellms: str) -> None:
    assert mapped(model, MODELS) == litellms


def test_an_entry_of_its_own_wins_over_an_earlier_pattern() -> None:
    assert mapped("gpt-4o", {"gpt-*": "pattern", "gpt-4o": "own"}) == "own"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_a_model_of_any_name_reaches_litellm_by_that_name(model: str) -> None:
    path = litellm_path(Call("openai-chat", "generate", model), "/x", {}, keep_keys=False)

    assert path is not None
    assert "?" not in path
    assert unquote(path) == f"/openai/deployments/{model}/chat/completions"
    assert path.isascii()
