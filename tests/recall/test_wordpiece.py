"""The word pieces are those of Hugging Face's tokenizers, and a limit bounds the work."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recall.wordpiece
from recall.wordpiece import WordPiece

VOCABULARY = Path(recall.wordpiece.__file__).parent / "model" / "vocab.txt"
PIECES = WordPiece(VOCABULARY)
UNKNOWN = PIECES.number("[UNK]")
ALL = 10_000

# Recorded from tokenizers 0.23 with this vocabulary: BertNormalizer(lowercase=True),
# BertPreTokenizer, WordPiece(max_input_chars_per_word=100), no special tokens. It is not installed
# for the tests, because it brings a dozen packages along.
RECORDED = [
    (
        "words",
        "Which retry policy did we choose?",
        [2029, 2128, 11129, 3343, 2106, 2057, 5454, 1029],
    ),
    (
        "case",
        "The README names PostgreSQL, not MySQL.",
        [
            1996,
            3191,
            4168,
            3415,
            2695,
            17603,
            2015,
            4160,
            2140,
            1010,
            2025,
            2026,
            2015,
            4160,
            2140,
            1012,
        ],
    ),
    (
        "rare words",
        "Idempotency keys survive redelivery",
        [8909, 6633, 11008, 11916, 6309, 5788, 2417, 20806, 27900],
    ),
    (
        "accents",
        "Café, naïve, Ångström, ÇA VA",
        [7668, 1010, 15743, 1010, 17076, 15687, 1010, 6187, 12436],
    ),
    ("accents apart", "Cafe\u0301 nai\u0308ve", [7668, 15743]),
    ("what no accent is taken from", "Straße øre łódź", [2358, 27807, 1100, 2890, 17814]),
    ("dotted capital i", "İstanbul ısı", [9960, 1104, 2015, 11722]),
    (
        "sigma at the end",
        "ΟΔΟΣ ΣΟΦΟΣ",
        [1169, 29722, 29730, 29733, 1173, 29730, 29736, 29730, 29733],
    ),
    (
        "Cyrillic",
        "Какой порт слушает прокси?",
        [
            1189,
            10260,
            23925,
            14150,
            10325,
            1194,
            14150,
            16856,
            22919,
            1196,
            29436,
            29748,
            29753,
            10260,
            15290,
            22919,
            1194,
            16856,
            14150,
            23925,
            29747,
            10325,
            1029,
        ],
    ),
    (
        "code",
        "def retry(n: int=3) -> None: raise_if(x != y)",
        [
            13366,
            2128,
            11129,
            1006,
            1050,
            1024,
            20014,
            1027,
            1017,
            1007,
            1011,
            1028,
            3904,
            1024,
            5333,
            1035,
            2065,
            1006,
            1060,
            999,
            1027,
            1061,
            1007,
        ],
    ),
    (
        "path and url",
        "see /etc/hosts and https://example.org/a?b=1&c=2#d",
        [
            2156,
            1013,
            4385,
            1013,
            6184,
            1998,
            16770,
            1024,
            1013,
            1013,
            2742,
            1012,
            8917,
            1013,
            1037,
            1029,
            1038,
            1027,
            1015,
            1004,
            1039,
            1027,
            1016,
            1001,
            1040,
        ],
    ),
    (
        "numbers",
        "v1.20.3 at 127.0.0.1:8080, 99.95%",
        [
            1058,
            2487,
            1012,
            2322,
            1012,
            1017,
            2012,
            13029,
            1012,
            1014,
            1012,
            1014,
            1012,
            1015,
            1024,
            3770,
            17914,
            1010,
            5585,
            1012,
            5345,
            1003,
        ],
    ),
    (
        "ASCII symbols",
        "a$b+c<d=e>f^g`h|i~j",
        [
            1037,
            1002,
            1038,
            1009,
            1039,
            1026,
            1040,
            1027,
            1041,
            1028,
            1042,
            1034,
            1043,
            1036,
            1044,
            1064,
            1045,
            1066,
            1046,
        ],
    ),
    (
        "made of ASCII symbols",
        "a \u2260 b \u226e c \u226f d \u1fef e \u037e f",
        [1037, 1027, 1038, 1026, 1039, 1028, 1040, 1036, 1041, 1025, 1042],
    ),
    (
        "typographic punctuation",
        "“quoted” – and … so‑called ‹it›",
        [1523, 9339, 1524, 1516, 1998, 1529, 2061, 1514, 2170, 100, 2009, 1533],
    ),
    (
        "symbols that are no punctuation",
        "5 € ± 3 × 2 → ½ ① ™",
        [1019, 1574, 1081, 1017, 1095, 1016, 1585, 1092, 100, 1580],
    ),
    (
        "CJK",
        "数据库の接続プール設定",
        [100, 100, 100, 1671, 100, 100, 1720, 30265, 30259, 100, 1822],
    ),
    ("CJK beside letters", "use数据base", [2224, 100, 100, 2918]),
    ("compatibility ideographs", "\uf900\ufa0e\U0002f800", [100, 100, 100]),
    (
        "Hangul",
        "데이터베이스 연결",
        [
            1457,
            30009,
            29999,
            30019,
            30003,
            30008,
            29996,
            30009,
            29999,
            30019,
            29997,
            30017,
            1463,
            30010,
            30021,
            29991,
            30010,
            30022,
        ],
    ),
    ("kana with marks", "ガギグ が", [1700, 30227, 30228, 1651]),
    (
        "Arabic",
        "أين ملف الإعدادات؟",
        [
            1270,
            14498,
            15915,
            1295,
            23673,
            29833,
            1270,
            23673,
            25573,
            29830,
            15394,
            25573,
            15394,
            25573,
            29817,
            100,
        ],
    ),
    ("Devanagari", "डेटाबेस कहाँ है", [1321, 29856, 29876, 29865, 29874, 1315, 29875, 29876, 1339]),
    ("emoji", "ship it \U0001f680\U0001f680 \U0001f469\u200d\U0001f4bb", [2911, 2009, 100, 100]),
    ("emoji beside letters", "done✅ok", [100]),
    (
        "spaces of all kinds",
        "a\xa0b\u2003c\u3000d\u2028e\u2029f\tg\r\nh",
        [1037, 1038, 1039, 1040, 1041, 1042, 1043, 1044],
    ),
    ("control characters", "a\x00b\x07c\x0bd\x85e\x7ff\x1cg", [5925, 3207, 2546, 2290]),
    (
        "invisible characters",
        "pass\u200bword soft\xadhyphen \ufeffbom",
        [20786, 3730, 10536, 8458, 2368, 8945, 2213],
    ),
    ("replacement character", "a\ufffdb", [11113]),
    ("private use", "a\ue000b", [11113]),
    ("ligatures and full width", "ﬁle ＦＵＬＬ ﬀ", [1984, 2571, 100, 100]),
    (
        "names of special pieces",
        "[CLS] [SEP] [UNK] ##ing",
        [1031, 18856, 2015, 1033, 1031, 19802, 1033, 1031, 4895, 2243, 1033, 1001, 1001, 13749],
    ),
    ("only marks", "\u0301\u0308", []),
    ("only punctuation", "?!... --", [1029, 999, 1012, 1012, 1012, 1011, 1011]),
]


@pytest.mark.parametrize(
    ("text", "numbers"), [row[1:] for row in RECORDED], ids=[row[0] for row in RECORDED]
)
def test_the_pieces_are_those_that_tokenizers_gives(text: str, numbers: list[int]) -> None:
    assert PIECES.encode(text, ALL) == numbers


def test_a_word_of_a_hundred_characters_is_read_and_a_longer_one_is_unknown() -> None:
    assert UNKNOWN not in PIECES.encode("a" * 100, ALL)
    assert PIECES.encode("b " + "a" * 101 + " c", ALL) == [1038, UNKNOWN, 1039]
    assert PIECES.encode("\u00e9" * 100, ALL) == PIECES.encode("e" * 100, ALL)
    assert PIECES.encode("\u00e9" * 101, ALL) == [UNKNOWN]


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00", "\u200b", "\ud800"])
def test_what_shows_nothing_has_no_pieces(text: str) -> None:
    assert PIECES.encode(text, ALL) == []


def test_half_a_surrogate_pair_inside_a_word_is_left_out() -> None:
    assert PIECES.encode("mem\udc80ory", ALL) == PIECES.encode("memory", ALL)


@pytest.mark.parametrize(
    "unit",
    ["a ", "a", " ", "!", "\u4e2d", "\u304b", "\U0001f642", "\x00", "\u0301", "ab-"],
)
def test_a_limit_bounds_the_pieces_of_a_text_of_megabytes(unit: str) -> None:
    assert len(PIECES.encode(unit * 3_000_000, 46)) <= 46


def test_no_pieces_are_asked_for_and_none_come() -> None:
    assert PIECES.encode("one two", 0) == []


@given(st.text(), st.integers(0, 20))
def test_fewer_pieces_are_the_beginning_of_more(text: str, limit: int) -> None:
    assert PIECES.encode(text, limit) == PIECES.encode(text, ALL)[:limit]


@given(st.text(), st.text(), st.sampled_from(" \n\t\u00a0\u3000"))
def test_what_stands_on_both_sides_of_a_space_is_cut_by_itself(
    before: str, after: str, space: str
) -> None:
    whole = PIECES.encode(before + space + after, ALL)
    assert whole == PIECES.encode(before, ALL) + PIECES.encode(after, ALL)


@given(st.text())
def test_every_number_is_one_of_the_vocabulary(text: str) -> None:
    assert all(0 <= number < 30_522 for number in PIECES.encode(text, ALL))


@given(st.text(st.characters(codec="ascii")))
def test_case_makes_no_difference(text: str) -> None:
    assert PIECES.encode(text.upper(), ALL) == PIECES.encode(text.lower(), ALL)


def test_a_vocabulary_may_hold_what_python_takes_for_the_end_of_a_line(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\n\u0661\n\x1c\nword\n", "utf-8", newline="\n")

    assert WordPiece(tmp_path / "vocab.txt").encode("word", 1) == [3]
