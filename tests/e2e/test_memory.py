"""What was said earlier reaches the model, once, and nothing else of a request changes."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.memory_bodies import (
    blocks,
    insertion,
    is_reminded,
    messages,
    persons,
    without_memory,
)
from tests.e2e.memory_scene import SECONDS, Project, Scene
from tests.e2e.memory_talks import EVERY, LOOK, SYSTEM, WHOLE, ChatTalk, MessagesTalk, Talk
from tests.e2e.mitmdump import BIN, Mitmdump, upstreams
from tests.e2e.sdk_calls import (
    OTHER_CALLS,
    TEXT_CALLS,
    Call,
    chat,
    gemini_stream,
    groq_stream,
    messages_stream,
    name_of,
    responses_stream,
)
from tests.e2e.sdk_calls import messages as anthropic_messages
from tests.e2e.sdks import KEY, MODEL, QUESTION, TEXT, Clients
from tests.fakes import Provider, Seen, Step

pytestmark = pytest.mark.usefixtures("nobodys_settings")

ASKED: list[Any] = [{"role": "user", "content": QUESTION}]
SKY = "The colour of the sky is called heron grey in our catalogue."
SEEDS = (
    "The apples are stored in the northern cellar.",
    "The pears are sold at the market in Kettwig.",
    "The plums are made into brandy by Frauke.",
)
QUESTIONS = (
    "In which cellar are the apples stored?",
    "At which market are the pears sold?",
    "Who makes brandy of the plums?",
)
ANSWERS = ("In the northern one, I read.", "At the one in Kettwig, I think.", "Frauke does that.")
# Two tool rounds, none, and one.
STORY = (
    Step(tool_call=(LOOK, {"what": "cellar"})),
    Step(tool_call=(LOOK, {"what": "shelf"})),
    Step(text=ANSWERS[0]),
    Step(text=ANSWERS[1]),
    Step(tool_call=(LOOK, {"what": "still"})),
    Step(text=ANSWERS[2]),
)
TURN_OF = (0, 0, 0, 1, 2, 2)
"""Which turn each request of the story belongs to."""


@pytest.fixture
def scene(module_memory: Scene) -> Scene:
    module_memory.provider.reset()
    return module_memory


@pytest.fixture
def provider(scene: Scene) -> Provider:
    return scene.provider


@pytest.fixture
def without_us(provider: Provider) -> Clients:
    return Clients(provider.url, is_mounted=False)


@pytest.fixture(scope="module")
def sky(module_memory: Scene) -> Project:
    """A project that knows about the sky, and learns more with each test."""
    return module_memory.project(SKY)


def by_base_url(project: Project, **options: Any) -> Clients:
    return Clients(project.url, is_mounted=True, **options)


def request_of(call: Call, clients: Clients, provider: Provider) -> Seen:
    before = len(provider.requests)
    call(clients)
    [seen] = provider.requests[before:]
    return seen


# --- one call of each kind -------------------------------------------------------------------


@pytest.mark.parametrize("call", TEXT_CALLS, ids=name_of)
def test_memory_stands_right_before_what_was_typed_and_every_other_byte_is_the_clients(
    call: Call, sky: Project, without_us: Clients, provider: Provider
) -> None:
    check(call, by_base_url(sky), without_us, provider)


@pytest.mark.parametrize(
    "call",
    [chat, responses_stream, anthropic_messages, messages_stream, groq_stream, gemini_stream],
    ids=name_of,
)
def test_it_is_the_same_for_a_tool_that_was_given_a_proxy(
    call: Call,
    *,
    scene: Scene,
    sky: Project,
    without_us: Clients,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in scene.proxy.tool_environment(sky.port).items():
        monkeypatch.setenv(name, value)

    check(call, Clients(None, is_mounted=True), without_us, provider)


def check(call: Call, clients: Clients, without_us: Clients, provider: Provider) -> None:
    provider.always(Step(text=TEXT))

    wanted = request_of(call, without_us, provider)
    seen = request_of(call, clients, provider)

    assert SKY in insertion(wanted.body, seen.body).decode()
    assert without_memory(seen.body) == wanted.body
    assert is_reminded(persons(seen.json())[-1], QUESTION)
    assert (seen.method, seen.path) == (wanted.method, wanted.path)
    assert seen.header("content-length") == str(len(seen.body))
    assert but_length(seen) == but_length(wanted)
    assert call(clients) == TEXT


def but_length(seen: Seen) -> list[tuple[str, str]]:
    return [header for header in seen.headers if header[0].lower() != "content-length"]


@pytest.mark.parametrize(("call", "answer"), OTHER_CALLS, ids=name_of)
def test_a_call_that_generates_nothing_is_left_alone(
    call: Call, answer: object, sky: Project, without_us: Clients, provider: Provider
) -> None:
    wanted = request_of(call, without_us, provider)
    seen = request_of(call, by_base_url(sky), provider)

    assert seen.body == wanted.body
    assert call(by_base_url(sky)) == answer


# --- conversations ---------------------------------------------------------------------------


def tell(
    kind: type[Talk],
    clients: Clients,
    provider: Provider,
    between: Callable[[], object] = lambda: None,
    session: str = "",
) -> list[Seen]:
    """The requests of the story, with something in between its first turn and its second."""
    provider.reset()
    provider.script(*STORY)
    talk = kind(clients, session)
    try:
        assert talk.ask(QUESTIONS[0]) == ANSWERS[0]
        between()
        assert talk.ask(QUESTIONS[1]) == ANSWERS[1]
        assert talk.ask(QUESTIONS[2]) == ANSWERS[2]
    finally:
        talk.close()
    return provider.requests


def canonical(message: Any) -> Any:
    """A message as providers see it, however a client writes it, without its cache breakpoint."""
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        message = {**message, "content": [{"type": "text", "text": message["content"]}]}
    if isinstance(message, dict):
        return {
            name: canonical(value) for name, value in message.items() if name != "cache_control"
        }
    return [canonical(each) for each in message] if isinstance(message, list) else message


def check_story(kind: type[Talk], plain: list[Seen], seen: list[Seen]) -> None:
    """Each turn got one block when it began, and each request extends the one before it."""
    assert [without_memory(each.body) for each in seen] == [each.body for each in plain]
    before: list[Any] = []
    for each, turn in zip(seen, TURN_OF, strict=True):
        said = messages(each.json())
        if kind in WHOLE:
            assert canonical(said[: len(before)]) == canonical(before)
            before = said
            typed = persons(each.json())
            assert len(blocks(each.body)) == turn + 1
            for texts, question, seed in zip(typed, QUESTIONS, SEEDS, strict=False):
                assert is_reminded(texts, question)
                assert seed in "".join(texts)
        else:
            begins = bool(persons(each.json()))
            assert len(blocks(each.body)) == begins
            assert not begins or is_reminded(persons(each.json())[0], QUESTIONS[turn])


@pytest.mark.parametrize("session", ["", "a-session"])
@pytest.mark.parametrize("kind", EVERY)
def test_a_turn_keeps_its_memory_in_every_later_request(
    kind: type[Talk], session: str, scene: Scene, orchard: Project, without_us: Clients
) -> None:
    session = session and f"{session}-{kind.__name__}"

    plain = tell(kind, without_us, scene.provider, session=session)
    seen = tell(kind, by_base_url(orchard), scene.provider, session=session)

    check_story(kind, plain, seen)


@pytest.fixture(scope="module")
def orchard(module_memory: Scene) -> Project:
    return module_memory.project(*SEEDS)


@pytest.mark.parametrize("kind", [ChatTalk, MessagesTalk])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_restart_the_same_bytes_go_back_to_the_same_turn(
    how: signal.Signals, kind: type[Talk], scene: Scene, without_us: Clients
) -> None:
    project = scene.project(*SEEDS)
    session = "before and after" if kind is MessagesTalk else ""

    def restart() -> None:
        # What had not come to be written yet may be lost to a kill.
        scene.proxy.wait_until(lambda: project.notes and project.told, SECONDS)
        scene.proxy.stop(how)
        scene.proxy.start()
        scene.proxy.wait_until(lambda: project.port in scene.proxy.listening())
        project.seed("The apples are stored in a fridge since the flood.")

    plain = tell(kind, without_us, scene.provider, session=session)
    seen = tell(kind, by_base_url(project), scene.provider, restart, session)

    check_story(kind, plain, seen)


@pytest.mark.parametrize("kind", WHOLE)
def test_what_began_before_us_gets_memory_from_its_newest_turn_on(
    kind: type[Talk], scene: Scene, orchard: Project, without_us: Clients
) -> None:
    provider = scene.provider
    provider.script(*STORY[2:])
    talk = kind(without_us)
    talk.ask(QUESTIONS[0] + " Please tell me now.")
    theirs = getattr(talk, "said")  # noqa: B009 - only some conversations are held by the client
    talk.close()
    later = kind(by_base_url(orchard))
    setattr(later, "said", theirs)  # noqa: B010 - likewise
    later.ask(QUESTIONS[1])
    later.close()

    [seen] = provider.requests[1:]
    typed = persons(seen.json())
    assert len(blocks(seen.body)) == 1
    assert not is_reminded(typed[0], QUESTIONS[0])
    assert is_reminded(typed[1], QUESTIONS[1])


def test_a_tool_round_of_a_turn_that_began_before_us_gets_nothing(
    scene: Scene, orchard: Project
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": LOOK, "arguments": "{}"}}
    said: list[Any] = [
        {"role": "user", "content": "Long ago: " + QUESTIONS[0]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Nothing."},
    ]

    for _ in range(2):
        with by_base_url(orchard).to_openai() as client:
            client.chat.completions.create(model=MODEL, messages=said)

    assert [blocks(seen.body) for seen in scene.provider.requests] == [[], []]


def test_another_project_sees_nothing_of_it(
    scene: Scene, orchard: Project, without_us: Clients
) -> None:
    stranger = scene.project("The goats are milked at six.")

    plain = tell(ChatTalk, without_us, scene.provider)
    tell(ChatTalk, by_base_url(orchard), scene.provider)
    seen = tell(ChatTalk, by_base_url(stranger), scene.provider)

    assert [each.body for each in seen] == [each.body for each in plain]


RETRIED: tuple[tuple[Call, int], ...] = (
    (chat, 500),
    (responses_stream, 500),
    (anthropic_messages, 529),
    (messages_stream, 529),
    (groq_stream, 503),
)


@pytest.fixture(scope="module")
def retried(module_memory: Scene) -> Project:
    return module_memory.project(SKY)


@pytest.mark.parametrize(("call", "status"), RETRIED, ids=name_of)
def test_a_retry_gets_the_same_bytes_and_is_learned_once(
    call: Call, status: int, scene: Scene, retried: Project
) -> None:
    project, told = retried, len(scene.settled(retried))
    scene.provider.reset()
    at_once = (("retry-after-ms", "1"),)
    scene.provider.script(*(Step(status=status, headers=at_once) for _ in range(2)))
    scene.provider.always(Step(text=TEXT))

    assert call(by_base_url(project, retries=2)) == TEXT

    first, *others = [seen.body for seen in scene.provider.requests]
    assert SKY in str(blocks(first))
    assert others == [first, first]
    assert scene.settled(project)[told:] == [(QUESTION, TEXT)]


@pytest.mark.parametrize("session", ["", "parallel"])
def test_the_same_request_many_times_at_once_gets_the_same_bytes_and_is_learned_once(
    session: str, scene: Scene
) -> None:
    project = scene.project(SKY)
    more = {"prompt_cache_key": session} if session else {}
    body = {"model": MODEL, "messages": ASKED, **more}
    everybody_has_asked = threading.Event()
    scene.provider.always(Step(text=TEXT, hold=everybody_has_asked))
    url = f"{project.url}/v1/chat/completions"
    starting_line = threading.Barrier(8)

    def ask() -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            starting_line.wait()
            return client.post(url, json=body, headers={"authorization": f"Bearer {KEY}"})

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        scene.provider.wait_for(lambda: len(scene.provider.requests) == 8)
        everybody_has_asked.set()
        answers = [future.result() for future in asking]

    assert {answer.status_code for answer in answers} == {200}
    bodies = {seen.body for seen in scene.provider.requests}
    assert len(bodies) == 1
    assert SKY in str(blocks(bodies.pop()))
    scene.provider.always(Step(text=TEXT))
    assert scene.settled(project) == [(QUESTION, TEXT)]


# --- learning --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learning(module_memory: Scene) -> Project:
    return module_memory.project(*SEEDS)


@pytest.mark.parametrize("kind", EVERY)
def test_each_turn_is_learned_once_with_its_final_answer(
    kind: type[Talk], scene: Scene, learning: Project
) -> None:
    project, told = learning, len(scene.settled(learning))

    tell(kind, by_base_url(project), scene.provider, session=f"learned-{kind.__name__}")

    assert scene.settled(project)[told:] == list(zip(QUESTIONS, ANSWERS, strict=True))
    learned = project.exported("exchange")
    assert {line["outcome"] for line in learned} == {"complete"}
    everything = str([*learned, *project.exported("memory")])
    assert "recalled-memory" not in everything
    assert SYSTEM not in everything
    assert "dusted on Tuesday" not in everything  # what the tool brought
    assert {
        line["text"]: line["times_said"]
        for line in project.exported("memory")
        if line["text"] in SEEDS
    } == dict.fromkeys(SEEDS, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_told_to_one_tool_is_known_to_all_others(stream: bool, scene: Scene) -> None:
    project = scene.project()
    fact = "The password hint of the barn is the name of the first horse, Nepomuk."
    scene.provider.script(Step(text="I shall think of Nepomuk."))
    with by_base_url(project).to_anthropic() as client:
        client.messages.create(
            model=MODEL,
            max_tokens=99,
            system=[{"type": "text", "text": SYSTEM}],
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "text",
                            "text": "<system-reminder>Mind the geese.</system-reminder>",
                        },
                        {"type": "text", "text": fact},
                    ],
                }
            ],
        )
    scene.proxy.wait_until(lambda: project.told, SECONDS)
    assert project.told == [(fact, "I shall think of Nepomuk.")]
    assert "geese" not in str(project.exported("memory"))

    asked = "What is the password hint of the barn?"
    before = len(scene.provider.requests)
    with by_base_url(project).to_openai() as openai_client:
        openai_client.responses.create(model=MODEL, input=asked, stream=stream)
        openai_client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": f"{asked} Tell me."}], stream=stream
        )
    with by_base_url(project).to_gemini() as gemini_client:
        gemini_client.models.generate_content(model=MODEL, contents=f"Please. {asked}")

    for seen in scene.provider.requests[before:]:
        [block] = blocks(seen.body)
        assert fact in block.decode()


LONG_ANSWER = " ".join(f"Word {number} of a long story." for number in range(40))


def test_an_answer_that_the_client_did_not_wait_for_is_not_learned(scene: Scene) -> None:
    project = scene.project(SKY)
    scene.provider.script(Step(text=LONG_ANSWER, chunks=40, chunk_delay=0.2))
    with (
        by_base_url(project).to_anthropic() as client,
        client.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream,
    ):
        next(iter(stream.text_stream))
    scene.provider.wait_for(lambda: scene.provider.hangups)
    scene.provider.always(Step(text=TEXT))

    assert scene.settled(project) == []
    assert anthropic_messages(by_base_url(project)) == TEXT

    first, _, again = scene.provider.requests[:3]
    assert blocks(again.body) == blocks(first.body)
    assert scene.settled(project) == [(QUESTION, TEXT)]
    assert "long story" not in str(project.texts)


@pytest.fixture(scope="module")
def broken(module_memory: Scene) -> Project:
    return module_memory.project(SKY)


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize(
    "call", [responses_stream, messages_stream, groq_stream, gemini_stream], ids=name_of
)
def test_an_answer_that_breaks_off_is_not_learned(
    call: Call, how: Any, scene: Scene, broken: Project
) -> None:
    project, told = broken, len(scene.settled(broken))
    scene.provider.reset()
    scene.provider.script(Step(text=LONG_ANSWER, chunks=40, break_after=8, break_how=how))

    with pytest.raises(Exception):  # noqa: B017, PT011 - each SDK has its own
        assert call(by_base_url(project)) == LONG_ANSWER  # Gemini's takes the end for an end

    scene.provider.always(Step(text=TEXT))
    assert call(by_base_url(project)) == TEXT
    first, again = scene.provider.requests
    assert blocks(again.body) == blocks(first.body)
    assert scene.settled(project)[told:] == [(QUESTION, TEXT)]
    assert "long story" not in str(project.texts)


def test_at_the_end_a_broken_turn_leaves_what_the_person_said_and_no_answer(
    scene: Scene,
) -> None:
    project = scene.project()
    fact = "The key of the cider press hangs behind the clock."
    scene.provider.script(Step(text=LONG_ANSWER, chunks=40, break_after=8))
    with httpx.Client(trust_env=False, timeout=SECONDS) as client:
        body = {"model": MODEL, "messages": [{"role": "user", "content": fact}], "stream": True}
        with pytest.raises(httpx.HTTPError):
            client.post(f"{project.url}/v1/chat/completions", json=body)

    scene.proxy.stop()
    scene.proxy.start()

    [exchange] = project.exported("exchange")
    assert (exchange["question"], exchange["outcome"]) in {(fact, "aborted"), (fact, "failed")}
    assert project.texts == [fact]


def test_without_a_project_nothing_goes_in_and_nothing_is_learned(
    scene: Scene, without_us: Clients
) -> None:
    shared = Clients(f"http://127.0.0.1:{scene.proxy.shared_port}", is_mounted=True)
    files = set(scene.proxy.home.rglob("*.db"))
    secret = "The cellar of nobody in particular is flooded every April."
    asked: list[Any] = [{"role": "user", "content": secret}]
    with without_us.to_openai() as client:
        client.chat.completions.create(model=MODEL, messages=asked)
    with shared.to_openai() as client:
        answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=asked)

    wanted, seen = scene.provider.requests
    assert seen.body == wanted.body
    assert answer.headers["x-memory-why"] == "no project"
    project = scene.project()
    scene.settled(project)
    new = set(scene.proxy.home.rglob("*.db")) - files
    assert new == {project.file}
    assert not any(secret.encode() in path.read_bytes() for path in scene.proxy.home.rglob("*.db*"))


def memproxy(proxy: Mitmdump, *words: str) -> str:
    """What the command says."""
    return subprocess.run(
        [str(BIN / "memproxy"), *words],
        cwd=proxy.project,
        env=proxy.environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def memory(proxy: Mitmdump, *words: str) -> Any:
    """What it tells programs."""
    return json.loads(memproxy(proxy, "memory", *words, "--json"))


def test_what_was_added_by_hand_before_the_start_is_found_by_its_meaning(tmp_path: Path) -> None:
    fact = "Our seedlings are watered by the trainee, every other morning."
    question = "Who takes care of irrigating the young plants?"
    with Provider() as provider:
        settings = "memory: {report: true, deadline: 10}\n"
        proxy = Mitmdump(tmp_path, upstreams(provider.url) + settings)
        memproxy(proxy, "add", str(proxy.project))
        added = memory(proxy, "add", fact)
        provider.script(Step(text="The trainee, I gather."))
        with proxy:
            answer = httpx.post(
                f"{proxy.url}/v1/chat/completions",
                json={"model": MODEL, "messages": [{"role": "user", "content": question}]},
                trust_env=False,
                timeout=SECONDS,
            )
            proxy.wait_until(
                lambda: [
                    one
                    for one in memory(proxy, "list", "--all")
                    if one["text"] == "The trainee, I gather." and one["role"] == "assistant"
                ]
            )

    assert answer.headers["x-memory-ids"] == added["id"]
    assert answer.headers["x-memory-why"] == "1 memory by words and vectors"
    [seen] = provider.requests
    assert fact in str(blocks(seen.body))
