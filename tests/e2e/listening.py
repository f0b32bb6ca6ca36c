"""Who listens where."""

import socket
from pathlib import Path


def is_closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """Where a process listens, as Linux tells it."""
    listen = "0A"
    mine = {link for handle in Path(f"/proc/{pid}/fd").iterdir() if (link := link_of(handle))}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == listen and f"socket:[{rest[5]}]" in mine:
                address, _, port = local.partition(":")
                found.add((readable(address), int(port, 16)))
    return found


def readable(address: str) -> str:
    raw = bytes.fromhex(address)
    words = [raw[at : at + 4][::-1] for at in range(0, len(raw), 4)]
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words))


def link_of(handle: Path) -> str | None:
    try:
        return str(handle.readlink())
    except FileNotFoundError:
        return None  # closed since it was listed
