"""Serve the scripted provider in the foreground: `python -m tests.fakes --port 8080`."""

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.fakes import Authority, Provider, Step

HOSTS = (
    *("api.openai.com", "api.anthropic.com", "api.groq.com"),
    *("generativelanguage.googleapis.com", "localhost"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS, as any of the providers")
    parser.add_argument("--chunks", type=int, help="text deltas in a streamed answer")
    parser.add_argument("--chunk-delay", type=float, default=0.0, help="seconds between them")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with contextlib.ExitStack() as stack:
        tls = None
        if options.tls:
            authority = Authority(Path(stack.enter_context(tempfile.TemporaryDirectory())))
            tls = authority.server_context(*HOSTS)
            _say(f"certificate authority: {authority.pem_path}")
        provider = stack.enter_context(Provider(tls=tls, port=options.port, remember=100))
        provider.always(Step(chunks=options.chunks, chunk_delay=options.chunk_delay))
        _say(f"listening: {provider.url}")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
