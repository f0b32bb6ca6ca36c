import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.purposes import is_in_code, key, named

CUSTOMS = [
    pytest.param("we use redis for caching.", ("caching",), id="plain"),
    pytest.param("ok, so we now use linear for our tickets", ("tickets",), id="in passing"),
    pytest.param("note that we use sentry for error tracking.", ("error tracking",), id="noted"),
    pytest.param("for state management, we use zustand.", ("state management",), id="turned round"),
    pytest.param("we use redis for caching and sessions.", ("caching", "sessions"), id="two"),
    pytest.param("we use redis for caching in production.", ("caching",), id="with a place"),
    pytest.param("we use redis for caching because it is fast.", ("caching",), id="with a reason"),
    pytest.param("this project uses stripe for payments.", ("payments",), id="project"),
    pytest.param("our team relies on auth0 for authentication.", ("authentication",), id="team"),
    pytest.param("we never use redis for caching.", ("caching",), id="never"),
    pytest.param("we don't use redis for caching anymore.", ("caching",), id="no longer"),
    pytest.param("wir verwenden redis für das caching.", ("caching",), id="German"),
    pytest.param("wir nutzen linear für tickets.", ("tickets",), id="German, nutzen"),
    pytest.param("wir benutzen stripe für zahlungen", ("zahlungen",), id="German, benutzen"),
    pytest.param("für tickets nutzen wir linear.", ("tickets",), id="German, turned round"),
    pytest.param("bei uns nutzen wir linear für tickets.", ("tickets",), id="German, inverted"),
    pytest.param("here we use bazel for builds.", ("builds",), id="here"),
    pytest.param("we're using bazel for builds.", ("builds",), id="using"),
    pytest.param(
        "we use celery for mails and kafka for events", ("mails", "events"), id="two of each"
    ),
    pytest.param("we use redis as our cache.", ("cache",), id="part"),
    pytest.param("as a cache we use redis.", ("cache",), id="part, turned round"),
    pytest.param(
        "we use kafka as a message queue and redis as a cache",
        ("message queue", "cache"),
        id="a part of each",
    ),
    pytest.param("we use redis as a cache for sessions", ("sessions",), id="part with a purpose"),
    pytest.param("we use redis as well for caching", ("caching",), id="as well"),
    pytest.param("als cache nutzen wir redis.", ("cache",), id="German part"),
    pytest.param("nous utilisons redis comme cache.", ("cache",), id="French part"),
    pytest.param("usamos redis como caché.", ("caché",), id="Spanish part"),
    pytest.param("nous utilisons redis pour le cache.", ("cache",), id="French"),
    pytest.param("usamos redis para la caché.", ("caché",), id="Spanish"),
]


@pytest.mark.parametrize(("said", "purposes"), CUSTOMS)
def test_a_custom_names_what_something_is_used_for(said, purposes):
    assert named(said, lasts=False) == purposes


NO_CUSTOMS = [
    pytest.param("we use this for fun.", id="for fun"),
    pytest.param("we use it for that", id="pronouns"),
    pytest.param("we use slack for now.", id="for now"),
    pytest.param("we use redis for the first time.", id="for the first time"),
    pytest.param("we use the kitchen for a while.", id="for a while"),
    pytest.param("we use the car for three years now.", id="for years"),
    pytest.param("we use a profiler for all our projects.", id="for any work"),
    pytest.param("what do we use for caching?", id="question for the means"),
    pytest.param("do we use redis for caching?", id="question"),
    pytest.param("verwenden wir redis für caching?", id="German question"),
    pytest.param("we used redis for caching back then.", id="past"),
    pytest.param("we used to use redis for caching.", id="given up"),
    pytest.param("wir haben redis für caching verwendet.", id="German past"),
    pytest.param("we could use redis for caching.", id="possibility"),
    pytest.param("maybe we use redis for caching.", id="guess"),
    pytest.param("if we use redis for caching, it is fast.", id="condition"),
    pytest.param("wir könnten redis für caching verwenden.", id="German possibility"),
    pytest.param("the cache we use for sessions is slow.", id="relative clause"),
    pytest.param("i wonder why we use kafka for messaging", id="wondering"),
    pytest.param("they use jira for tickets.", id="others"),
    pytest.param("use redis for caching.", id="one order"),
    pytest.param("use redis as our cache.", id="one order, as a part"),
    pytest.param("we use redis as it is fast.", id="reason"),
    pytest.param("we use docker as our team prefers it.", id="reason with a verb"),
    pytest.param("we use tabs as needed.", id="manner"),
    pytest.param("we use react as described in the docs.", id="manner with a place"),
    pytest.param("we use mypy as part of ci.", id="part of something"),
    pytest.param("we use 4 spaces as default.", id="default of what?"),
    pytest.param("we use a more recent compiler as before.", id="comparison"),
    pytest.param("wir nutzen lieber redis als memcached.", id="German comparison"),
]


@pytest.mark.parametrize("said", NO_CUSTOMS)
def test_what_is_asked_supposed_past_or_vague_is_no_custom(said):
    assert named(said, lasts=False) == ()


def test_an_order_is_a_custom_where_it_lasts():
    assert named("from now on, use redis for caching.", lasts=True) == ("caching",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("error tracking", "tracking errors"),
        ("ticket", "tickets"),
        ("work calls", "calls"),
        ("caching", "cache"),
    ],
)
def test_the_same_purpose_has_the_same_key(one, other):
    assert key(one) == key(other)


def test_any_work_at_all_is_no_purpose():
    assert key("projects") == key("work") == ""


@pytest.mark.parametrize(
    ("purpose", "is_met"),
    [
        ("caching", True),
        ("type checking", True),
        ("background jobs", True),
        ("tickets", False),
        ("video calls", False),
        ("parties", False),
    ],
)
def test_work_on_code_meets_some_purposes(purpose, is_met):
    assert is_in_code(purpose) is is_met


@given(st.text(st.characters(codec=None, categories=None)), st.booleans())
def test_any_text_can_be_looked_through(text, lasts):
    assert all(key(purpose) for purpose in named(text, lasts=lasts))
