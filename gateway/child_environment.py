"""The variables that LiteLLM's process gets: the user's own, without those that would hurt it."""

from collections.abc import Mapping
from secrets import token_hex

from routing.egress import PROXIES, Egress, leads_to_this_machine

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

# The proxies that LiteLLM's clients look for, and the files of authorities.
USED = ("http_proxy", "https_proxy", "all_proxy")
TRUST = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
# With an egress: what would lead calls past it, or let LiteLLM trust somebody else.
PAST_IT = frozenset((*PROXIES, "no_proxy", "disable_aiohttp_trust_env", "ssl_verify"))
# Tells gateway/inside/marks.py that there is an egress, which takes the marks off.
MARK_CALLS = "MEMPROXY_MARK_CALLS"

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

DROPPED = frozenset((*DATABASE, *START, *PYTHON, MARK_CALLS))


def child_environment(
    parent: Mapping[str, str], master_key: str, egress: Egress | None = None
) -> dict[str, str]:
    """The parent's variables as LiteLLM may have them, with its master key."""
    kept = {
        name: value
        for name, value in parent.items()
        if name not in DROPPED
        and not _leads_back_to_us(name, value)
        and not (egress and name.lower() in PAST_IT)
    }
    way_out = _through(egress) if egress else {}
    return {**kept, **QUIET, **way_out, "LITELLM_MASTER_KEY": master_key}


def _leads_back_to_us(name: str, value: str) -> bool:
    """Our own port, which would take its calls for those of a tool."""
    return name.lower() in PROXIES and leads_to_this_machine(value)


def _through(egress: Egress) -> dict[str, str]:
    """What makes every call leave through our listener, also one to this machine."""
    # A name for each process: what one refuses, the next one may accept.
    proxy = egress.url_for(f"litellm-{token_hex(4)}")
    proxies = {spelled: proxy for name in USED for spelled in (name, name.upper())}
    return {**proxies, **dict.fromkeys(TRUST, str(egress.authorities)), MARK_CALLS: "1"}
