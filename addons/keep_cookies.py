"""Keep Cloudflare's cookies for tools that have no cookie jar."""

import time

from mitmproxy import http

from addons.facts import is_second_leg, recorded
from routing.cookies import CookieJar, Scope, account_of


class KeepCookies:
    """A cookie goes back to the project, account and host that it came for, and nowhere else."""

    def __init__(self) -> None:
        self.jar = CookieJar()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._add(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self._add(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and (scope := scope_of(flow, self.jar.key)):
            self.jar.remember(scope, flow.response.headers.get_all("set-cookie"), time.time())
            if is_second_leg(flow):
                # LiteLLM would keep it in one jar for all projects.
                flow.response.headers.pop("set-cookie", None)

    def _add(self, flow: http.HTTPFlow) -> None:
        note = recorded(flow)
        if flow.response or "cookies" in note:
            return
        if (scope := scope_of(flow, self.jar.key)) is None:
            return
        request = flow.request
        # HTTP/2 clients may send a header per cookie; together they are one.
        own = "; ".join(request.headers.get_all("cookie")) or None
        full = self.jar.header_for(scope, request.path, request.scheme == "https", own, time.time())
        note["cookies"] = "added" if full else "none"
        if full:
            request.headers["cookie"] = full


def scope_of(flow: http.HTTPFlow, key: bytes) -> Scope | None:
    """Whose cookies these are; None for what does not go to a provider.

    The key is the jar's: it turns a credential into the account's name.
    """
    note = recorded(flow)
    is_direct = note.get("backend") == "direct" and note.get("provider")
    if not is_direct and not is_second_leg(flow):
        return None
    headers = tuple(flow.request.headers.items(multi=True))
    return Scope(note.get("project"), account_of(key, headers, flow.request.path), note["host"])
