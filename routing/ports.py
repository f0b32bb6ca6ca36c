"""Ports of this machine: whether a listener of ours could have one, and which is free."""

import errno
import os
import socket

LOOPBACK = "127.0.0.1"

# Linux refuses 127.0.0.1 while somebody listens on a wildcard address, BSD and macOS do not: a
# stranger's port has to be looked for on each. Binding without listening opens nothing.
_ADDRESSES = (
    (socket.AF_INET, LOOPBACK),
    (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - bound to ask, never to listen
    (socket.AF_INET6, "::"),
)
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}


def is_free(port: int) -> bool:
    """Nobody listens on the port, on loopback or on all interfaces; TIME_WAIT counts as free."""
    return all(_can_bind(family, address, port) for family, address in _ADDRESSES)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
    return port


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # As asyncio does for a listener. On Windows the option would steal the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno in _NO_SUCH_FAMILY
    return True
