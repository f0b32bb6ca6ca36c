import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.rivals import CHOICES, Means, Verdict, compare, compare_means, compare_shapes, read

BEHIND, STAYS, GIVES_WAY = Verdict.COMES_BEHIND, Verdict.STAYS, Verdict.GIVES_WAY

# The older, the newer, what becomes of the older.
WISHES = [
    pytest.param("Always use tabs.", "Always use spaces.", GIVES_WAY, id="one choice"),
    pytest.param("Indent with tabs.", "Indent with 4 spaces.", GIVES_WAY, id="a number of them"),
    pytest.param("Always use spaces.", "Always use 4 spaces.", BEHIND, id="more closely"),
    pytest.param("Never use emojis.", "Always use emojis.", GIVES_WAY, id="allowed"),
    pytest.param("Add type hints.", "Never add type hints.", GIVES_WAY, id="taken back"),
    pytest.param(
        "Use f-strings, never % formatting.",
        "Use % formatting, never f-strings.",
        GIVES_WAY,
        id="turned round",
    ),
    pytest.param("Use npm.", "Use pnpm instead of npm.", GIVES_WAY, id="instead of"),
    pytest.param("Limit lines to 80.", "Limit lines to 100.", GIVES_WAY, id="measure"),
    pytest.param("Use port 80.", "Use port 443.", BEHIND, id="number that is no measure"),
    pytest.param("Use Foo for tests.", "Use Bar for tests.", GIVES_WAY, id="same purpose"),
    pytest.param("Use mocks for tests.", "Use fixtures for tests.", BEHIND, id="things in plural"),
    pytest.param("Use Foo for tests.", "Also use Bar for tests.", BEHIND, id="also"),
    pytest.param("Use Zod.", "Use Yup.", BEHIND, id="nobody can tell"),
    pytest.param("Write tests.", "Write tests before code.", BEHIND, id="more of the same"),
    pytest.param("Use tabs.", "Use spaces in YAML.", BEHIND, id="narrower"),
    pytest.param("Use tabs in Go.", "Use spaces in Python.", STAYS, id="two places"),
    pytest.param("Add hints to functions.", "Never add hints to lambdas.", STAYS, id="two hosts"),
    pytest.param("Use MySQL for orders.", "Use Kafka for events.", STAYS, id="two purposes"),
    pytest.param("Never push to main.", "Never force push.", STAYS, id="two bans"),
    pytest.param("Answer in German.", "Never answer with emojis.", STAYS, id="wish and ban"),
    pytest.param("Use tabs.", "Use semicolons.", STAYS, id="two choices"),
    pytest.param("Sign commits.", "Write commit messages.", STAYS, id="two deeds"),
    pytest.param("Run the linter.", "Never run the slow linter.", BEHIND, id="narrower ban"),
]


@pytest.mark.parametrize(("older", "newer", "verdict"), WISHES)
def test_an_older_wish_gives_way_only_to_what_cannot_be_done_beside_it(older, newer, verdict):
    assert compare(read(newer), read(older)) is verdict


SHAPES = [
    pytest.param("Use snake_case for names.", "Use camelCase for names.", GIVES_WAY, id="all"),
    pytest.param(
        "Use snake_case in Python.", "Use camelCase in TypeScript.", STAYS, id="two languages"
    ),
    pytest.param("Use snake_case.", "Use camelCase in TypeScript.", BEHIND, id="one language"),
    pytest.param("Never start them with x_.", "Never start them with y_.", STAYS, id="two bans"),
    pytest.param("Use snake_case in Rust.", "Use camelCase in Rust.", GIVES_WAY, id="the same one"),
]


@pytest.mark.parametrize(("older", "newer", "verdict"), SHAPES)
def test_each_language_may_have_names_of_its_own_shape(older, newer, verdict):
    assert compare_shapes(read(newer), read(older)) is verdict


MEANS = [
    pytest.param("We use Redis for caching.", "We use Valkey for caching.", GIVES_WAY, id="other"),
    pytest.param("We use Redis for caching.", "We also use Valkey for caching.", BEHIND, id="also"),
    pytest.param(
        "We use Redis for caching in production.",
        "We use a dict for caching in tests.",
        STAYS,
        id="two places",
    ),
    pytest.param(
        "We use Redis for caching.", "We use Valkey for caching in tests.", BEHIND, id="narrower"
    ),
    pytest.param(
        "Use Zoom for meetings.", "Use a notebook for meetings.", BEHIND, id="another sort of thing"
    ),
    pytest.param(
        "We use Redis for caching.", "We never use Redis for caching.", GIVES_WAY, id="no longer"
    ),
    pytest.param(
        "We use Valkey for caching.", "We never use Redis for caching.", STAYS, id="a ban on others"
    ),
]


@pytest.mark.parametrize(("older", "newer", "verdict"), MEANS)
def test_one_means_takes_the_place_of_another(older, newer, verdict):
    assert compare_means(read(newer), read(older)) is verdict


SAID = [
    pytest.param("Use pytest.", {"pytest"}, set(), id="wish"),
    pytest.param("Never use mocks or globals.", set(), {"mock", "global"}, id="ban"),
    pytest.param("Use pytest, not nose.", {"pytest"}, {"nose"}, id="but not"),
    pytest.param("Use pytest rather than nose.", {"pytest"}, {"nose"}, id="rather than"),
    pytest.param("Never use nose, use pytest.", {"pytest"}, {"nose"}, id="but"),
    pytest.param("Use no more than 3 hooks.", {"3", "hook"}, set(), id="no more than"),
]


@pytest.mark.parametrize(("text", "wanted", "banned"), SAID)
def test_what_is_wanted_is_told_from_what_is_not(text, wanted, banned):
    assert (read(text).wanted, read(text).banned) == (wanted, banned)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Use redis for caching.", Means.NAMED),
        ("Use a dict for caching.", Means.ONE),
        ("Use fixtures for tests.", Means.SEVERAL),
    ],
)
def test_a_means_is_a_name_or_a_thing_or_several(text, means):
    assert read(text).means is means


@pytest.mark.parametrize("text", ["From now on use pytest.", "Use pytest in general."])
def test_from_now_on_and_in_general_are_no_places(text):
    assert read(text).places == frozenset()


@pytest.mark.parametrize("row", CHOICES, ids=lambda row: row[0])
def test_every_choice_is_called_by_some_word(row):
    assert row[0].split()


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(one, other):
    newer, older = read(one), read(other)

    for judge in (compare, compare_shapes, compare_means):
        assert judge(newer, older) in Verdict
        assert judge(newer, newer) is not STAYS
