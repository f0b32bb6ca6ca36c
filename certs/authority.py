"""Our own certificate authority, in the files that mitmproxy loads from its confdir.

mitmproxy would make one itself, but with its own name in every trust store; this one says which
program it belongs to, and on which machine.
"""

import getpass
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import filelock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from routing.errors import AuthorityUnusable
from routing.paths import private_directory, write_private

LIFE = timedelta(days=3650)
CLOCK_SKEW = timedelta(days=1)
LONGEST_COMMON_NAME = 64
SECONDS_FOR_THE_LOCK = 30.0


@dataclass(frozen=True, slots=True)
class Authority:
    """Where an authority lies, and what it says of itself."""

    directory: Path
    name: str
    fingerprint: str
    expires: datetime

    @property
    def key_file(self) -> Path:
        """Key and certificate: what mitmproxy signs with, and nobody else should see."""
        return _key_file(self.directory)

    @property
    def certificate_file(self) -> Path:
        """The certificate alone: what a tool, or the system, may be told to trust."""
        return self.directory / "mitmproxy-ca-cert.pem"


def ensure_authority(ca_dir: Path) -> Authority:
    """The authority in this directory, made at the first call and then kept.

    Raises AuthorityUnusable where there is one that cannot sign; it is never replaced, because
    whoever trusted it would not trust the next one.
    """
    key_file = _key_file(ca_dir)
    try:
        if not key_file.exists():
            _create(key_file)
        if key_file.stat().st_mode & 0o077:
            key_file.chmod(0o600)
        certificate = _read(key_file)
        authority = _describe(ca_dir, certificate)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        if _bytes_of(authority.certificate_file) != pem:
            write_private(authority.certificate_file, pem)
    except filelock.Timeout:
        raise AuthorityUnusable(
            f"another process has held {_lock_file(key_file)} for"
            f" {SECONDS_FOR_THE_LOCK:.0f} s: end it, then try again"
        ) from None
    except OSError as error:
        raise AuthorityUnusable(
            f"{error.filename or ca_dir} cannot be used ({error.strerror or error}):"
            " free the disk or its permissions, or set MEMPROXY_HOME"
        ) from error
    return authority


def _create(key_file: Path) -> None:
    """Make the authority, unless another process was quicker."""
    private_directory(key_file.parent)
    with filelock.FileLock(_lock_file(key_file), timeout=SECONDS_FOR_THE_LOCK, mode=0o600):
        if not key_file.exists():
            write_private(key_file, _new_authority(datetime.now(UTC)))


def common_name(user: str, host: str) -> str:
    """What trust stores list; plain ASCII, and no longer than X.509 allows."""
    owner = f"{user}@{host}".encode("ascii", "replace").decode()
    owner = "".join(letter if letter.isprintable() else "?" for letter in owner)
    frame = "LiteLLM Memory Proxy CA ({})"
    return frame.format(owner[: LONGEST_COMMON_NAME - len(frame.format(""))])


def _new_authority(now: datetime) -> bytes:
    """A new key with its certificate, as the one PEM file that mitmproxy reads both from."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name(_user(), socket.gethostname())),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "LiteLLM Memory Proxy"),
        ]
    )
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFE)
        # A length of 0: it signs servers' certificates and no further authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # OpenSSL's strict mode, Python's default since 3.13, asks for this one.
        .add_extension(subject_key, critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(key_file: Path) -> x509.Certificate:
    """The certificate of a file that mitmproxy can sign with now."""
    data = key_file.read_bytes()
    try:
        key = serialization.load_pem_private_key(data, password=None)
        certificate = x509.load_pem_x509_certificate(data)
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (TypeError, ValueError, x509.ExtensionNotFound):
        # The error may quote the file, and the file holds the key.
        raise _unusable(key_file, "holds no readable key and authority") from None
    if key.public_key() != certificate.public_key():
        raise _unusable(key_file, "holds a key that does not fit its certificate")
    if not is_authority.value.ca:
        raise _unusable(key_file, "holds a certificate that is no authority")
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        raise _unusable(key_file, f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        since = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        raise AuthorityUnusable(f"{key_file} is valid only from {since} on: set the clock right")
    return certificate


def _unusable(key_file: Path, why: str) -> AuthorityUnusable:
    return AuthorityUnusable(
        f"{key_file} {why}: move it away and start again for a new one, which every tool that"
        " trusted this one has to be told to trust (certs/README.md)"
    )


def _describe(directory: Path, certificate: x509.Certificate) -> Authority:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Authority(
        directory=directory,
        name=str(names[0].value) if names else certificate.subject.rfc4514_string(),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        expires=certificate.not_valid_after_utc,
    )


def _key_file(directory: Path) -> Path:
    return directory / "mitmproxy-ca.pem"


def _lock_file(key_file: Path) -> Path:
    return key_file.with_name("authority.lock")


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        return "user"
