"""LiteLLM's log says where something went wrong, and nothing of what was being said."""

import logging
import sys
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Final

import litellm

# Their messages, and those of the exceptions that they log, quote requests and answers.
SAYING_TOO_MUCH: Final = (
    *("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"),
    *("aiohttp", "asyncio", "httpcore", "httpx", "openai"),
)


def be_quiet() -> None:
    """From the start: nothing is sent to anybody, and no warning quotes a model."""
    # set_verbose logs whole prompts as DEBUG and INFO. It prints them too, but our parent keeps
    # nothing of standard output once we are up.
    logging.disable(logging.INFO)
    # Pydantic's show a piece of the value that they warn of. LiteLLM's proxy lets them through.
    warnings.simplefilter("ignore")
    # It would fetch a tokenizer to count a Llama's tokens, and stand still until it has it.
    litellm.disable_hf_tokenizer_download = True
    litellm.suppress_debug_info = True
    litellm.telemetry = False


def tell_places_only() -> None:
    """From now on there are prompts, which no line of the log may hold."""
    make = logging.getLogRecordFactory()
    if getattr(make, "tells_places_only", False):
        return

    def place(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        if record.name.partition(".")[0] in SAYING_TOO_MUCH:
            kind = record.exc_info[0] if record.exc_info else None
            about = f": {kind.__name__}" if kind else ""
            record.msg = f"an error at {record.module}.py:{record.lineno}{about}"
            record.args, record.exc_info, record.stack_info = None, None, None
        elif record.name.startswith("uvicorn") and record.exc_info:
            record.exc_info = None
        return record

    place.tells_places_only = True  # type: ignore[attr-defined] # so that it is done once
    logging.setLogRecordFactory(place)


class QuietOnceAsked:
    """In front of LiteLLM's proxy: what goes wrong while it starts is told in full."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            tell_places_only()
        await self.app(scope, receive, send)


def without_its_proxy() -> None:
    """Let LiteLLM do as where nothing but its SDK is installed.

    It looks for its proxy in the midst of some calls, which stops all of them for seconds.
    """
    sys.modules.setdefault("litellm.proxy.proxy_server", None)  # type: ignore[arg-type]
