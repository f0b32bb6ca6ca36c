import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.hide_secrets import LONGEST_MESSAGE, clean_message, hide_secrets, secrets_in


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("key sk-proj-abcdef123456 was refused", "key [hidden] was refused"),
        ("x-goog-api-key: AIzaSyA0123456789", "x-goog-api-key: [hidden]"),
        ("{'api_key': 'abcd1234'}", "{'api_key': '[hidden]'}"),
        ("master_key=hunter22 port=1", "master_key=[hidden] port=1"),
        ("Authorization: Bearer opaque/token+1", "Authorization: Bearer [hidden]"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic [hidden]"),
        ("'Authorization': 'opaque-token'", "'Authorization': '[hidden]'"),
        ("http://user:pass@proxy:3128", "http://[hidden]@proxy:3128"),
        ("the word mykey9 is ours", "the word [hidden] is ours"),
        ("mykey9 and mykey9-longer", "[hidden] and [hidden]"),
        (
            "Incorrect API key provided: sk-abc***********wxyz.",
            "Incorrect API key provided: [hidden]",
        ),
        (
            "Incorrect API key provided: opaque-key, see",
            "Incorrect API key provided: [hidden], see",
        ),
        ("Invalid API Key: gsk_abcdefgh12345", "Invalid API Key: [hidden]"),
        ("GET /v1beta/models?key=opaque&alt=sse", "GET /v1beta/models?key=[hidden]&alt=sse"),
        (
            "models/m:generateContent?alt=sse&key=opaque'",
            "models/m:generateContent?alt=sse&key=[hidden]'",
        ),
        (r"quoted {\"api_key\": \"abcd1234\"}", r"quoted {\"api_key\": \"[hidden]\"}"),
        ("OPENAI_API_KEY=abcdefg", "OPENAI_API_KEY=[hidden]"),
        ("aws AKIAABCDEFGHIJKLMNOP", "aws [hidden]"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- end", "[hidden] end"),
        ("token eyJhbGciOiJIUzI1.eyJzdWIi.abc-_", "token [hidden]"),
        ("ModuleNotFoundError: No module named 'skeleton_frame'",) * 2,
        ("max_tokens: 4096 is too many for model gpt-5",) * 2,
        ("No API key was given: set one",) * 2,
        ("Invalid JSON: unexpected token at position 7",) * 2,
        ("the route /v1/messages?beta=true is not found",) * 2,
    ],
)
def test_keys_go_and_the_rest_stays(said: str, shown: str) -> None:
    assert hide_secrets(said, "mykey9", "mykey9-longer", None, "") == shown


def test_an_environments_secrets_are_known_by_their_names() -> None:
    environment = {
        "OPENAI_API_KEY": "opaque-key-1",
        "github_token": "opaque-key-2",
        "DB_PASSWORD": "opaque-key-3",
        "SHORT_KEY": "word",
        "HOME": "/home/somebody",
        "KEYBOARD": "qwertyuiop",
        "TOKENIZERS_PARALLELISM": "false-or-true",
    }

    assert secrets_in(environment) == ("opaque-key-1", "opaque-key-2", "opaque-key-3")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("boom\nTraceback (most recent call last):\n  File \"/a/b.py\", line 3\nKeyError", "boom"),
        ("Traceback (most recent call last):\n  File", ""),
        ('in File "/home/u/litellm/main.py", line 3, in call\nand on', "in\nand on"),
        ("see /home/u/.config/x.yaml, and /usr/lib/a.so.", "see [hidden], and [hidden]"),
        ("in '/nobody/knows/site-packages/litellm/a.py'", "in '[hidden]'"),
        ("at /work/x/lib/main.py:37", "at [hidden]:37"),
        (r"at C:\Users\me\litellm.py now", "at [hidden] now"),
        ("no ~/.litellm/x here", "no [hidden] here"),
        ("open file:///etc/passwd", "open [hidden]"),
        ("POST /v1/messages failed",) * 2,
        ("see https://docs.litellm.ai/docs/proxy/home/x.py",) * 2,
        ("url='http://127.0.0.1:33093/usr/v1/messages'",) * 2,
        ("models/gemini-2.5-pro and openai/gpt-5 and 1/2",) * 2,
        ("litellm.RateLimitError: slow",) * 2,
        ("it\n\nLiteLLM: model group 'g' failed with the error above.", "it"),
        ("slow. Received Model Group=gpt\nAvailable Model Group Fallbacks=None", "slow."),
        ("slow LiteLLM Retried: 2 times, LiteLLM Max Retries: 3", "slow"),
        ("slow\n\nDeployment Info: request_timeout: None\ntimeout: 3.0", "slow"),
        ("page: <title>502</title><style>a{}</style><h1>Bad&nbsp;way</h1>", "page: 502 Bad way"),
        ("BadGatewayError - <h1>Bad gateway</h1>", "BadGatewayError - Bad gateway"),
        (
            "<TransferEncodingError: 400, message='Not enough data'>",
            "TransferEncodingError: 400, message='Not enough data'",
        ),
        ("if a < b and c > d",) * 2,
        ("Invalid 'prompt_cache_key': string too long",) * 2,
        ("properties.api_key: Field required",) * 2,
        ("Unexpected token: expected a comma",) * 2,
        ("use Bearer auth",) * 2,
        ("Model hf-internal-testing/tiny not found",) * 2,
        ("api_key: abcdefghijklmnopqrstuvwxyz", "api_key: [hidden]"),
        ("Bearer 1234abcd", "Bearer [hidden]"),
    ],
)  # fmt: skip
def test_a_message_loses_what_is_not_for_clients_and_keeps_its_words(said: str, shown: str) -> None:
    assert clean_message(said) == shown


def test_a_long_message_is_cut_without_a_key_being_cut_in_two() -> None:
    told = clean_message("x" * (LONGEST_MESSAGE - 10) + " sk-" + "a1" * LONGEST_MESSAGE)

    assert len(told) <= LONGEST_MESSAGE
    assert "sk-" not in told


SLOW_TO_READ = [
    "a-",
    "<",
    "/a",
    "<p><!--",
    " \n",
    "<script>",
    "\\'",
    "token: ",
    "LiteLLM: ",
    "C:\\",
]


@pytest.mark.timeout(20)  # what goes wrong here takes minutes
@pytest.mark.parametrize("piece", SLOW_TO_READ)
def test_no_message_is_worked_on_for_long(piece: str) -> None:
    assert len(clean_message(piece * 30_000)) <= LONGEST_MESSAGE


words = st.lists(
    st.sampled_from(["litellm.", " /v1/messages", "error", ": ", "\n", "key ", "Bearer ", "<p>"])
    | st.text(max_size=5),
    max_size=8,
).map("".join)


@given(words, words)
def test_a_key_that_is_known_never_comes_through(before: str, after: str) -> None:
    assert "opaque-key" not in clean_message(before + "opaque-key" + after, "opaque-key")


@given(words, words, st.sampled_from(["sk-ant-abcdef0123", "AIzaSyA0123456", "gsk_abcdefgh1234"]))
def test_what_looks_like_a_key_does_not_come_through(before: str, after: str, key: str) -> None:
    assert key not in clean_message(f"{before} {key} {after}")


@given(words)
def test_a_clean_message_is_clean(said: str) -> None:
    once = clean_message(said)

    assert clean_message(once) == once
