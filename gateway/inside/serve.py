"""Serve LiteLLM on loopback until standard input ends: its own proxy, or our app over its SDK.

Started with the Python of LiteLLM's own environment. Our parent holds the other end of standard
input, so we end with it, however it ends.
"""

import argparse
import os
import signal
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

# This file's own directory must not lend its names to LiteLLM, and at the end of the path ours
# hide none of those that LiteLLM's environment has.
_ROOT = str(Path(__file__).resolve().parents[2])
sys.path[:] = [*(path for path in sys.path if Path(path) != Path(__file__).parent), _ROOT]

from gateway.inside import marks
from gateway.malicious import MALICIOUS

SECONDS_TO_END = 5.0
SECONDS_IDLE = 7 * 24 * 3600
"""mitmproxy keeps its connections for as long as its clients do. Were we to close one that is idle,
a call that is just being sent on it would be lost."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--as", dest="kind", choices=("proxy", "sdk"), required=True)
    arguments.add_argument("--config", type=Path, required=True)
    arguments.add_argument("--port", type=int, required=True)
    options = arguments.parse_args()

    # Our parent looks before it starts this Python: what 1.82.8 brings runs before this line.
    if (installed := version("litellm")) in MALICIOUS:
        sys.exit(f"litellm {installed} is a malicious release: delete this environment, now")
    threading.Thread(target=end_with_parent, daemon=True).start()
    marks.note_the_way_out()

    from gateway.inside.quiet import be_quiet

    be_quiet()
    if options.kind == "sdk":
        from gateway.inside.sdk.app import run

        run(options.config, options.port, SECONDS_IDLE)
    else:
        run_proxy(options.config, options.port)


def run_proxy(config: Path, port: int) -> None:
    """LiteLLM's own proxy, as its command starts it."""
    from litellm.proxy import proxy_server
    from litellm.proxy.proxy_cli import run_server

    from gateway.inside.left_out import tell_once_started
    from gateway.inside.quiet import QuietOnceAsked, be_quiet

    be_quiet()  # once more: it has set up its warnings while it was imported
    proxy_server.app.add_middleware(QuietOnceAsked)
    tell_once_started(proxy_server.app, config, lambda: proxy_server.llm_router)
    marks.carry(proxy_server.app)
    run_server.main(
        args=[
            *("--config", str(config)),
            *("--host", "127.0.0.1"),
            *("--port", str(port)),
            *("--num_workers", "1"),
            *("--keepalive_timeout", str(SECONDS_IDLE)),
        ],
        prog_name="litellm",
    )


def end_with_parent() -> None:
    """Wait for standard input to end, then end ourselves."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    # A stream that is still running would hold the server open.
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
