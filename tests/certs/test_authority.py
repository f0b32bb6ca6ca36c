import json
import logging
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy.certs import CertStore  # noqa: TID251 - the authority is made for its store

from certs import Authority, ensure_authority, tool_environment, write_bundle
from certs.authority import common_name
from certs.bundle import VARIABLES
from routing.errors import AuthorityUnusable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return ensure_authority(tmp_path_factory.mktemp("made") / "ca")


@pytest.fixture
def authority(made_once: Authority, tmp_path: Path) -> Authority:
    """A copy to play with; making a key takes a while."""
    shutil.copytree(made_once.directory, tmp_path / "ca")
    return ensure_authority(tmp_path / "ca")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The file of an authority that the user trusts already."""
    return certificate_file(tmp_path / "company.pem", "Company CA")


def certificate_file(path: Path, name: str, **how: bool | timedelta) -> Path:
    """A self-signed certificate and its key, in the one file that a confdir holds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC) + timedelta(days=-30)
    if isinstance(later := how.get("starting"), timedelta):
        start += later
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=60))
        .add_extension(x509.BasicConstraints(bool(how.get("ca", True)), None), critical=True)
        .sign(key, hashes.SHA256())
    )
    if how.get("foreign_key"):
        key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def names_in(bundle: Path) -> set[str]:
    """Whom a client trusts that has nothing but this bundle."""
    # Not cryptography: it refuses some that systems still trust.
    client = ssl.create_default_context(cafile=str(bundle))
    # Typeshed lets a subject be text as well.
    subjects: list[Any] = [ca["subject"] for ca in client.get_ca_certs()]
    pairs = [pair for subject in subjects for part in subject for pair in part]
    return {value for name, value in pairs if name == "commonName"}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """A whole TLS handshake in memory; raises what the client would see."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


def server_with_a_leaf_of(authority: Authority, host: str) -> ssl.SSLContext:
    """A server as mitmproxy would stand up for this host."""
    store = CertStore.from_store(authority.directory, "mitmproxy", 2048)
    leaf = store.get_cert(host, [x509.DNSName(host)])
    file = authority.directory.with_name("leaf.pem")
    key = leaf.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    file.write_bytes(b"".join([leaf.cert.to_pem(), *(c.to_pem() for c in leaf.chain_certs), key]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_leaf_that_mitmproxy_makes_is_trusted_through_the_bundle_in_strict_mode(
    authority: Authority,
) -> None:
    client = ssl.create_default_context(cafile=str(write_bundle(authority, {})))
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    handshake(client, server_with_a_leaf_of(authority, "api.openai.com"), "api.openai.com")


def test_without_our_authority_the_leaf_is_not_trusted(authority: Authority, company: Path) -> None:
    client = ssl.create_default_context(cafile=str(company))

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client, server_with_a_leaf_of(authority, "api.openai.com"), "api.openai.com")


def test_mitmproxy_signs_with_this_authority_and_makes_none_of_its_own(
    authority: Authority,
) -> None:
    store = CertStore.from_store(authority.directory, "mitmproxy", 2048)

    assert store.default_ca.cn == authority.name
    assert store.default_ca.fingerprint().hex(":").upper() == authority.fingerprint


def test_an_authority_says_whose_it_is_and_can_only_sign_servers(made_once: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(made_once.certificate_file.read_bytes())
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    now = datetime.now(UTC)

    assert made_once.name.startswith("LiteLLM Memory Proxy CA (")
    assert limits.critical
    assert limits.value == x509.BasicConstraints(ca=True, path_length=0)
    assert certificate.not_valid_before_utc < now - timedelta(hours=23)
    assert timedelta(days=3640) < made_once.expires - now < timedelta(days=3660)


def test_the_files_are_for_their_owner_alone(made_once: Authority) -> None:
    assert mode_of(made_once.directory) == 0o700
    assert mode_of(made_once.key_file) == 0o600
    assert b"PRIVATE" not in made_once.certificate_file.read_bytes()
    assert b"PRIVATE" not in write_bundle(made_once, {}).read_bytes()


def test_an_authority_is_kept(authority: Authority) -> None:
    assert ensure_authority(authority.directory) == authority


def test_a_certificate_file_that_is_lost_or_wrong_is_written_again(
    authority: Authority, company: Path
) -> None:
    right = authority.certificate_file.read_bytes()
    authority.certificate_file.write_bytes(company.read_bytes())

    ensure_authority(authority.directory)

    assert authority.certificate_file.read_bytes() == right


def test_a_key_that_others_could_read_is_closed_to_them(authority: Authority) -> None:
    authority.key_file.chmod(0o644)

    ensure_authority(authority.directory)

    assert mode_of(authority.key_file) == 0o600


@pytest.mark.e2e
def test_processes_that_start_together_make_one_authority(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from certs import ensure_authority\n"
    script += "print(ensure_authority(Path(sys.argv[1])).fingerprint)"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "ca")], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]

    said = {process.communicate()[0] for process in processes}

    assert said == {f"{ensure_authority(tmp_path / 'ca').fingerprint}\n".encode()}


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "holds no readable": lambda file: file.write_bytes(b"-----BEGIN NONSENSE-----"),
    "holds no readable key": lambda file: file.write_bytes(
        file.read_bytes().replace(b"PRIVATE", b"PUBLIC")
    ),
    "expired on": lambda file: certificate_file(file, "old", starting=timedelta(days=-60)),
    "valid only from": lambda file: certificate_file(file, "new", starting=timedelta(days=60)),
    "no authority": lambda file: certificate_file(file, "leaf", ca=False),
    "does not fit": lambda file: certificate_file(file, "mixed", foreign_key=True),
}


@pytest.mark.parametrize(("why", "spoil"), UNUSABLE.items(), ids=UNUSABLE)
def test_an_authority_that_cannot_sign_is_named_and_left_alone(
    authority: Authority, why: str, spoil: Callable[[Path], object]
) -> None:
    spoil(authority.key_file)
    before = authority.key_file.read_bytes()

    with pytest.raises(AuthorityUnusable, match=why) as refused:
        ensure_authority(authority.directory)

    assert str(authority.key_file) in str(refused.value)
    assert authority.key_file.read_bytes() == before


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AuthorityUnusable, match="file"):
        ensure_authority(tmp_path / "file" / "ca")


@pytest.mark.parametrize(
    ("user", "host", "name"),
    [
        ("ann", "laptop", "LiteLLM Memory Proxy CA (ann@laptop)"),
        ("żółw", "pc", "LiteLLM Memory Proxy CA (???w@pc)"),
        ("a\nb", "pc", "LiteLLM Memory Proxy CA (a?b@pc)"),
        ("a" * 20, "b" * 80, f"LiteLLM Memory Proxy CA ({'a' * 20}@{'b' * 17})"),
    ],
)
def test_a_name_fits_into_a_certificate(user: str, host: str, name: str) -> None:
    assert common_name(user, host) == name
    assert len(name) <= 64


def test_a_bundle_holds_the_system_and_ours_each_once(authority: Authority) -> None:
    bundle = write_bundle(authority, {})

    assert bundle == authority.directory / "bundle.pem"
    assert mode_of(bundle) == 0o600
    assert authority.name in names_in(bundle)
    blocks = bundle.read_bytes().split(b"-----BEGIN CERTIFICATE-----")
    assert len(set(blocks)) == len(blocks) > 50


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_users_own_authorities_are_in_the_bundle_without_their_keys(
    authority: Authority, company: Path, variable: str
) -> None:
    bundle = write_bundle(authority, {variable: str(company)})

    assert "Company CA" in names_in(bundle)
    assert b"PRIVATE" not in bundle.read_bytes()


def test_a_directory_of_authorities_is_read_as_well(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    certificate_file(tmp_path / "more" / "one.pem", "One")
    certificate_file(tmp_path / "more" / "two.crt", "Two")

    names = names_in(write_bundle(authority, {"REQUESTS_CA_BUNDLE": str(tmp_path / "more")}))

    assert {"One", "Two"} <= names


def test_a_shell_without_the_companys_authority_neither_trusts_it_nor_takes_it_away(
    authority: Authority, company: Path
) -> None:
    theirs = write_bundle(authority, {"SSL_CERT_FILE": str(company)})

    plain = write_bundle(authority, {})

    assert "Company CA" in names_in(theirs)
    assert "Company CA" not in names_in(plain)


def test_a_tool_started_by_a_tool_trusts_the_same(authority: Authority, company: Path) -> None:
    outer = tool_environment(18801, authority, {"NODE_EXTRA_CA_CERTS": str(company)})

    inner = tool_environment(18801, authority, outer)

    assert inner == outer
    assert "Company CA" in names_in(Path(inner["SSL_CERT_FILE"]))


def test_a_bundle_is_written_anew_only_where_a_source_changed(
    authority: Authority, company: Path
) -> None:
    environ = {"SSL_CERT_FILE": str(company)}
    bundle = write_bundle(authority, environ)
    first = bundle.stat().st_ino

    write_bundle(authority, environ)
    assert bundle.stat().st_ino == first

    certificate_file(company, "New Company CA")
    write_bundle(authority, environ)
    assert "New Company CA" in names_in(bundle)


def test_a_source_that_is_missing_or_spoilt_costs_only_itself(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoilt = tmp_path / "spoilt.pem"
    spoilt.write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"
    )
    environ = {"SSL_CERT_FILE": str(spoilt), "CURL_CA_BUNDLE": str(tmp_path / "nowhere.pem")}

    with caplog.at_level(logging.WARNING, "memory_proxy"):
        bundle = write_bundle(authority, environ)

    assert names_in(bundle) == names_in(write_bundle(authority, {}))
    assert "CURL_CA_BUNDLE" in caplog.text


def test_an_environment_names_the_proxy_and_the_trust_of_each_runtime(
    authority: Authority,
) -> None:
    bundle = str(authority.directory / "bundle.pem")

    assert tool_environment(18801, authority, {}) == {
        "HTTPS_PROXY": "http://127.0.0.1:18801",
        "https_proxy": "http://127.0.0.1:18801",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
        "NODE_USE_ENV_PROXY": "1",
        "NODE_EXTRA_CA_CERTS": str(authority.certificate_file),
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "CODEX_CA_CERTIFICATE": bundle,
    }


@pytest.mark.parametrize(
    ("environ", "no_proxy"),
    [
        ({"NO_PROXY": "corp.example,localhost"}, "corp.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a, b c"}, "a,b,c,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a,b,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "localhost,127.0.0.1,::1"),
    ],
)
def test_the_users_exceptions_stay(
    authority: Authority, environ: dict[str, str], no_proxy: str
) -> None:
    told = tool_environment(18801, authority, environ)

    assert told["NO_PROXY"] == told["no_proxy"] == no_proxy


NODE_SAYS = """
const tls = require('tls'), fs = require('fs');
const pem = fs.readFileSync(process.argv[1]);
const server = tls.createServer({cert: pem, key: pem}, s => s.end()).listen(0, '127.0.0.1', () => {
  const to = {port: server.address().port, host: '127.0.0.1', servername: 'api.openai.com'};
  const done = said => { console.log(JSON.stringify(said)); process.exit(); };
  tls.connect(to, function () { done(this.authorized); }).on('error', e => done(e.message));
});
"""


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_node_trusts_a_leaf_through_the_environment(authority: Authority) -> None:
    server_with_a_leaf_of(authority, "api.openai.com")
    leaf = authority.directory.with_name("leaf.pem")

    said = subprocess.run(
        ["node", "-e", NODE_SAYS, str(leaf)],
        env={
            **tool_environment(18801, authority, {}),
            "PATH": str(Path(shutil.which("node") or "").parent),
        },
        capture_output=True,
        check=True,
    )

    assert json.loads(said.stdout) is True
