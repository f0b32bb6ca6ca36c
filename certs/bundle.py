"""The file of trusted certificates for tools whose variable replaces the system's store."""

import base64
import contextlib
import hashlib
import json
import logging
import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import certifi

from certs.authority import Authority
from routing.errors import AuthorityUnusable
from routing.paths import write_private

logger = logging.getLogger("memory_proxy")

# Where a user's own authorities, a company's for instance, may already be named.
VARIABLES = (
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CODEX_CA_CERTIFICATE",
)

# The files that the system's own tools keep up to date come before OpenSSL's build-time default.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/opt/homebrew/etc/ca-certificates/cert.pem",  # Homebrew
    "/usr/local/etc/ca-certificates/cert.pem",  # Homebrew on Intel
    "/etc/ssl/cert.pem",  # macOS, BSD
)

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_HEADER = b"# memproxy bundle of: "


def write_bundle(
    authority: Authority, environ: Mapping[str, str], more: Iterable[Path] = ()
) -> Path:
    """The bundle for this environment, written anew where a source changed.

    It holds the system's authorities, the user's own that the environment or `more` names, and
    ours. Each set of own files has a bundle of its own, so that two shells do not change each
    other's trust.
    """
    own = [*_own_sources(authority.directory, environ), *more]
    system = _system_file()
    sources = [system, *(path for path in own if path != system), authority.certificate_file]
    certificates = _distinct(block for path in sources for block in _certificates_in(path))
    data = _HEADER + json.dumps([str(path) for path in own]).encode() + b"\n"
    data += b"".join(map(_pem, certificates))
    bundle = authority.directory / _name(own)
    try:
        if not bundle.exists() or bundle.read_bytes() != data:
            write_private(bundle, data)
    except OSError as error:
        raise AuthorityUnusable(
            f"{bundle} cannot be written ({error.strerror or error}):"
            " free the disk or its permissions, or set MEMPROXY_HOME"
        ) from error
    return bundle


def _own_sources(directory: Path, environ: Mapping[str, str]) -> list[Path]:
    """The user's own files that the environment names, found through a bundle of ours as well."""
    found: dict[Path, None] = {}
    for variable in VARIABLES:
        if not (value := environ.get(variable)):
            continue
        path = Path(value).expanduser().resolve()
        if path.parent == directory.resolve():
            # This environment is one of ours: a tool started in it may start the next one.
            found |= dict.fromkeys(_sources_named_in(path))
        elif path.exists():
            found[path] = None
        else:
            logger.warning("%s names %s, which does not exist", variable, path)
    found.pop(_system_file(), None)
    return list(found)


def _sources_named_in(bundle: Path) -> list[Path]:
    with contextlib.suppress(OSError, ValueError):
        first_line = bundle.read_bytes().partition(b"\n")[0]
        if first_line.startswith(_HEADER):
            named = json.loads(first_line.removeprefix(_HEADER))
            return [Path(path) for path in named]
    return []


def _name(own: list[Path]) -> str:
    if not own:
        return "bundle.pem"
    names = "\0".join(sorted(map(str, own)))
    return f"bundle-{hashlib.sha256(names.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}.pem"


def _system_file() -> Path:
    """The authorities that the system trusts; certifi's where it keeps them in no file."""
    # openssl_cafile, because cafile would be whatever SSL_CERT_FILE says.
    for path in map(Path, (*SYSTEM_FILES, ssl.get_default_verify_paths().openssl_cafile)):
        if path.is_file():
            return path.resolve()
    return Path(certifi.where()).resolve()


def _certificates_in(path: Path) -> list[bytes]:
    """The certificates of a file, or of each file in a directory, and nothing else from it."""
    try:
        files = (
            sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        )
        text = b"\n".join(file.read_bytes() for file in files)
    except OSError as error:
        logger.warning("%s cannot be read: %s", path, error.strerror)
        return []
    return [der for block in _BLOCK.findall(text) if (der := _readable(block))]


def _readable(block: bytes) -> bytes | None:
    """The certificate as DER, if OpenSSL reads it: one bad block spoils a whole bundle."""
    try:
        der = base64.b64decode(block)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        return None
    return der


def _distinct(certificates: Iterable[bytes]) -> list[bytes]:
    return list(dict.fromkeys(certificates))


def _pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()
