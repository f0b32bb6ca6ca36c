"""What this proxy is: its version, and since when it runs."""

import time
from functools import cache
from importlib import metadata

STARTED = time.time()


@cache
def version() -> str:
    try:
        return metadata.version("litellm-memory-proxy")
    except metadata.PackageNotFoundError:
        return "unknown"
