"""A throwaway certificate authority for servers on loopback."""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1")
LIFETIME = timedelta(days=30)


class Authority:
    """Signs a certificate for any host; whoever trusts `pem_path` trusts them all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name("Throwaway test authority")
        self._certificate = self._sign_itself()
        self._leaves: dict[str, bytes] = {}
        self.pem_path = directory / "test-authority.pem"
        self.pem_path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(
        self, *hosts: str, alpn: Sequence[str] = ("h2", "http/1.1")
    ) -> ssl.SSLContext:
        """For a server that answers as all of these hosts, and on loopback."""
        chain = self._issue(tuple(dict.fromkeys((*hosts, *LOOPBACK))))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.pem_path))

    def certificate_of(self, host: str) -> bytes:
        """The certificate (DER) that was last issued to this host."""
        return self._leaves[host]

    def _issue(self, hosts: tuple[str, ...]) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            _certificate(_common_name(hosts[0]), self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([_general_name(h) for h in hosts]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
            .sign(self._key, hashes.SHA256())
        )
        self._leaves |= dict.fromkeys(hosts, leaf.public_bytes(serialization.Encoding.DER))

        chain = self._directory / f"leaf-{leaf.serial_number:x}.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        return chain

    def _sign_itself(self) -> x509.Certificate:
        public_key = self._key.public_key()
        return (
            _certificate(self._name, self._name, public_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_may_sign_certificates(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .sign(self._key, hashes.SHA256())
        )


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _may_sign_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
