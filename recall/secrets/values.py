"""Whether a value is what the name that it is given to promises."""

import re
from typing import Final, NamedTuple

from recall.secrets.looks import is_random, is_real

# Words that stand where a password could: types, rules, labels, other names for the same thing.
_ORDINARY: Final = re.compile(
    r"""(?:str | string | text | bytes | char | varchar | number | integer | int | float | bool |
        boolean | object | any | unknown | none | null | nil | undefined | true | false | empty |
        blank | required | optional | nullable | missing | invalid | incorrect | wrong | valid |
        hidden | visible | confirmed | hash | hashed | encrypted | plain | plaintext | changed |
        updated | reset | forgot | forgotten | expired | enabled | disabled | default | password |
        passwd | pass | pwd | passphrase | secret | token | key | value | username | user | email
        | name | login | input | field | label | self | auto | prompt | bearer | basic | json |
        yaml | path | file | this | that | here | there | same | http | https | config | settings
        | return | await | async | function | const | let | var | import | from | base64 | utf8 |
        utf-8 | sha1 | sha256 | sha512 | md5 | argon2 | argon2id | argon2i | pbkdf2[\w:.-]* |
        bcrypt | scrypt | oauth | oauth2 | jwt | uuid | hmac-sha256 | sha-256 | readonly | masked
        | raw | unset | current-password | new-password)\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"""[&*!@]?[A-Za-z_$][\w$]*(?:(?:\.|->|::|[?!]\.)\#?[A-Za-z_$][\w$]*)+(?:[(\[{;,)]|\Z)  # a.b
      | [&*!@]?[A-Za-z_$][\w$.:]*[(\[{]               # f(…), a[…]
      | [(\[{<|\\=]                                   # the beginning of something
      | \$[({A-Za-z_]\w*[)}]*\Z | [@:%&*][A-Za-z_]\w*[%]?\Z | !(?i:vault|secret|env|ref)\Z
      | (?:~|\.{0,2})/[\w.@+-]*(?:/|\Z) | [A-Za-z]:\\ | \w+://  # a path, an address
      | [a-z][a-z0-9]*(?:_[a-z0-9]+)+\Z | [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z
      | (?:[A-Za-z]{1,3}|arg|param|value|var|test|user|passwords?|passwd|pass|secret|token|key|str
        |string|varchar|item|node|line|text|char|uint|int|sha|utf|name|data)_?\d{1,3}\Z""",
    re.VERBOSE,
)
_SAME_WORD: Final = re.compile(r"[\w.#:/ -]*(?:passw|secret|token|pwd|key)[\w.#:/ -]*\Z", re.I)
_SPACE: Final = re.compile(r"\s")
_ADDRESS: Final = re.compile(r"\w+://|(?:~|\.{0,2})/\w")
_NUMBER: Final = re.compile(r"[\d.,:/%_+eExX-]+\Z")
_QUANTITY: Final = re.compile(r"\d+(?:[mµun]?s|min|[hxk]|[kKMG]B|%)\Z")
SYMBOL: Final = re.compile(r"[0-9!@#$%^&*+=~]")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*\Z")


# What a line says about a password that it does not tell.
_STATED: Final = re.compile(
    r"""(?:type | types | read | write | only | once | never | always | must | should | mandatory |
        needed | necessary | provided | given | supplied | stored | saved | shown | found |
        being | unchanged | unused | absent | present | available | works | working | broken |
        failed | fails | failure | success | successful | accepted | rejected | denied | refused
        | allowed | forbidden | mismatch | match | matches | matched | correct | fixed | strong
        | medium | simple | secure | insecure | unsafe | short | sensitive | private | public |
        protected | internal | external | locked | unlocked | notes | example | sample | random
        | generated | generate | getpass | please | click | below | above | again | later |
        today | automatic | manual | interactive | stdin | keyring | keychain | vault | url |
        environment | variable | variables | argument | arguments | option | options | param |
        parameter | parameters | property | attribute | column | header | payload | data |
        result | response | request | answer | content | contents | words | buffer | chars |
        entry | element | items | event | state | props | model | schema | record | current |
        previous | original | first | other | another | custom | special | common | regular |
        literal | constant | final | static | class | struct | interface | generic |
        authentication | authorization | validation | verification | encryption | encoded |
        hashing | security | policy | rules | manager | careful | which | where | without |
        after | before | erforderlich | pflicht | pflichtfeld | falsch | richtig | vergessen |
        geändert | unbekannt | obligatoire | requis | incorrecte | oublié | requerido |
        requerida | obligatorio | obligatoria | incorrecta | olvidada | obrigatório |
        obrigatória)\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_LETTERS_ONLY: Final = re.compile(r"[^\W\d_]{5,}(?:-[^\W\d_]+)*\Z")
_HUMP: Final = re.compile(r"[a-z][A-Z]")
_TRANSLATED: Final = re.compile(
    "passw|secret|token|credential|kennwort|contrase|senha|wachtwoord|parol|has[lł]o|heslo|lösenord"
    "|salasana|пароль|密码|密碼|パスワード|비밀번호"
)


def is_chosen(word: str) -> bool:
    """What somebody may have chosen for a password, and does not say something about one."""
    return (
        _LETTERS_ONLY.match(word) is not None
        and not _HUMP.search(word)
        and not _TRANSLATED.search(word.lower())
        and (
            word.count("-") > 1
            or not any(_STATED.match(part) or _ORDINARY.match(part) for part in word.split("-"))
        )
    )


class Given(NamedTuple):
    """A value together with how it was given."""

    value: str
    is_quoted: bool
    is_loud: bool  # the name is in capitals, as in a file of settings
    is_tight: bool  # name=value, which in code only keyword arguments are
    is_spoken: bool  # the password is …
    is_setting: bool  # a word that says nothing about a password, alone on the line of its name
    in_call: bool


def is_password(given: Given) -> bool:
    value = given.value
    if len(value) < 4 or _ORDINARY.match(value) or not is_real(value):
        return False
    if given.is_quoted:
        return not (
            value.endswith(":")  # the label of a prompt
            or _SPACE.search(value)
            or (_CODE.match(value) and not is_random(value, 2.6))
            or (value.islower() and not SYMBOL.search(value) and _SAME_WORD.match(value))
            or (_NUMBER.match(value) and len(value) < 6)
        )
    if _CODE.match(value) and not (value[0].isalnum() and is_random(value, 2.4)):
        return False
    if given.is_tight and given.is_loud:
        return True
    if _NUMBER.match(value) or _QUANTITY.match(value):
        return value.isdigit() and len(value) >= 6
    if SYMBOL.search(value[:-1]) or value[-1].isdigit():
        return any(map(str.isalnum, value)) and not (given.is_spoken and value[0] in "*_(")
    return (
        (given.is_tight and not given.in_call)
        or (given.is_loud and value.isalpha() and not given.is_spoken)
        or given.is_setting
    )


def is_secret(given: Given) -> bool:
    value = given.value
    if len(value) < 8 or (given.is_quoted and _SPACE.search(value)):
        return False
    if "." in value and _NUMBER.match(value):  # a version, an address, an object identifier
        return False
    if given.is_loud and given.is_tight and not _CODE.match(value) and not _NUMBER.match(value):
        return is_real(value) and not _ORDINARY.match(value)
    if not given.is_quoted and (_IDENTIFIER.match(value) or _CODE.match(value)):
        return len(value) >= 16 and value[0] not in "$([{<" and is_random(value, 2.7)
    if _ADDRESS.match(value) and not is_random(value, 2.4):
        return False
    return is_random(value) or (len(value) >= 32 and value.isalnum() and is_random(value, 4))
