"""Put memory into what a person has asked, where it costs nothing in the provider's cache."""

import logging
import time
from collections import OrderedDict
from dataclasses import replace

from mitmproxy import http

from addons.facts import record_memory, recorded
from addons.ongoing import Calls, Ongoing
from addons.open_memory import Memory, OpenMemory
from addons.readings import Reading, Readings
from dialects import Call, Conversation, Purpose
from dialects.conversation import Turn
from dialects.encoding import encoded
from dialects.splice import insert
from recall import remind
from recall.records import Exchange, Scope
from recall.remind import Asked, Reminded

logger = logging.getLogger("memory_proxy")

GIVEN_KEPT = 1_000
REMINDED = frozenset({Purpose.TURN, Purpose.SUBAGENT})
"""Calls that get memory; of these only a person's turns are learned from."""


class Remind:
    """Whatever goes wrong here, the client's own bytes go on."""

    def __init__(self, memory: OpenMemory, readings: Readings, calls: Calls) -> None:
        self.memory = memory
        self.readings = readings
        self.calls = calls
        self._given: OrderedDict[tuple[str, str], tuple[tuple[str, ...], int]] = OrderedDict()

    async def request(self, flow: http.HTTPFlow) -> None:
        await self._request(flow)
        self.readings.forget(flow)

    async def _request(self, flow: http.HTTPFlow) -> None:
        note = recorded(flow)
        if flow.response or flow.error or note.get("operation") != "generate":
            return
        if flow.request.method != "POST":
            return  # an upgrade to WebSocket, whose frames come later
        if flow.is_replay:
            record_memory(flow, Reminded(why="played again as it was"))
            return
        try:
            if flow.request.stream:
                record_memory(flow, Reminded(why="the body is too long to be read"))
                return
            if self.memory.now is None:  # nobody would do anything with what is in the body
                self._leave_alone(flow)
                return
            longest = self.memory.settings.now.memory.longest_body_in_bytes
            call = Call(note["dialect"], "generate")
            reading = self.readings.of(flow, call, longest)
            if body := await self._reminded(flow, reading):
                put_body(flow.request, body)
        except Exception as error:
            self._fail(flow, error)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        note = recorded(flow)
        if flow.websocket is None or note.get("dialect") != "openai-responses":
            return
        message = flow.websocket.messages[-1]
        if not message.from_client or message.injected or message.dropped:
            return
        try:
            longest = self.memory.settings.now.memory.longest_body_in_bytes
            reading = self.readings.of_frame(flow, message.content, longest)
            if reading and (body := await self._reminded(flow, reading)):
                message.content = body
        except Exception as error:
            self._fail(flow, error)
        self.readings.forget(flow)

    def _leave_alone(self, flow: http.HTTPFlow) -> None:
        off = Reminded(why="memory is off")
        self.calls.begin(flow, Ongoing(recorded(flow)["dialect"], reminded=off))
        record_memory(flow, off)

    async def _reminded(self, flow: http.HTTPFlow, reading: Reading) -> bytes | None:
        """The body with memory in it; None leaves it as it is."""
        note, memory, conversation = recorded(flow), self.memory.now, reading.conversation
        turn = self._turn(conversation, note["project"]) if conversation else None
        ongoing, reminded = Ongoing(note["dialect"], turn=turn), Reminded()
        if memory is None:
            reminded = Reminded(why="memory is off")
        elif not note["project"]:
            reminded = Reminded(why="no project")
        elif conversation is None:
            reminded = Reminded(why=reading.problem)
        elif conversation.purpose not in REMINDED:
            reminded = Reminded(why=f"not a person's turn: {conversation.purpose}")
        elif turn and conversation.purpose is Purpose.TURN:
            exchange = exchange_of(flow, conversation, turn)
            ongoing = Ongoing(note["dialect"], turn=turn, exchange=exchange)
            memory.conclude.begin(exchange, goes_on=conversation.goes_on)
        ongoing.conversation = conversation.kept_as if conversation else None
        self.calls.begin(flow, ongoing)
        if memory and conversation and not reminded.why:
            reminded = await self._ask(memory, Scope(note["project"]), conversation)
            reminded = self._with_what_was_given(reminded, note["project"], turn, conversation)
        ongoing.reminded = reminded
        record_memory(flow, reminded)
        if not reminded.blocks or conversation is None:
            return None
        insertions = [
            (turn.spot, reminded.blocks[turn.key] + remind.GAP)
            for turn in conversation.turns
            if turn.spot and turn.key in reminded.blocks
        ]
        return insert(reading.body, insertions) if insertions else None

    async def _ask(self, memory: Memory, scope: Scope, conversation: Conversation) -> Reminded:
        settings = self.memory.settings.now.memory
        if not conversation.turns:
            return Reminded(why=remind.AS_BEFORE if conversation.continues else "nobody asks")
        newest = conversation.turns[-1]
        asked = Asked(
            scope=scope,
            turns=[remind.Turn(turn.key, turn.own, turn.text) for turn in conversation.turns],
            session=conversation.session,
            # Where there is no place for it, memory would only be said to be there.
            starts_turn=conversation.starts_turn and newest.spot is not None,
        )
        return await memory.reminder.remind(
            asked, deadline=settings.deadline, budget=settings.budget
        )

    def _with_what_was_given(
        self, reminded: Reminded, project: str, turn: Turn | None, conversation: Conversation
    ) -> Reminded:
        """What the turn was given, also where the server has it and the body leaves it out."""
        if turn is None:
            return reminded
        if conversation.turns:
            self._given[project, turn.key] = reminded.memories, reminded.tokens
            self._given.move_to_end((project, turn.key))
            if len(self._given) > GIVEN_KEPT:
                self._given.popitem(last=False)
            return reminded
        memories, tokens = self._given.get((project, turn.key), ((), 0))
        return replace(reminded, memories=memories, tokens=tokens)

    def _turn(self, conversation: Conversation, project: str | None) -> Turn | None:
        if conversation.turns:
            return conversation.turns[-1]
        return self.readings.continuations.turn_of(conversation.continues, project)

    def _fail(self, flow: http.HTTPFlow, error: Exception) -> None:
        # Not its message: what was said may be in that.
        logger.error("memory.failed error=%s", type(error).__name__)
        record_memory(flow, Reminded(why=f"the memory failed: {type(error).__name__}"))


def put_body(request: http.Request, body: bytes) -> None:
    """The body with memory in it, in the encoding that the client has chosen."""
    raw = encoded(body, request.headers.get("content-encoding", ""))
    request.raw_content = raw
    if "transfer-encoding" not in request.headers:
        request.headers["content-length"] = str(len(raw))


def exchange_of(flow: http.HTTPFlow, conversation: Conversation, turn: Turn) -> Exchange:
    """What a turn may become, as far as it is known before there is an answer."""
    note = recorded(flow)
    return Exchange(
        id="",  # given when it is complete
        project=note["project"],
        question=turn.text,
        answer="",
        user=note["user_id"],
        client=flow.request.headers.get("user-agent", "").partition(" ")[0][:100],
        session=conversation.session,
        turn=turn.key,
        model=conversation.model or "",
        started=time.time(),
        outcome="aborted",
    )
