"""What a tool's environment must say so that its calls come through us and it trusts the answer."""

import re
from collections.abc import Mapping

from certs.authority import Authority
from certs.bundle import write_bundle

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def tool_environment(port: int, authority: Authority, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to set for a tool that is to use this port; brings its bundle up to date.

    HTTP_PROXY is not among them: every provider speaks HTTPS, and a plain request could not be
    passed on as a blind tunnel. GIT_SSL_CAINFO neither: git's hosts are tunnelled, so that git
    sees the certificate it knows.
    """
    bundle = str(write_bundle(authority, environ))
    ours = str(authority.certificate_file)
    proxy = f"http://127.0.0.1:{port}"
    no_proxy = _no_proxy(environ)
    has_other = environ.get("NODE_EXTRA_CA_CERTS", "") not in {"", ours}
    return {
        "HTTPS_PROXY": proxy,
        # Some read only this spelling, and curl prefers it.
        "https_proxy": proxy,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        # Node ignores the proxy without it.
        "NODE_USE_ENV_PROXY": "1",
        # Node adds this file to its own authorities; the others replace theirs.
        "NODE_EXTRA_CA_CERTS": bundle if has_other else ours,
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "CODEX_CA_CERTIFICATE": bundle,
    }


def _no_proxy(environ: Mapping[str, str]) -> str:
    """The user's own exceptions in both spellings, and this machine."""
    named = re.split(r"[,\s]+", f"{environ.get('no_proxy', '')},{environ.get('NO_PROXY', '')}")
    # A star would turn the proxy off, and with it what the user asked for by calling us.
    return ",".join(dict.fromkeys(name for name in (*named, *LOOPBACK) if name not in {"", "*"}))
