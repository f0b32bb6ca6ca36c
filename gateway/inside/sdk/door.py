"""Who may come in: whoever has the key, and came here on purpose."""

import hmac
import re
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.inside.sdk.errors import Told
from gateway.inside.sdk.sending import refuse

OPEN_TO_ALL: Final = frozenset({"/health/liveliness", "/health/liveness"})


class Door:
    """Lets in who has the key, and nobody who was sent here by a web page."""

    def __init__(self, inner: ASGIApp, key: str) -> None:
        self.inner = inner
        self.key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal:
            await refuse(request, refusal, send)
            return
        await self.inner(scope, receive, send)

    def _refusal(self, request: Request) -> Told | None:
        if not _is_loopback(request.headers.get("host", "")):
            return Told(421, "invalid_request_error", "This is not for the host that you named.")
        if request.scope["path"] in OPEN_TO_ALL:
            return None
        given = request.headers.get("x-litellm-api-key") or request.headers.get("authorization", "")
        key = given[7:] if given[:7].lower() == "bearer " else given
        if hmac.compare_digest(key.strip().encode("utf-8", "surrogateescape"), self.key):
            return None
        words = "Authentication Error, No api key passed in." if not key else (
            "Authentication Error, Invalid proxy server token passed."
        )  # fmt: skip
        return Told(401, "auth_error", words)


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    name = name.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
