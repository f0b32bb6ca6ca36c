"""Beside our addons, mitmproxy's own and a user's do what they always do."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.mitmdump import Mitmdump, upstreams
from tests.fakes import Provider

pytestmark = pytest.mark.usefixtures("nobodys_settings")

CHAT = "/v1/chat/completions"
SCRIPT = """
def responseheaders(flow):
    flow.response.headers["x-theirs"] = "{said}"

class Nested:
    async def request(self, flow):
        flow.request.headers["x-nested"] = "{said}"

addons = [Nested()]
"""


def call(proxy: Mitmdump) -> httpx.Response:
    asked = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    return httpx.post(f"{proxy.url}{CHAT}", json=asked, trust_env=False)


def test_a_script_of_the_user_is_asked_and_loaded_anew_when_it_changes(
    session_provider: Provider, tmp_path: Path
) -> None:
    script = tmp_path / "theirs.py"
    script.write_text(SCRIPT.format(said="one"))
    arguments = ("-n", "-s", str(script), "--modify-headers", "/~q/x-told/mitmproxy")
    with Mitmdump(tmp_path, upstreams(session_provider.url), arguments=arguments) as proxy:
        answer = call(proxy)
        assert (answer.status_code, answer.headers["x-theirs"]) == (200, "one")
        came = dict(session_provider.requests[-1].headers)
        assert (came["x-nested"], came["x-told"]) == ("one", "mitmproxy")

        script.write_text(SCRIPT.format(said="two"))

        def is_new() -> bool:
            answer = call(proxy)  # which may be under way while the script is loaded
            came = dict(session_provider.requests[-1].headers)
            return (answer.headers.get("x-theirs"), came.get("x-nested")) == ("two", "two")

        proxy.wait_until(is_new)
