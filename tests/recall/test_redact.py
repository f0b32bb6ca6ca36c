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


@pytest.mark.parametrize(
    "around",
    [
        "password: {}",
        "Password: {}",
        "password : {}",
        "password = {}",
        "db.password: {}",
        "spring.datasource.password = {}",
        "- password: {}",
        "**Password**: {}",
        "spring:\n  datasource:\n    username: sa\n    password: {}\n",
        "[client]\nuser = bob\npassword = {}\nport = 3306",
        "  password: {}  # until May",
        "Username: bob\r\nPassword: {}\r\nThanks",
        "user: bob\npass: {}",
        "Login: bob Password: {}",
        "login: bob / password: {}",
        "user: bob, password: {}, port: 22",
        "My password: {}",
        "The wifi password: {}.",
        "a: 1\\npassword: {}\\nb: 2",
        "Passwort: {}",
        "Mein Kennwort: {}",
        "пароль: {}",
    ],
)
@pytest.mark.parametrize("word", ["swordfish", "monkey", "Geheimnis", "correct-horse-battery"])
def test_a_word_is_a_password_where_it_is_the_setting(around: str, word: str) -> None:
    assert redact(around.format(word)) == Redacted(
        around.format("[redacted: password]"), {"password": 1}
    )


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
        "my pass is {}",
        "db pass: {}",
        "password 2: {}",
        "密码是{}",
        "密码是：{}，请保存",
        "密码为 {}",
        "my password是{}。",
        "パスワードは{}です",
        "パスワードは「{}」です",
        "비밀번호는 {}",
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
        ("secret", "https://x.test/?key={}&page=2"),
        ("secret", "Ocp-Apim-Subscription-Key: {}"),
        ("secret", "subscription_key={}"),
        ("secret", "subscriptionKey: '{}'"),
        ("secret", "mistral key: {}"),
        ("secret", "mistral_key: {}"),
        ("secret", 'mistralKey: "{}"'),
        ("secret", "my mistral ai key is {}, keep it"),
        ("secret", "azure_key: {}"),
        ("secret", "Azure key 1: {}"),
        ("secret", "the openai key is {}"),
        ("secret", "**Deepgram key**: `{}`"),
        ("secret", "deepl-key={}"),
        ("secret", "elevenlabs.key = {}"),
        ("secret", "export HUGGINGFACE_KEY={}"),
        ("secret", "the secret key is {}"),
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
@pytest.mark.parametrize(
    "secret", [RANDOM, made(_LETTERS, 32), made(_HEX, 32), made(_HEX, 40)], ids=len
)
def test_a_random_value_is_a_secret_where_its_name_says_so(
    kind: str, around: str, secret: str
) -> None:
    redacted = redact(around.format(secret))

    assert redacted.text == around.format(f"[redacted: {kind}]")
    assert redacted.found == {kind: 1}


UUID = "01234567-89ab-cdef-0123-" + "456789abcdef"
LOGIN = base64.b64encode(b"bob:" + b"hunter2hunter2").decode()


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("telegram token", "123456789:{}", "AA" + made(_URLSAFE, 33)),
        ("discord token", "M" + "T" * 25 + ".{}", "GxYz1a." + made(_URLSAFE, 38)),
        ("sendgrid key", "{}", "SG." + made(_URLSAFE, 22) + "." + made(_URLSAFE, 43)),
        ("discord webhook", "https://{}", "discord.com/api/" + "webhooks/123456789/" + RANDOM),
        ("azure secret", "aB3" + "8Q~{}", made(_LETTERS, 34)),
        ("mailchimp key", "{}", made(_HEX, 32) + "-us12"),
        ("zhipu key", made(_HEX, 32) + ".{}", made(_LETTERS, 16)),
        ("azure key", "{}", made(_LETTERS, 52) + "JQQ" + "J99BA" + made(_LETTERS, 24)),
        ("azure key", "a\\n{}\\n", made(_LETTERS, 52) + "JQQ" + "J99CB" + made(_LETTERS, 24)),
        ("secret", "//registry.test/:_authToken={}", UUID),
        ("secret", "client_secret: {}", UUID),
        ("authorization", "_auth={}", LOGIN),
        ("authorization", '{{"auths": {{"x.test": {{"auth": "{}"}}}}}}', LOGIN),
        ("authorization", '{{\\"auth\\": \\"{}\\"}}', LOGIN),
    ],
)
def test_a_secret_is_known_by_its_shape(kind: str, text: str, secret: str) -> None:
    assert redact(text.format(secret)).text == text.format(f"[redacted: {kind}]")


CARDS = {
    "visa": "4111 1111 " + "1111 1111",
    "visa of 19": "4000 0000 0000 " + "0000 006",
    "mastercard": "5555 5555 " + "5555 4444",
    "mastercard from 2": "2223 0031 " + "2200 3222",
    "american express": "3782 822463 " + "10005",
    "diners club": "3056 930902 " + "5904",
    "discover": "6011 1111 " + "1111 1117",
    "jcb": "3530 1113 " + "3330 0000",
    "unionpay": "6200 0000 " + "0000 0005",
    "maestro": "6759 6498 " + "2643 8453",
    "mir": "2200 0000 " + "0000 0004",
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize(
    "gap",
    ["", " ", "  ", "-", ".", "\u00a0", "\u202f", "\u2011", "\u2013"],
    ids=["none", "blank", "two", "hyphen", "dot", "no-break", "narrow", "fixed hyphen", "dash"],
)
@pytest.mark.parametrize(
    "around", ["card {} ok", "({}).", '"number":"{}"', "Karte:{},", "卡号{}。"]
)
def test_a_card_is_known_however_it_is_grouped(card: str, gap: str, around: str) -> None:
    assert redact(around.format(card.replace(" ", gap))) == Redacted(
        around.format("[redacted: card number]"), {"card number": 1}
    )


@pytest.mark.parametrize(
    "around",
    [
        "order {}",
        "order no. {}",
        "orderId: {}",
        '"id": {}',
        "run_id={}",
        "the request id is {}",
        "timestamp {}",
        "trace-id: {}",
        "see #{}",
        "ticket #{}",
    ],
)
def test_a_number_that_is_said_to_be_an_id_is_no_card(around: str) -> None:
    text = around.format(CARDS["visa"].replace(" ", ""))

    assert redact(text) == Redacted(text, {})


def test_few_numbers_of_sixteen_digits_are_taken_for_cards() -> None:
    choose = random.Random(5)  # noqa: S311
    numbers = "\n".join(str(choose.randrange(10**15, 10**16)) for _ in range(20_000))

    assert redact(numbers).found["card number"] < 0.03 * 20_000


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
    "required": "password: required",
    "rules": "Password: must have 8 characters",
    "types": "password: string\npassword: str\npassword: SecretStr\npassword: Optional[str]",
    "field": "type Login = {\n  user: string;\n  password: string;\n}",
    "object": "const login = {\n  user: bob,\n  password: hashed\n}",
    "object on a line": "const login = { user: bob, password: hashed }",
    "arguments": "connect(user: bob, password: hashed, port: 22)",
    "schema": "properties:\n  password:\n    type: string\n    format: password",
    "your password": "password: <your password>",
    "variable of a setting": "password: ${DB_PASSWORD}\npassword: $DB_PASSWORD",
    "no password": "password: None\npassword: null\nPassword: ",
    "tag of YAML": "password: !vault |\npassword: *default",
    "hyphenated": "password: write-only",
    "other variable": "password = newPassword\npassword = new_password",
    "compared": "password == swordfish or password != swordfish",
    "keyword": "if password: continue",
    "translation": "password: Passwort",
    "in a sentence": "I think that the password: swordfish or so",
    "all pass": "all pass: 1234567",
    "first pass": "first pass: 10ms",
    "hall pass": "hall pass: granted2",
    "tests that pass": "the tests that pass: test_a1 and test_b2; 1st pass: 1234567",
    "passing an option": 'let the user pass "--dry-run"',
    "how long": "pass: 10ms",
    "key of a vault": "azure key vault is at https://x.test/; the openai key is in 1password",
    "hash of a cache": "cache key: 5fc324bdb2e1142a21c402364f9572b8",
    "kind of login": '"auth": "basic", auth: bearerAuth1234, _auth=${NPM_AUTH}',
    "必須": "密码是必填的。密码是什么？パスワードは8文字以上です",
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
        ("a &#60;private&#62;b&#60;/private&#62; c", "a  c"),
        ("a &#x3c;private&#x3e;b&#x3c;/private&#x3e; c", "a  c"),
        ("a &amp;lt;private&amp;gt;b&amp;lt;/private&amp;gt; c", "a  c"),
        ("a \\x3cprivate\\x3eb\\x3c/private\\x3e c", "a  c"),
        ("a %3Cprivate%3Eb%3C%2Fprivate%3E c", "a  c"),
        ("a <private>b<\\/private> c", "a  c"),
        ("a <private>b&lt;/private&gt; c", "a  c"),
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
        *("mistral key", "pass", "是", "は", "です", "user: bob", "swordfish", "\u00a0", "order "),
        *('"auth": "', LOGIN, UUID, "4111", "JQQJ99", "&lt;private&gt;", "&lt;/private&gt;"),
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
        "the openai key is ",
        "password: swordfish\n",
        "user: bob, password: swordfish, ",
        "密码是Abc12345 ",
        "all pass: 1234567\n",
        "4111.",
        "4111  ",
        "62",
        "JQQJ99",
        '"auth": "Ym9i',
        "&lt;private&gt;",
        "\\u003c",
        "://a:",
        "\\",
        " sk-",
    ],
)
def test_a_large_text_is_read_in_one_go(piece: str) -> None:
    """What is not linear does not end: this would run into the limit of the test run."""
    text = piece * (1_000_000 // len(piece))

    redact(text)


@pytest.mark.parametrize("piece", ["<private>a", "<private>a</private>", "word ", "password=", "a"])
def test_so_is_one_of_which_only_a_part_is_kept(piece: str) -> None:
    redact(piece * (10_000_000 // len(piece)), 10_000)


# Of a long text a part is kept ------------------------------------------------------------------

WORDS = "lorem ipsum dolor. "
HIDDEN = "Zanzibar"


@pytest.mark.parametrize("length", [0, 1, 99, 100])
def test_a_text_that_is_not_too_long_is_kept_whole(length: int) -> None:
    assert redact("a" * length, 100).text == "a" * length


def test_of_a_long_text_the_beginning_and_the_end_are_kept() -> None:
    text = f"first {WORDS * 10_000} last"
    kept = redact(text, 3_000).text
    beginning, end = kept.split("\n\n[…]\n\n")

    assert text.startswith(beginning)
    assert text.endswith(end)
    assert 1_400 < len(beginning) <= 1_500
    assert 1_400 < len(end) <= 1_500


def test_a_text_that_is_long_only_in_private_loses_nothing_else() -> None:
    assert redact(f"a <private>{WORDS * 1_000}</private> b", 100).text == "a  b"


OPENINGS = ("<private>", "<PRIVATE >", "&lt;private&gt;", "\\u003cprivate\\u003e", "%3Cprivate%3E")
CLOSINGS = (
    "</private>",
    "</Private >",
    "&lt;/private&gt;",
    "\\u003c/private\\u003e",
    "%3C/private%3E",
)
_TAGS = st.tuples(st.sampled_from(OPENINGS), st.sampled_from(CLOSINGS))
_AROUND = st.tuples(
    st.sampled_from((WORDS, "a", "字", f"{WORDS}\n", "\\n", ANYTHING)), st.integers(0, 300)
)


@st.composite
def in_private(draw: st.DrawFn, depth: int = 2) -> str:
    """A passage of any length, in private, and perhaps with others in it; each hides a word."""
    opening, closing = draw(_TAGS)
    inside = [draw(st.sampled_from((WORDS, "字", ""))) * draw(st.integers(0, 400)), HIDDEN]
    if depth and draw(st.booleans()):
        inside.append(draw(in_private(depth - 1)))
    inside = draw(st.permutations(inside))
    return f"{opening} {' '.join(inside)} {HIDDEN} {closing}"


@given(
    st.lists(st.one_of(in_private(), st.integers(0, 400).map(WORDS.__mul__), ANYTHING), max_size=5)
)
def test_nothing_private_is_left_however_long_the_text(pieces: list[str]) -> None:
    for longest in (None, 3_000, 300):
        assert HIDDEN not in redact(" ".join(pieces), longest).text


@given(st.lists(st.integers(0, 400), max_size=3), st.sampled_from(OPENINGS), ANYTHING)
def test_nothing_behind_an_unclosed_private_is_left(
    lengths: list[int], opening: str, before: str
) -> None:
    text = " ".join((before, opening, *(f"{WORDS * length} {HIDDEN}" for length in lengths)))

    for longest in (None, 3_000, 300):
        assert HIDDEN not in redact(text, longest).text


DASHES = "-" * 5
LONG_SECRETS = {
    "private key": f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n"
    + "\n".join(LINES * 30)
    + f"\n{DASHES}END RSA PRIVATE KEY{DASHES}\n",
    "password in quotes": f'password = "{made(_LETTERS, 5_000)}" ',
    "password below": f"Password:\n```\n{PASSWORD}\n```\n",
    "spoken": f"the password for the server is {PASSWORD} ",
    "setting": f"- name: DB_PASSWORD\n  value: {PASSWORD}\n",
    "key": f"my mistral key is {RANDOM} ",
    "jwt": "ey" + f"JhbGciOiJIUzI1NiJ9.{made(_URLSAFE, 3_000)}.{made(_URLSAFE, 43)} ",
    "authorization": f"Authorization: Bearer {RANDOM} ",
    "curl": f"curl --user admin:{PASSWORD} https://x.test ",
}


@pytest.mark.parametrize("secret", LONG_SECRETS.values(), ids=LONG_SECRETS)
def test_no_secret_is_cut_in_two(secret: str) -> None:
    parts = [part for part in secret.split() if len(part) > 9 and not part.isalpha()]
    parts += [run[at : at + 12] for run in parts for at in (0, len(run) // 2, len(run) - 12)]
    hidden = {part for part in parts if part not in redact(secret).text}
    assert hidden
    for place in (1_500, 20_000 - 1_500):
        for shift in range(-len(secret) - 5, 5, max(1, len(secret) // 40)):
            before = place + shift
            text = (WORDS * 2_000)[:before] + " " + secret + (WORDS * 2_000)[: 20_000 - before]
            kept = redact(text, 3_000).text
            assert not [part for part in hidden if part in kept], shift
