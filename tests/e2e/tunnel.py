"""A tunnel through the proxy, byte for byte."""

import socket
import ssl

from tests.e2e.mitmdump import Mitmdump

SECONDS = 20.0


def tunnel(proxy: Mitmdump, host: str, port: int) -> socket.socket:
    """What CONNECT opens."""
    line = socket.create_connection(("127.0.0.1", proxy.port), SECONDS)
    line.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        byte = line.recv(1)  # one by one, so that what follows is left for others to read
        assert byte, answer
        answer += byte
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return line


def everything_from(line: socket.socket | ssl.SSLSocket) -> bytes:
    received = b""
    while data := line.recv(65536):
        received += data
    return received
