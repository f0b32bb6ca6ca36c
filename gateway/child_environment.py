"""The variables that LiteLLM's process gets: the user's own, without those that would hurt it."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from routing.egress import Egress

# Measured with 1.106: with these, nothing but the model calls leaves the machine.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
    # Otherwise it reads any .env between its own directory and the root.
    "LITELLM_MODE": "PRODUCTION",
    "NO_DOCS": "True",
    "NO_REDOC": "True",
    "NO_OPENAPI": "True",
    "DISABLE_ADMIN_UI": "True",
    # The client retries; a second layer underneath turns one 429 into a minute of silence.
    "DEFAULT_MAX_RETRIES": "0",
    "PYTHONUNBUFFERED": "1",
}

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy")

# LiteLLM migrates whatever database these name, and that may be the one of the user's project.
DATABASE = ("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA", "DATABASE_HOST")

# Each turns up the logging or bends the way the server is started.
START = (
    *("DEBUG", "DETAILED_DEBUG", "NUM_WORKERS", "WORKER_CONFIG", "CONFIG_FILE_PATH"),
    *("SSL_KEYFILE_PATH", "SSL_CERTFILE_PATH", "PROMETHEUS_METRICS_PORT", "LIMIT_CONCURRENCY"),
    *("MAX_REQUESTS_BEFORE_RESTART", "LITELLM_DISABLE_REDACT_SECRETS", "SERVER_ROOT_PATH"),
)

# They belong to our interpreter. Without byte code every start takes seconds longer.
PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")

DROPPED = frozenset((*DATABASE, *START, *PYTHON))


def child_environment(
    parent: Mapping[str, str], master_key: str, egress: Egress | None = None
) -> dict[str, str]:
    """The parent's variables as LiteLLM may have them, with its master key."""
    kept = {
        name: value
        for name, value in parent.items()
        if name not in DROPPED and not _leads_back_to_us(name, value)
    }
    return {**kept, **QUIET, "LITELLM_MASTER_KEY": master_key}


def _leads_back_to_us(name: str, value: str) -> bool:
    """A proxy on loopback is most likely ourselves, and the call would never leave."""
    if name.lower() not in PROXIES:
        return False
    try:
        host = urlsplit(value if "://" in value else f"//{value}").hostname or ""
    except ValueError:
        return True
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
