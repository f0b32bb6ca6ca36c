"""Every secret is made up, and put together here, so that no scanner takes this file for a leak."""

import base64
import json
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.redact import Redacted, redact

_LETTERS = string.ascii_letters + string.digits
_URLSAFE = _LETTERS + "-_"
_HEX = "0123456789abcdef"
_CAPITALS = string.ascii_uppercase + string.digits

# kind, prefix, alphabet, length
PREFIXED = [
    ("openai key", "sk-" + "proj-", _URLSAFE, 120),
    ("openai key", "sk-" + "svcacct-", _URLSAFE, 120),
    ("api key", "sk" + "-", _HEX, 32),
    ("api key", "sk" + "-", _LETTERS, 48),
    ("anthropic key", "sk-" + "ant-api03-", _URLSAFE, 95),
    ("anthropic key", "sk-" + "ant-oat01-", _URLSAFE, 95),
    ("openrouter key", "sk-" + "or-v1-", _HEX, 64),
    ("google key", "AI" + "za", _URLSAFE, 35),
    ("google token", "ya" + "29.", _URLSAFE, 120),
    ("google secret", "GOC" + "SPX-", _URLSAFE, 28),
    ("groq key", "gs" + "k_", _LETTERS, 52),
    ("xai key", "xa" + "i-", _LETTERS, 80),
    ("huggingface token", "h" + "f_", _LETTERS, 34),
    ("perplexity key", "ppl" + "x-", _LETTERS, 48),
    ("replicate token", "r" + "8_", _LETTERS, 37),
    ("aws key", "AK" + "IA", _CAPITALS, 16),
    ("aws key", "AS" + "IA", _CAPITALS, 16),
    ("github token", "gh" + "p_", _LETTERS, 36),
    ("github token", "gh" + "o_", _LETTERS, 36),
    ("github token", "gh" + "s_", _LETTERS, 36),
    ("github token", "github" + "_pat_", _LETTERS, 82),
    ("gitlab token", "glp" + "at-", _URLSAFE, 20),
    ("slack token", "xo" + "xb-", _LETTERS, 50),
    ("slack webhook", "hooks.slack" + ".com/services/", _LETTERS, 44),
    ("stripe key", "sk" + "_live_", _LETTERS, 24),
    ("stripe key", "rk" + "_live_", _LETTERS, 99),
    ("twilio key", "S" + "K", _HEX, 32),
    ("npm token", "np" + "m_", _LETTERS, 36),
    ("pypi token", "py" + "pi-", _URLSAFE, 160),
    ("digitalocean token", "dop" + "_v1_", _HEX, 64),
    ("vault token", "hv" + "s.", _URLSAFE, 90),
    ("doppler token", "dp" + ".pt.", _LETTERS, 43),
    ("linear key", "lin" + "_api_", _LETTERS, 40),
    ("notion token", "nt" + "n_", _LETTERS, 46),
    ("notion token", "sec" + "ret_", _LETTERS, 43),
    ("supabase key", "sb" + "p_", _HEX, 40),
    ("databricks token", "da" + "pi", _HEX, 32),
    ("age key", "AGE-" + "SECRET-KEY-1", _CAPITALS, 58),
    ("jwt", "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.", _URLSAFE, 43),
]


def made(alphabet: str, length: int, seed: int = 1) -> str:
    """Random, with a digit, a capital and a small letter wherever the alphabet has them."""
    choose = random.Random(seed)  # noqa: S311  # the same one on every run
    sample = "".join(letter for letter in "a7Q" if letter in alphabet)
    return sample + "".join(choose.choices(alphabet, k=length - len(sample)))


@pytest.mark.parametrize(
    ("kind", "prefix", "alphabet", "length"), PREFIXED, ids=[row[0] + row[1] for row in PREFIXED]
)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "my key is {}, keep it",
        "export K={}\n",
        '{{"k": "{}"}}',
        "line\\n{}\\nline",
        "`{}`",
        'curl -H "X: {}" https://x.test',
        "see https://x.test/?k%3D{}&x=1",
    ],
)
def test_a_key_is_known_by_how_it_begins(
    kind: str, prefix: str, alphabet: str, length: int, around: str
) -> None:
    secret = prefix + made(alphabet, length)

    redacted = redact(around.format(secret))

    assert redacted.text == around.format(f"[redacted: {kind}]")
    assert redacted.found == {kind: 1}


PASSWORD = "S0mmer!" + "kx7"
RANDOM = made(_LETTERS, 40)


@pytest.mark.parametrize(
    "around",
    [
        "password={}",
        "PASSWORD={}",
        'password = "{}"',
        '"password": "{}"',
        "'password': '{}'",
        '{{\\"password\\": \\"{}\\"}}',
        "export DB_PASSWORD={}",
        "PASSWORD: {}",
        "passphrase: {}",
        "mysqldump --password {} db",
        "x --password={} y",
        "the password is {}, keep it",
        "pwd is {}",
        "set the password to {}",
        "the password for the server is `{}`.",
        "**Password:** {}",
        "| password | {} |",
        "<password>{}</password>",
        'password: str = "{}"',
        'const dbPassword: string = "{}";',
        'login(user="me", password="{}")',
        "CREATE USER me WITH PASSWORD '{}'",
        "- name: DB_PASSWORD\n  value: {}",
        "Server=x;Password={};Database=y",
        "postgres://me:{}@db.test:5432/x",
        "redis://:{}@localhost",
        "curl -u admin:{} https://x.test",
        "sshpass -p {} ssh x",
        "mysql -u root -p{} db",
        "machine x login me password {}",
        "mot de passe : {}",
        "my password is: {}",
        "my password's {}, keep it",
        "the root pw is {}",
        "Password:\n{}\nThanks",
        "Password:\n```\n{}\n```",
        'setProperty("password", "{}")',
        "Passwort: {}",
        "пароль: {}",
    ],
)
def test_a_password_is_known_by_where_it_stands(around: str) -> None:
    redacted = redact(around.format(PASSWORD))

    assert redacted.text == around.format("[redacted: password]")
    assert redacted.found == {"password": 1}


@pytest.mark.parametrize(
    ("kind", "around"),
    [
        ("secret", "API_KEY={}"),
        ("secret", '"api_key": "{}"'),
        ("secret", "export SECRET_TOKEN={}"),
        ("secret", 'client_secret = "{}"'),
        ("secret", "aws_secret_access_key = {}"),
        ("secret", '"secretAccessKey": "{}"'),
        ("secret", "X-Api-Key: {}"),
        ("secret", "DD_API_KEY={}"),
        ("secret", "STRIPE_KEY={}"),
        ("secret", "CLOUDFLARE_API_TOKEN: {}"),
        ("secret", "MISTRAL_API_KEY='{}'"),
        ("secret", "//registry.test/:_authToken={}"),
        ("secret", "run --api-key {} now"),
        ("secret", "the api key is {}"),
        ("secret", "https://x.test/?access_token={}&page=2"),
        ("azure key", "AccountName=x;AccountKey={};EndpointSuffix=y"),
        ("azure key", "Endpoint=sb://x/;SharedAccessKeyName=y;SharedAccessKey={}"),
        ("azure sas", "https://x.test/blob?sv=2024&sig={}&se=1"),
        ("authorization", "Authorization: Bearer {}"),
        ("authorization", '"Authorization": "Bearer {}"'),
        ("authorization", "authorization: Basic {}"),
        ("cookie", "Cookie: session={}"),
        ("cookie", "Set-Cookie: sid={}"),
    ],
)
@pytest.mark.parametrize("secret", [RANDOM, made(_HEX, 32), made(_HEX, 40)], ids=len)
def test_a_random_value_is_a_secret_where_its_name_says_so(
    kind: str, around: str, secret: str
) -> None:
    redacted = redact(around.format(secret))

    assert redacted.text == around.format(f"[redacted: {kind}]")
    assert redacted.found == {kind: 1}


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("telegram token", "123456789:{}", "AA" + made(_URLSAFE, 33)),
        ("discord token", "M" + "T" * 25 + ".{}", "GxYz1a." + made(_URLSAFE, 38)),
        ("sendgrid key", "{}", "SG." + made(_URLSAFE, 22) + "." + made(_URLSAFE, 43)),
        ("discord webhook", "https://{}", "discord.com/api/" + "webhooks/123456789/" + RANDOM),
        ("azure secret", "aB3" + "8Q~{}", made(_LETTERS, 34)),
        ("mailchimp key", "{}", made(_HEX, 32) + "-us12"),
        ("card number", "card {} ok", "4111 1111 " + "1111 1111"),
        ("card number", "card {} ok", "4111-1111-" + "1111-1111"),
        ("card number", "card {} ok", "41111111" + "11111111"),
        ("card number", "card {} ok", "3782 822463 " + "10005"),
    ],
)
def test_a_secret_is_known_by_its_shape(kind: str, text: str, secret: str) -> None:
    assert redact(text.format(secret)).text == text.format(f"[redacted: {kind}]")


_BODY = base64.b64encode(random.Random(3).randbytes(400)).decode()  # noqa: S311
LINES = [_BODY[at : at + 64] for at in range(0, len(_BODY), 64)]


@pytest.mark.parametrize(
    "label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
@pytest.mark.parametrize(
    "shown",
    [
        "\n{begin}\n{lines}\n{end}\n",
        "\n{begin}\n{lines}",
        "\n{begin}\n{lines}\nand so it goes on",
        "{lines}\n{end}\n",
        "\n+{begin}\n{lines}\n+{end}\n",
    ],
    ids=["whole", "no end", "no end but words", "no beginning", "in a diff"],
)
@pytest.mark.parametrize(
    "written",
    [
        lambda text: text,
        lambda text: json.dumps({"private_key": text}),
        lambda text: json.dumps(json.dumps({"private_key": text})),
        lambda text: text.replace("\n", "\n     7→"),
        lambda text: text.replace("\n", "\r\n    "),
    ],
    ids=["plain", "json", "json in json", "numbered", "indented"],
)
def test_no_line_of_a_private_key_is_left(
    label: str, shown: str, written: Callable[[str], str]
) -> None:
    dashes = "-" * 5
    text = shown.format(
        begin=f"{dashes}BEGIN {label}{dashes}",
        end=f"{dashes}END {label}{dashes}",
        lines="\n".join(LINES),
    )
    redacted = redact(f"my key: {written(text)}")

    assert redacted.found == {"private key": 1}
    assert not any(line[:20] in redacted.text for line in LINES)
    assert redacted.text.startswith("my key: ")
    assert ("and so it goes on" in redacted.text) == ("and so it goes on" in shown)


STAYS = {
    "git hash": "fixed in 8f14e45fceea167a5a36dedd4bea2543f1a7c2de yesterday",
    "uuid": "request 123e4567-e89b-12d3-a456-426614174000 failed",
    "file hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "integrity": '"integrity": "sha512-' + base64.b64encode(bytes(range(64))).decode() + '"',
    "image": "data:image/png;base64," + base64.b64encode(random.Random(4).randbytes(3000)).decode(),  # noqa: S311
    "dots": "OPENAI_API_KEY=sk-...",
    "shortened": 'api_key = "sk-proj-..."',
    "angle brackets": "api_key=<your key>",
    "your key": "OPENAI_API_KEY=YOUR_API_KEY",
    "your key here": 'client = OpenAI(api_key="sk-your-api-key-goes-here-please")',
    "crosses": "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "aws's example": "AKIA" + "IOSFODNN7EXAMPLE",
    "variable": 'curl -H "Authorization: Bearer ${API_KEY}" https://x.test',
    "shell variable": "mysql --password $DB_PASSWORD -p$DB_PASSWORD",
    "environment": 'password = os.environ["X"]',
    "process environment": "const apiKey = process.env.OPENAI_API_KEY",
    "type": "def login(user: str, password: str) -> Token:",
    "call": "password = get_password()",
    "attribute": "self.password = config.database.password",
    "argument": "connect(user=user, password=password, token=token)",
    "none": "OpenAI(api_key=None)",
    "stars": "password: ********",
    "template": "password: {{ vault_password }}",
    "format": 'f"postgres://{user}:{password}@{host}/db"',
    "url of documentation": "postgresql://user:password@localhost/db",
    "url without a password": "see https://x.test:8443/a@b and ssh://git@x.test",
    "prose": "The password is required and must be at least 8 characters; the token is opaque.",
    "prose about tokens": "max_tokens: 4096, token_count = 12345, tokens per second is 85",
    "algorithm": "The password is hashed with argon2id, the token is base64.",
    "names in a row": 'for name in ("password", "passwordConfirmation"):',
    "indented block": "if password:\n    digest2 = sha256(it)\npassword:\n  secretKeyRef: db2",
    "object identifier": "const OID_EC_PUBLIC_KEY = '1.2.840.10045.2.1'",
    "verb": 'you can pass "--dry-run" or pass `debug=True` to it',
    "form": '<input type="password" name="password" placeholder="Password">',
    "style sheet": ".sk-toggleable__content, #sk-container-id-1 div.sk-estimator-doc-link {}",
    "words with a dash": "a task-oriented-design-for-large-systems-2024 disk-usage-and-more-of-it",
    "16 digits": "order 4111111111111112, tweet 1785432198765432100",
    "nanoseconds": "1718822400123456789 and 0.4111111111111111",
    "key of a map": "key: sha256_of_the_first_1024_bytes; cache_key = 'a1b2c3d4e5f60718'",
    "documented key block": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "public key": "-----BEGIN PUBLIC KEY-----\n" + _BODY + "\n-----END PUBLIC KEY-----",
    "header": 'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
    "cookie": "Set-Cookie: theme=dark; Path=/; Max-Age=31536000",
    "marker": "the password is [redacted: password] and [redacted: openai key]=x",
}


@pytest.mark.parametrize("text", STAYS.values(), ids=STAYS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text) == Redacted(text, {})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <private>b</private> c", "a  c"),
        ("a<private>b</private>c", "a c"),
        ("<private>b</private>", ""),
        ("a <PRIVATE>b</Private> c", "a  c"),
        ("a <private reason='my own'>b</private> c", "a  c"),
        ("a <private>b <private>c</private> d</private> e", "a  e"),
        ("a\n<private>\nb\n\nc\n</private>\nd", "a\n\nd"),
        ("a <private>b", "a "),
        ("a <private>b <private>c</private> d", "a "),
        ("a &lt;private&gt;b&lt;/private&gt; c", "a  c"),
        ("a \\u003cprivate\\u003eb\\u003c/private\\u003e c", "a  c"),
        ("pass<private>x</private>word", "pass word"),
    ],
)
def test_a_private_passage_vanishes(text: str, left: str) -> None:
    assert redact(text) == Redacted(left, {"private": 1})


@pytest.mark.parametrize(
    "text", ["private <T>", "<privateer>x</privateer>", "a <private/> b", "x </private> y"]
)
def test_other_tags_stay(text: str) -> None:
    assert redact(text) == Redacted(text, {})


@pytest.mark.parametrize(
    "around",
    [
        "API_KEY={}",
        '"api_key": "{}"',
        '\\"api_key\\": \\"{}\\"',
        "API_KEY={}\\nNEXT=1",
        "<secret>{}</secret>",
    ],
)
def test_a_long_secret_goes_to_its_end(around: str) -> None:
    secret = made(_LETTERS, 5000)

    assert redact(around.format(secret)).text == around.format("[redacted: secret]")


def test_a_secret_in_a_private_passage_is_not_counted() -> None:
    assert redact(f"<private>password={PASSWORD}</private>").found == {"private": 1}


def test_what_a_private_passage_parted_is_still_found() -> None:
    secret = "gh" + "p_" + made(_LETTERS, 36)

    assert redact(f"<private>x</private>{secret}").text == "[redacted: github token]"


def test_no_text_is_shown_by_accident() -> None:
    redacted = redact(f"my cat is Minka, password={PASSWORD}")

    assert repr(redacted) == "Redacted(found=mappingproxy({'password': 1}))"


def test_each_secret_is_counted() -> None:
    one, other = ("gh" + "p_" + made(_LETTERS, 36, seed) for seed in (1, 2))

    assert redact(f"{one} {other} {one} password={PASSWORD}").found == {
        "github token": 3,
        "password": 1,
    }


_PIECES = st.sampled_from(
    (
        *("password", "=", ": ", '"', "'", "\\n", "\n", " ", "sk-", "token", "is ", "://", "a:b@"),
        *("<private>", "</private>", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"),
        *("[redacted: password]", "hunter2", "Bearer ", "Cookie", "ey" + "J", "&", ";", "İ"),
        *(PASSWORD, RANDOM, _BODY, "\ud800", "<password>", "value=", "|", "4111 1111 1111 1111"),
        *("key", "api_", "\\", "curl -u ", "@", ".", "secret_", "A=", "[", "]", "redacted: ", "--"),
    )
)
ANYTHING = st.one_of(
    st.text(st.characters(exclude_categories=())), st.lists(_PIECES, max_size=30).map("".join)
)


@given(ANYTHING)
def test_a_second_time_finds_nothing(text: str) -> None:
    once = redact(text)

    assert redact(once.text) == Redacted(once.text, {})


@given(st.text(string.ascii_letters + " .,\n", max_size=300))
def test_a_text_without_anything_is_the_same_text(text: str) -> None:
    assert redact(text) == Redacted(text, {})


@given(st.sampled_from(PREFIXED), st.integers(), ANYTHING, ANYTHING)
def test_a_key_survives_nowhere(
    row: tuple[str, str, str, int], seed: int, before: str, after: str
) -> None:
    _, prefix, alphabet, length = row
    secret = prefix + made(alphabet, length, seed)

    assert secret not in redact(f"{before} {secret} {after}").text


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "4",
        "4111111111111112",
        "password=",
        "password=\n",
        'password="',
        _BODY,
        "-----BEGIN",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "<private ",
        "<private>a</private>",
        "<private>",
        "<password>a",
        "secret_",
        "token=",
        "://a:",
        "\\",
        " sk-",
    ],
)
def test_a_large_text_is_read_in_one_go(piece: str) -> None:
    """What is not linear does not end: this would run into the limit of the test run."""
    text = piece * (1_000_000 // len(piece))

    redact(text)
