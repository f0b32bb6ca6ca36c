"""Clients that speak HTTP/2 with us."""

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import httpx

from tests.e2e.mitmdump import Mitmdump


class Alpn(ssl.SSLContext):
    """Offers protocols in an order of its own; httpx always begins with HTTP/1.1."""

    offer: tuple[str, ...] = ()

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        super().set_alpn_protocols(self.offer)


def alpn(ca_file: Path, *offer: str) -> ssl.SSLContext:
    context = Alpn(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    context.offer = offer
    context.set_alpn_protocols(offer)
    return context


def http2_client(proxy: Mitmdump, base_url: str, **options: Any) -> httpx.Client:
    """httpx, which asks for HTTP/1.1 first, unlike the tools; and mitmproxy heeds the order."""
    return httpx.Client(
        base_url=base_url,
        proxy=proxy.url,
        verify=alpn(proxy.ca_file, "h2", "http/1.1"),
        http2=True,
        trust_env=False,
        timeout=20,
        **options,
    )


class Http2Client:
    """One connection through the proxy, whose streams can be cancelled one by one."""

    def __init__(self, proxy: Mitmdump, host: str, *, is_lawful: bool = True) -> None:
        self.host = host
        config = h2.config.H2Configuration(
            validate_outbound_headers=is_lawful, normalize_outbound_headers=is_lawful
        )
        self.http = h2.connection.H2Connection(config)
        self.received: dict[int, bytes] = {}
        self.ended: set[int] = set()
        raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        self.wire = alpn(proxy.ca_file, "h2").wrap_socket(raw, server_hostname=host)
        self.http.initiate_connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def post(self, path: str, body: object, *extra: tuple[str, str]) -> int:
        """The number of the stream that this opens."""
        number = self.http.get_next_available_stream_id()
        pseudo = {"method": "POST", "scheme": "https", "authority": self.host, "path": path}
        data = json.dumps(body).encode()
        headers = [(f":{name}", value) for name, value in pseudo.items()]
        self.http.send_headers(number, [*headers, *extra, ("content-length", str(len(data)))])
        self.http.send_data(number, data, end_stream=True)
        self.received[number] = b""
        self.flush()
        return number

    def cancel(self, number: int) -> None:
        self.http.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self.flush()

    def listen_until(self, is_true: Callable[[], object]) -> None:
        while not is_true():
            data = self.wire.recv(65536)
            if not data:
                raise ConnectionError("the proxy has closed the connection")
            for event in self.http.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    number = event.stream_id or 0
                    self.received[number] += event.data or b""
                    size = event.flow_controlled_length or 0
                    self.http.acknowledge_received_data(size, number)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id or 0)
            self.flush()

    def flush(self) -> None:
        self.wire.sendall(self.http.data_to_send())
