"""The shipped model runs as it is shipped; what stands around it keeps what was asked apart."""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recall.embedding import (
    GRAPH,
    MODEL,
    VOCABULARY,
    WEIGHTS,
    EmbeddingFailed,
    EmbeddingSettings,
    MiniLM,
    Questions,
    Vector,
    embedder_of,
)
from recall.process import be_background
from recall.remote_embedding import Remote
from routing.errors import ConfigError

SECONDS = 30.0  # how long a test waits for another thread before it fails


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def test_the_model_is_shipped() -> None:
    assert MiniLM.available()


def test_vectors_have_length_one_and_the_dimension_that_was_promised(model: MiniLM) -> None:
    vectors = model.embed(["The build runs on port 8080.", "", "\ud800", "\x00", "x" * 5000])

    assert vectors.shape == (5, model.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_have_no_vectors(model: MiniLM) -> None:
    assert model.embed([]).shape == (0, model.dimension)


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        (
            "Which database do we use?",
            "We store everything in PostgreSQL.",
            "The cat sleeps on the windowsill.",
        ),
        (
            "How do I run the tests?",
            "Type make check to execute the test suite.",
            "Our office moved to Lisbon last spring.",
        ),
        (
            "When is her birthday?",
            "Mara was born on the third of May.",
            "The linter complains about long lines.",
        ),
        (
            "why does the login fail",
            "Signing in breaks because the session cookie expires too early",
            "The logo should be a bit more blue",
        ),
    ],
)
def test_a_text_that_fits_lies_closer_to_the_question(
    model: MiniLM, question: str, near: str, far: str
) -> None:
    asked = model.embed_question(question)
    scores = model.embed([near, far]) @ asked

    assert scores[0] > scores[1] + 0.1


def test_a_text_has_the_same_vector_whatever_is_beside_it(model: MiniLM) -> None:
    alone = model.embed(["Use tabs."])
    together = model.embed(["Deploy on Fridays, but only in the morning. " * 30, "Use tabs."])

    assert np.array_equal(alone[0], together[1])


def test_a_short_question_has_the_vector_of_the_text(model: MiniLM) -> None:
    text = "Who reviews the migrations?"

    assert np.allclose(model.embed_question(text), model.embed([text])[0], atol=1e-6)


def test_of_a_long_question_the_beginning_and_the_end_count(model: MiniLM) -> None:
    begins = "Why is this migration slow on the staging database? "
    ends = "\nWhich index of the orders table is missing here?"
    noise = "INSERT 0 1 done in 3 ms\n" * 200
    other = "GET /static/logo.svg 200\n" * 200

    same = model.embed_question(begins * 3 + noise + ends * 3)
    assert np.allclose(same, model.embed_question(begins * 3 + other + ends * 3), atol=1e-6)
    unrelated = same @ model.embed_question("Mara was born on the third of May.")
    assert same @ model.embed_question(begins) > unrelated + 0.2
    assert same @ model.embed_question(ends) > unrelated + 0.2
    assert np.array_equal(same, model.embed_question(begins * 3 + noise + ends * 3 + "\n" * 5000))


def test_the_windows_of_a_long_text_all_count(model: MiniLM) -> None:
    first = "The kitchen needs a new oven and two more chairs for the guests. " * 25
    second = "The parser has to accept trailing commas in lists and in calls. " * 25
    both = model.embed([first + second])[0]
    alone = model.embed([first, second])

    assert (alone @ both > 0.6).all()


def test_what_lies_behind_eight_windows_is_left_out(model: MiniLM) -> None:
    long = "one two three four " * 400  # 1,600 pieces

    vectors = model.embed([long, long + "The parser accepts trailing commas. " * 50])
    assert np.array_equal(vectors[0], vectors[1])


def test_threads_may_share_a_model_that_is_not_loaded_yet() -> None:
    model = MiniLM()
    texts = [f"Service {n} listens on port {n}." for n in range(8)]

    with ThreadPoolExecutor(8) as threads:
        rows = list(threads.map(lambda text: model.embed([text])[0], texts))

    assert np.array_equal(np.stack(rows), model.embed(texts))


def test_a_missing_file_makes_the_model_unavailable(tmp_path: Path) -> None:
    for file in (GRAPH, VOCABULARY):
        (tmp_path / file).symlink_to(MODEL / file)
    assert not MiniLM.available(tmp_path)

    (tmp_path / WEIGHTS).symlink_to(MODEL / WEIGHTS)
    assert MiniLM.available(tmp_path)


def test_a_damaged_model_is_told_as_a_failure(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_bytes(b"no graph")
    (tmp_path / VOCABULARY).symlink_to(MODEL / VOCABULARY)

    with pytest.raises(EmbeddingFailed, match="cannot be loaded"):
        MiniLM(tmp_path).embed(["anything"])


# The cache of questions.


class Counts:
    """Gives each text a vector of its own, and remembers what was asked."""

    name = "counts"
    dimension = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vector:
        return np.stack([self.embed_question(text) for text in texts])

    def embed_question(self, text: str) -> Vector:
        self.asked.append(text)
        return np.array([len(text), len(self.asked)], np.float32)


class Waits(Counts):
    """Answers once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()
        self.was_asked = threading.Event()
        self.is_closed = False

    def embed_question(self, text: str) -> Vector:
        self.was_asked.set()
        assert self.may_answer.wait(SECONDS)
        return super().embed_question(text)

    def close(self) -> None:
        self.is_closed = True
        self.may_answer.set()


class Fails(Waits):
    """Fails as often as it is told to, and answers then."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    def embed_question(self, text: str) -> Vector:
        vector = super().embed_question(text)
        if self.errors:
            raise self.errors.pop(0)
        return vector


class NeverRests(Questions):
    SHORTEST_REST = 0.0


class RestsLong(Questions):
    SHORTEST_REST = LONGEST_REST = 3600.0


@pytest.fixture
def waits() -> Iterator[Waits]:
    embedder = Waits()
    yield embedder
    embedder.may_answer.set()


def test_a_question_is_answered_and_then_known() -> None:
    questions = Questions(Counts())
    assert questions.cached("where?") is None

    vector = questions.ask("where?").result(SECONDS)

    assert vector.tolist() == [6, 1]
    assert questions.ask("where?").result(0) is vector
    assert questions.cached("where?") is vector
    assert questions.cached("when?") is None
    questions.close()


def test_nobody_can_change_a_vector_that_others_get_too() -> None:
    questions = Questions(Counts())
    vector = questions.ask("where?").result(SECONDS)

    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 0
    questions.close()


def test_a_question_asked_twice_at_once_is_computed_once(waits: Waits) -> None:
    questions = Questions(waits)

    first, second = questions.ask("where?"), questions.ask("where?")
    waits.may_answer.set()

    assert first.result(SECONDS) is second.result(SECONDS)
    assert waits.asked == ["where?"]
    questions.close()


def test_an_answer_that_comes_too_late_is_known_the_next_time(waits: Waits) -> None:
    questions = Questions(waits)
    late = questions.ask("where?")
    with pytest.raises(TimeoutError):
        late.result(0)
    assert not late.cancel()

    waits.may_answer.set()
    late.result(SECONDS)

    assert questions.cached("where?") is not None
    questions.close()


def test_the_questions_not_asked_for_longest_are_forgotten() -> None:
    class Three(Questions):
        SIZE = 3

    questions = Three(Counts())
    for text in ("a", "b", "c", "a", "d"):
        questions.ask(text).result(SECONDS)

    assert [questions.cached(text) is not None for text in "abcd"] == [True, False, True, True]
    questions.close()


def test_the_texts_of_questions_are_not_kept() -> None:
    questions = Questions(Counts())
    questions.ask("a question about something private").result(SECONDS)

    assert "private" not in repr(vars(questions))
    questions.close()


def test_any_text_can_be_asked() -> None:
    questions = Questions(Counts())
    for text in ("", "\ud800", "\x00", "long " * 10_000):
        assert questions.ask(text).result(SECONDS)[0] == len(text)
    questions.close()


@pytest.mark.parametrize("error", [EmbeddingFailed("no answer"), ZeroDivisionError("private")])
def test_a_failure_is_told_and_the_thread_goes_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = Fails(error)
    embedder.may_answer.set()
    questions = NeverRests(embedder)

    with pytest.raises(EmbeddingFailed, match=r"no answer|ZeroDivisionError"):
        questions.ask("where?").result(SECONDS)

    assert questions.ask("where?").result(SECONDS) is not None
    assert "embedding.failed" in caplog.text
    assert "private" not in caplog.text
    questions.close()


def test_after_a_failure_nothing_is_asked_for_a_while() -> None:
    embedder = Fails(EmbeddingFailed("no answer"))
    questions = RestsLong(embedder)
    failing = questions.ask("first")
    assert embedder.was_asked.wait(SECONDS)
    behind = questions.ask("second")
    embedder.may_answer.set()

    for future in (failing, behind):
        with pytest.raises(EmbeddingFailed, match="no answer"):
            future.result(SECONDS)
    with pytest.raises(EmbeddingFailed, match="rests"):
        questions.ask("third").result(0)
    assert embedder.asked == ["first"]
    questions.close()


def test_what_is_known_is_given_while_the_model_rests() -> None:
    embedder = Fails()
    embedder.may_answer.set()
    questions = RestsLong(embedder)
    vector = questions.ask("known").result(SECONDS)
    embedder.errors.append(EmbeddingFailed("no answer"))
    assert questions.ask("new").exception(SECONDS)

    assert questions.ask("known").result(0) is vector
    questions.close()


def test_a_crowd_of_questions_is_refused_instead_of_piling_up(waits: Waits) -> None:
    questions = Questions(waits)
    futures = [questions.ask(str(n)) for n in range(Questions.WAITING + 1)]

    with pytest.raises(EmbeddingFailed, match="too many"):
        futures[-1].result(0)
    waits.may_answer.set()
    assert futures[-2].result(SECONDS) is not None
    questions.close()


def test_closing_fails_what_waits_and_lets_the_embedder_go(waits: Waits) -> None:
    questions = Questions(waits)
    running = questions.ask("first")
    assert waits.was_asked.wait(SECONDS)
    waiting = questions.ask("second")

    questions.close()

    with pytest.raises(EmbeddingFailed, match="closed"):
        waiting.result(0)
    with pytest.raises(EmbeddingFailed, match="closed"):
        questions.ask("third").result(0)
    assert running.done()
    assert waits.is_closed


def test_closing_twice_and_closing_what_was_never_used_is_fine() -> None:
    questions = Questions(Counts())
    questions.close()
    questions.close()


# The settings.


def test_nothing_set_means_the_shipped_model() -> None:
    assert isinstance(embedder_of(EmbeddingSettings()), MiniLM)


def test_no_model_can_be_asked_for() -> None:
    assert embedder_of(EmbeddingSettings(model="none")) is None
    assert embedder_of(EmbeddingSettings(url="http://127.0.0.1:1/v1", model="none")) is None


def test_a_url_means_the_model_behind_it() -> None:
    embedder = embedder_of(
        EmbeddingSettings(url="http://127.0.0.1:1/v1", model="nomic-embed-text", dimensions=256)
    )

    assert isinstance(embedder, Remote)
    assert (embedder.name, embedder.dimension) == ("nomic-embed-text/256", 256)
    embedder.close()


@pytest.mark.parametrize(
    "settings",
    [EmbeddingSettings(url="http://127.0.0.1:1/v1"), EmbeddingSettings(model="nomic-embed-text")],
)
def test_a_url_and_a_model_need_each_other(settings: EmbeddingSettings) -> None:
    with pytest.raises(ConfigError, match="url"):
        embedder_of(settings)


def test_the_key_hides_from_repr() -> None:
    assert "sk-made-up" not in repr(EmbeddingSettings(key="sk-made-up"))


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority on Linux only")
def test_a_background_thread_is_nicer_than_the_others() -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def in_the_background() -> int:
        be_background()
        return nice()

    before = nice()
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(in_the_background).result(SECONDS) == max(before, 10)
    assert nice() == before


def test_the_model_says_nothing_while_it_works(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    MiniLM().embed(["something private"])

    assert "private" not in caplog.text
    assert capfd.readouterr() == ("", "")
