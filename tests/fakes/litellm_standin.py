"""Stands in for LiteLLM as a child: same arguments, same health route, same end, no import time."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config", type=Path, required=True)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--slow", type=float, default=0, help="seconds until it listens")
    arguments.add_argument("--say", default="", help="what it prints at its start")
    arguments.add_argument("--fail", type=int, default=0, help="end at once with this code")
    arguments.add_argument("--mute", type=Path, help="while this file is there, answer nothing")
    arguments.add_argument("--stubborn", action="store_true", help="ignore SIGTERM")
    arguments.add_argument("--note", type=Path, help="write what it was started with here")
    options = arguments.parse_args()

    threading.Thread(target=end_with_parent, daemon=True).start()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.note:
        seen = {"environment": dict(os.environ), "directory": str(Path.cwd())}
        options.note.write_text(json.dumps(seen))
    if options.say:
        sys.stderr.write(options.say + "\n")
        sys.stderr.flush()
    if options.fail:
        sys.exit(options.fail)
    time.sleep(options.slow)
    Server(("127.0.0.1", options.port), options.mute).serve_forever()


def end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], mute: Path | None) -> None:
        self.mute = mute
        super().__init__(address, Answer)


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        while self.server.mute and self.server.mute.exists():
            time.sleep(0.02)
        known = self.path == "/health/liveliness"
        body = b'"I\'m alive!"' if known else b'{"detail":"Not Found"}'
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its parent's name
        """Say as much as LiteLLM does, so that a pipe nobody drains would fill."""
        sys.stderr.write("a prompt that nobody should keep " * 500 + "\n")


if __name__ == "__main__":
    main()
