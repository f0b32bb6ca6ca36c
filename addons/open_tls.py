"""Open the TLS of providers, and leave every other connection closed to us."""

import asyncio
import logging
from collections import defaultdict
from typing import Any

from mitmproxy import connection, ctx, tls
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer, layers

from addons.let_out import LetOut
from addons.read_settings import ReadSettings
from routing.providers import provider_of

logger = logging.getLogger("memory_proxy")

UPSTREAM_CONNECTIONS = 256
"""Per client connection and address, in place of mitmproxy's five."""


class OpenTLS:
    """Only connections to providers, and LiteLLM's, are looked into; the rest stay closed to us."""

    def __init__(self, settings: ReadSettings, let_out: LetOut) -> None:
        self.settings = settings
        self.let_out = let_out

    def client_connected(self, client: connection.Client) -> None:
        lift_connection_limit(client)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        address = data.context.server.address
        if address is None:
            return  # TLS to the proxy itself; where it leads is not known yet
        host = data.client_hello.sni or address[0]
        if self.let_out.is_child(data.context.client):
            # Whoever LiteLLM asks, known to us or not, must not see our labels.
            data.ignore_connection = self.let_out.is_refused(data.context.client, host)
        elif not self._is_provider(host):
            data.ignore_connection = True

    def next_layer(self, next_layer: layer.NextLayer) -> None:
        """What is not TLS inside a CONNECT, such as ws:// or ssh, is a tunnel as well."""
        context = next_layer.context
        address, sent = context.server.address, next_layer.data_client()
        if address is None or context.client.tls or not sent or starts_like_tls_record(sent):
            return
        if self.let_out.is_child(context.client):
            return
        if not self._is_provider(address[0]):
            next_layer.layer = layers.TCPLayer(context, ignore=True)

    def _is_provider(self, host: str) -> bool:
        return provider_of(host, self.settings.now.provider_list) is not None


def lift_connection_limit(client: connection.Client) -> None:
    """Let parallel HTTP/2 streams to an HTTP/1.1 backend each have a connection of their own.

    mitmproxy has no option for it. Its absence is survivable, so a change there is only noted.
    """
    server = ctx.master.addons.get("proxyserver")
    handler: Any = getattr(server, "connections", {}).get(client.id)
    if not isinstance(getattr(handler, "max_conns", None), defaultdict):
        logger.warning("limit.kept connections=5 reason='mitmproxy has changed'")
        return
    handler.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAM_CONNECTIONS))
