import pytest

from routing.hide_secrets import hide_secrets


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("key sk-proj-abcdef123456 was refused", "key [hidden] was refused"),
        ("x-goog-api-key: AIzaSyA0123456789", "x-goog-api-key: [hidden]"),
        ("{'api_key': 'abcd1234'}", "{'api_key': '[hidden]'}"),
        ("master_key=hunter22 port=1", "master_key=[hidden] port=1"),
        ("Authorization: Bearer opaque/token+1", "Authorization: Bearer [hidden]"),
        ("http://user:pass@proxy:3128", "http://[hidden]@proxy:3128"),
        ("the word mykey9 is ours", "the word [hidden] is ours"),
        ("ModuleNotFoundError: No module named 'skeleton_frame'",) * 2,
        ("max_tokens: 4096 is too many for model gpt-5",) * 2,
    ],
)
def test_keys_go_and_the_rest_stays(said: str, shown: str) -> None:
    assert hide_secrets(said, "mykey9", None) == shown
