import asyncio
import logging
import socket

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import LiveConnectionHandler
from mitmproxy.test import taddons, tflow

from addons.open_tls import UPSTREAM_CONNECTIONS, lift_connection_limit


class Handler(LiveConnectionHandler):
    async def handle_hook(self, hook: object) -> None:
        raise AssertionError("nothing is served here")


async def test_a_client_may_have_many_connections_to_one_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader, writer = await asyncio.open_connection(*server.getsockname())
    proxyserver = Proxyserver()
    with taddons.context(proxyserver) as proxy:
        handler = Handler(reader, writer, proxy.options, ProxyMode.parse("regular"))
        proxyserver.connections[handler.client.id] = handler

        lift_connection_limit(handler.client)

        limit = handler.max_conns["api.example", 443]
        for _ in range(UPSTREAM_CONNECTIONS):
            assert not limit.locked()
            await limit.acquire()
        assert limit.locked()
    writer.close()
    await writer.wait_closed()
    assert caplog.messages == []


async def test_where_mitmproxy_has_changed_its_limit_stays_and_is_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    with taddons.context(Proxyserver()):
        lift_connection_limit(tflow.tclient_conn())  # of a connection that nobody handles

    assert "limit.kept" in caplog.text
