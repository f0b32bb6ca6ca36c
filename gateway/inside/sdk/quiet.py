"""LiteLLM's log says where something went wrong, and nothing of what was being said."""

import logging
import sys
import warnings
from typing import Any, Final

import litellm

# Their messages, and those of the exceptions that they log, quote requests and answers.
SAYING_TOO_MUCH: Final = (
    *("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"),
    *("aiohttp", "asyncio", "httpcore", "httpx", "openai"),
)


def be_quiet() -> None:
    """From the start: nothing is sent to anybody, and no warning quotes a model."""
    # Pydantic's show a piece of the value that they warn of.
    warnings.simplefilter("ignore")
    litellm.suppress_debug_info = True
    litellm.telemetry = False


def tell_places_only() -> None:
    """From now on there are prompts, which no line of the log may hold."""
    make = logging.getLogRecordFactory()

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

    logging.setLogRecordFactory(place)


def without_its_proxy() -> None:
    """Let LiteLLM do as where nothing but its SDK is installed.

    It looks for its proxy in the midst of some calls, which stops all of them for seconds.
    """
    sys.modules.setdefault("litellm.proxy.proxy_server", None)  # type: ignore[arg-type]
