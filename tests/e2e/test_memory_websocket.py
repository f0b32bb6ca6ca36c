"""Codex over WebSocket: each turn gets its memory once in a chain, and again after a reconnect."""

import contextlib
import json
from typing import Any, Literal

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.memory_bodies import blocks, is_reminded, persons, without_memory
from tests.e2e.memory_codex import SECONDS, Codex, Way, codex, codex_of
from tests.e2e.memory_scene import Project, Scene, saved_flows
from tests.fakes import Step

APPLES, PEARS = "In which cellar are the apples stored?", "At which market are the pears sold?"
IN_THE_CELLAR = "The apples are stored in the northern cellar."
IN_KETTWIG = "The pears are sold at the market in Kettwig."
SEEDS = (IN_THE_CELLAR, IN_KETTWIG)
TYPED = {
    "Please run the shell command `echo hi` with your shell tool, twice, then tell me what it"
    " printed.": APPLES,
    "And what was the first thing I asked?": PEARS,
    "Say hi": APPLES,
}
SESSION = "01a1f892-1d73-72f2-88ae-82d1694e4070"
WARM_UP, TURN = "codex-ws-prewarm", "codex-ws-tool-turn"
ROUND, LAST_ROUND = "codex-ws-later-turn", "codex-ws-last-turn"
RESUMED = "codex-ws-resume-turn"
SAID = ("It is the northern one.", "In Kettwig, as I said.")
CALL = Step(custom_call=("exec", "text(1)"))


@pytest.fixture
def scene(module_memory: Scene) -> Scene:
    module_memory.provider.reset()
    return module_memory


@pytest.fixture
def project(scene: Scene) -> Project:
    return scene.project(*SEEDS)


def frames(scene: Scene) -> list[bytes]:
    return [frame.text.encode() for frame in scene.provider.frames]


def check(scene: Scene, sent: list[str], counts: list[int]) -> None:
    """So many blocks are in each frame, and everything else is as it was sent."""
    assert [len(blocks(frame)) for frame in frames(scene)] == counts
    assert [without_memory(frame).decode() for frame in frames(scene)] == sent


@pytest.mark.parametrize("way", ["by base URL", "through the proxy"])
def test_a_session_with_tool_rounds_and_a_reconnect(
    way: Way, scene: Scene, project: Project
) -> None:
    scene.provider.script(Step(), CALL, CALL, Step(text=SAID[0]), Step(), Step(text=SAID[1]))

    with codex_of(scene, project, TYPED, way=way, session=SESSION) as first:
        answers = [first.say(name) for name in (WARM_UP, TURN, ROUND, LAST_ROUND)]
    with codex_of(scene, project, TYPED, way=way, session=SESSION) as second:
        answers += [second.say(name) for name in (WARM_UP, RESUMED)]

    assert answers == ["", "", "", SAID[0], "", SAID[1]]
    check(scene, [*first.sent, *second.sent], [0, 1, 0, 0, 0, 2])
    turn, resumed = frames(scene)[1], frames(scene)[5]
    assert IN_THE_CELLAR in str(blocks(turn))
    assert blocks(resumed)[0] == blocks(turn)[0]
    assert IN_KETTWIG in str(blocks(resumed)[1])
    for frame in (turn, resumed):
        [typed] = [texts for texts in persons(json.loads(frame)) if APPLES in "".join(texts)]
        assert is_reminded(typed, APPLES)
    assert is_reminded(persons(json.loads(resumed))[-1], PEARS)
    assert scene.settled(project) == [(APPLES, SAID[0]), (PEARS, SAID[1])]
    everything = str([*project.exported("exchange"), *project.exported("memory")])
    for strange in ("recalled-memory", "environment_context", "AGENTS.md"):
        assert strange not in everything


def test_after_a_restart_the_same_bytes_go_back(scene: Scene, project: Project) -> None:
    scene.provider.script(Step(), Step(text=SAID[0]), Step(), Step(text=SAID[1]))

    with codex_of(scene, project, TYPED, session=SESSION) as first:
        first.say(WARM_UP)
        first.say(TURN)
    scene.proxy.stop()
    scene.proxy.start()
    scene.proxy.wait_until(lambda: project.port in scene.proxy.listening())
    project.seed("The apples are stored in a fridge since the flood.")
    with codex_of(scene, project, TYPED, session=SESSION) as second:
        second.say(WARM_UP)
        second.say(RESUMED)

    check(scene, [*first.sent, *second.sent], [0, 1, 0, 2])
    assert blocks(frames(scene)[3])[0] == blocks(frames(scene)[1])[0]


def test_a_frame_that_goes_on_from_a_response_gets_memory_for_a_new_turn_only(
    scene: Scene, project: Project
) -> None:
    with codex_of(scene, project, TYPED, session=SESSION) as line:
        line.say(WARM_UP)
        line.say(TURN)
        for question in (PEARS, "Thank you, that is all."):
            text = {"type": "input_text", "text": question}
            message = {"type": "message", "role": "user", "content": [text]}
            new = {
                "type": "response.create",
                "model": "m",
                "previous_response_id": line.last,
                "prompt_cache_key": SESSION,
                "input": [message],
            }
            line.send(json.dumps(new))
            line.hear()

    check(scene, line.sent, [0, 1, 1, 0])
    assert IN_KETTWIG in str(blocks(frames(scene)[2]))
    assert [asked for asked, _ in scene.settled(project)] == [
        APPLES,
        PEARS,
        "Thank you, that is all.",
    ]


STRANGE = (
    "",
    "not JSON",
    "[]",
    "null",
    '{"type":"response.cancel","response_id":"resp_1"}',
    '{"type":"session.update","input":"' + APPLES + '"}',
    '{"type":["response.create"],"input":"' + APPLES + '"}',
    '{"type":"response.create","type":"response.create","input":"' + APPLES + '"}',
    '{"type":"response.create","input":"' + APPLES,
    '{"type":"response.create","input":{"role":"user","content":"' + APPLES + '"}}',
    '{"type":"response.create","input":["' + APPLES + '"]}',
    '{"type":"response.create","input":' + "[" * 5_000 + "]" * 5_000 + "}",
)


def test_a_frame_of_any_other_kind_is_left_as_it_is_and_the_next_one_is_served(
    scene: Scene, project: Project
) -> None:
    with codex_of(scene, project, TYPED, session=SESSION) as line:
        for text in STRANGE:
            line.send(text)
            line.hear()
        line.say(WARM_UP)
        scene.provider.script(Step(text=SAID[0]))
        assert line.say(TURN) == SAID[0]

    check(scene, line.sent, [*[0 for _ in STRANGE], 0, 1])
    assert scene.settled(project) == [(APPLES, SAID[0])]
    assert "Traceback" not in scene.proxy.log


def test_a_subagents_frames_are_not_learned_from(scene: Scene, project: Project) -> None:
    with codex_of(scene, project, TYPED) as line:
        line.say("codex-ws-subagent-prewarm")
        line.say("codex-ws-subagent-turn")

    check(scene, line.sent, [0, 0])
    assert scene.settled(project) == []


def test_two_lines_at_once_have_nothing_to_do_with_each_other(
    scene: Scene, project: Project
) -> None:
    other = scene.project("The apples are stored with the neighbours.")
    with (
        codex_of(scene, project, TYPED, session=SESSION) as ours,
        codex_of(scene, other, TYPED, session=SESSION) as theirs,
    ):
        for line in (ours, theirs):
            line.say(WARM_UP)
        for line in (ours, theirs):
            line.send(line.frame(TURN))
        answers = [line.hear() for line in (ours, theirs)]

    seen = frames(scene)[2:]
    assert sorted("neighbours" in str(blocks(frame)) for frame in seen) == [False, True]
    assert scene.settled(project) == [(APPLES, answers[0])]
    assert scene.settled(other) == [(APPLES, answers[1])]


def test_questions_that_do_not_wait_for_answers_each_get_their_own(
    scene: Scene, project: Project
) -> None:
    scene.provider.script(Step(text=SAID[0], delay=0.1), Step(text=SAID[1]))

    with codex_of(scene, project, TYPED) as line:
        for question in (APPLES, PEARS):
            line.send(json.dumps({"type": "response.create", "model": "m", "input": question}))
        assert [line.hear(), line.hear()] == list(SAID)

    check(scene, line.sent, [1, 1])
    assert scene.settled(project) == [(APPLES, SAID[0]), (PEARS, SAID[1])]


LONG_ANSWER = " ".join(f"Word {number} of a long story." for number in range(40))


@pytest.mark.parametrize("how", ["reset", "close", "the client leaves"])
def test_a_turn_that_breaks_off_is_learned_when_it_is_answered_at_last(
    how: Literal["reset", "close", "the client leaves"], scene: Scene, project: Project
) -> None:
    is_client = how == "the client leaves"
    breaks = Step(
        text=LONG_ANSWER,
        chunks=40,
        chunk_delay=0.2 if is_client else 0.03,
        break_after=None if is_client else 9,
        break_how="reset" if how == "reset" else "close",
    )
    scene.provider.script(Step(), breaks, Step(), Step(text=SAID[0]))

    with (
        contextlib.suppress(ConnectionClosed),
        codex_of(scene, project, TYPED, session=SESSION) as first,
    ):
        first.say(WARM_UP)
        first.send(first.frame(TURN))
        for _ in range(6):
            first.event()
        if is_client:
            first.line.socket.close()
        else:
            first.hear()
    with codex_of(scene, project, TYPED, session=SESSION) as second:
        second.say(WARM_UP)
        assert second.say(TURN) == SAID[0]

    check(scene, [*first.sent, *second.sent], [0, 1, 0, 1])
    assert blocks(frames(scene)[1]) == blocks(frames(scene)[3])
    assert scene.settled(project) == [(APPLES, SAID[0])]
    assert "long story" not in str(project.texts)


def test_a_refused_turn_is_learned_when_it_is_answered_at_last(
    scene: Scene, project: Project
) -> None:
    scene.provider.script(Step(), Step(status=429), Step(text=SAID[0]))

    with codex_of(scene, project, TYPED, session=SESSION) as line:
        line.say(WARM_UP)
        warm = line.last
        line.say(TURN)
        line.last = warm
        assert line.say(TURN) == SAID[0]

    check(scene, line.sent, [0, 1, 1])
    assert blocks(frames(scene)[1]) == blocks(frames(scene)[2])
    assert scene.settled(project) == [(APPLES, SAID[0])]


def in_directory(line: Codex, name: str, directory: str) -> str:
    """A frame whose metadata tells another workspace."""
    body = json.loads(line.frame(name))
    metadata = json.loads(body["client_metadata"]["x-codex-turn-metadata"])
    metadata["workspaces"] = {directory: {"has_changes": False}}
    body["client_metadata"]["x-codex-turn-metadata"] = json.dumps(metadata)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def test_on_the_shared_port_the_frame_that_tells_the_project_gets_its_memory(
    scene: Scene, project: Project
) -> None:
    scene.provider.script(Step(text=SAID[0]))
    with codex(scene, scene.proxy.shared_port, TYPED, session=SESSION) as line:
        line.send(in_directory(line, TURN, str(project.path / "src")))
        line.hear()

    check(scene, line.sent, [1])
    assert IN_THE_CELLAR in str(blocks(frames(scene)[0]))
    assert scene.settled(project) == [(APPLES, SAID[0])]


def test_on_the_shared_port_nobodys_frames_get_nothing(scene: Scene, project: Project) -> None:
    with codex(scene, scene.proxy.shared_port, TYPED, session=SESSION) as line:
        line.send(in_directory(line, TURN, "/nobody/knows"))
        line.hear()

    check(scene, line.sent, [0])
    assert scene.settled(project) == []


def test_the_flow_and_the_log_tell_of_it_in_numbers(scene: Scene, project: Project) -> None:
    scene.provider.script(Step(), CALL, Step(text=SAID[0]))
    with codex_of(scene, project, TYPED, session=SESSION) as line:
        for name in (WARM_UP, TURN, ROUND):
            line.say(name)

    where = str(project.path.resolve())

    def saved() -> list[dict[str, Any]]:
        flows = saved_flows(scene.proxy)
        told = [flow.metadata for flow in flows]
        return [one for one in told if one.get("memory_proxy", {}).get("project") == where]

    scene.proxy.wait_until(saved, SECONDS)
    [told] = saved()
    assert told["memory_proxy_memory"]["why"]
    assert told["memory_proxy_usage"]["output"] > 0
    logged = [text for text in scene.proxy.log.splitlines() if f"project={where}" in text]
    *answers, closed = logged
    assert "101, closed with 1000" in closed
    assert len(answers) == 3
    for number, memories in ((1, 1), (2, 1)):  # the warm-up is no turn, and the tool round is one
        assert f" memories={memories} memory_tokens=" in answers[number]
        assert " cache_read=0 " in answers[number]
    for private in (APPLES, IN_THE_CELLAR, SAID[0], "recalled-memory"):
        assert private not in scene.proxy.log
