"""What a WebSocket client gets back for one message of its own."""

from tests.fakes import openai_responses
from tests.fakes.answer import answer_to
from tests.fakes.content import dump
from tests.fakes.ledger import Frame
from tests.fakes.refusals import refusal
from tests.fakes.step import Step


def messages_for(frame: Frame, step: Step) -> tuple[bytes, ...]:
    try:
        body = frame.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.get("type") != "response.create":
        return (_error(400, frame, "Expected an event of type response.create."),)
    if step.status is not None and step.status >= 400:
        return (_error(step.status, frame),)
    answer = answer_to(body, step, frame.number)
    return tuple(dump(event) for event in openai_responses.events(body, answer))


def _error(status: int, frame: Frame, message: str | None = None) -> bytes:
    error = refusal("openai-responses", status, f"req_{frame.number:024d}", message)
    return dump({"type": "error", "status": status} | error)
