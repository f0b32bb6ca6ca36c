"""From a request to an answer, for as long as somebody waits for it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from gateway.inside.sdk import answers
from gateway.inside.sdk.calls import Call, Function, place, prepare
from gateway.inside.sdk.errors import Refusal, Told, told
from gateway.inside.sdk.sending import (
    VERSION,
    begin_stream,
    end_stream,
    headers_beside,
    refuse,
    send_piece,
    send_whole,
)
from gateway.inside.sdk.settings import Settings

logger = logging.getLogger("memory_proxy")

type Answer = Callable[[Request, dict[str, Any], Send], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Generate:
    """A route that asks a model."""

    function: Function
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(Request(scope, receive), send, self._answer, self.settings)

    async def _answer(self, request: Request, body: dict[str, Any], send: Send) -> None:
        stream: Any = None
        has_begun = False
        failures: list[BaseException] = []

        def tell(error: BaseException) -> Told:
            failures.append(error)
            return told(error, self.settings.secrets)

        try:
            call = prepare(request, body, self.function, self.settings.router)
            answer = await place(call, self.settings.router)
            if not answers.is_stream(answer):
                await send_whole(send, 200, _headers(call, answer), answers.plain(call, answer))
                return
            stream = answer
            async with contextlib.aclosing(answers.events_of(call, stream, tell)) as events:
                async for event in events:
                    # The status waits for the first event: an error before it is no stream.
                    if not has_begun:
                        if failures:
                            break
                        await answers.raise_refusal_in(event)
                        await begin_stream(send, _headers(call, stream))
                        has_begun = True
                    await send_piece(send, event)
            if failures and not has_begun:
                await refuse(request, tell(failures[0]), send, headers_beside(failures[0]))
                return
            if not has_begun:
                await begin_stream(send, _headers(call, stream))
            await end_stream(send)
        except BaseException as error:
            if _ends_us(error):
                raise
            problem = tell(error)
            # Where it has begun, the connection breaks, and the client sees that something lacks.
            if not has_begun:
                await refuse(request, problem, send, headers_beside(error))
        finally:
            if failures:
                self._log(failures[0])
            if stream is not None:
                await asyncio.shield(_close_quietly(stream))

    def _log(self, error: BaseException) -> None:
        # Its words may quote the prompt; they are for the client alone.
        logger.error(
            "sdk.refused function=%s status=%s error=%s",
            *(self.function, told(error).status, type(error).__name__),
        )


@dataclass(frozen=True, slots=True)
class Tell:
    """A route that asks no model to say anything."""

    answer: Callable[[Request, dict[str, Any]], Awaitable[Any]]
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(Request(scope, receive), send, self._answer, self.settings)

    async def _answer(self, request: Request, body: dict[str, Any], send: Send) -> None:
        try:
            said = answers.dumped(await self.answer(request, body))
        except BaseException as error:
            if _ends_us(error):
                raise
            await refuse(request, told(error, self.settings.secrets), send)
            return
        await send_whole(send, 200, {}, said)


async def _serve(request: Request, send: Send, answer: Answer, settings: Settings) -> None:
    try:
        body = await _body(request)
    except ClientDisconnect:
        return
    except Refusal as refusal:
        await refuse(request, told(refusal, settings.secrets), send)
        return
    await while_connected(request.receive, answer(request, body, send))


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do it, and stop at once when whoever asked has gone."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        working.cancel()
        ended, _ = await asyncio.gather(working, leaving, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> dict[str, Any]:
    """The body's JSON object, with what the path says of it."""
    raw = await request.body()
    try:
        # As LiteLLM's proxy does: no byte order mark, no half of a surrogate pair, no NaN.
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as invalid:
        words = f"Invalid JSON payload: {invalid}"
        raise Refusal(400, "invalid_request_error", words, "request_body") from invalid
    if not isinstance(body, dict):
        words = "Invalid JSON payload: it has to be an object"
        raise Refusal(400, "invalid_request_error", words, "request_body")
    if named := request.path_params.get("model"):
        body["model"] = named
    path = request.scope["path"]
    if path.endswith(":streamGenerateContent"):
        body["stream"] = True
    elif path.endswith(":generateContent"):
        body.pop("stream", None)
    return body


def _headers(call: Call, answer: Any) -> dict[str, str]:
    try:
        return answers.headers_of(call, answer, VERSION)
    except Exception as error:
        # What LiteLLM says beside an answer is worth less than the answer.
        logger.warning("sdk.headers_lost error=%s", type(error).__name__)
        return {}


async def _close_quietly(stream: Any) -> None:
    # It may have failed already, which its client knows by now.
    with contextlib.suppress(Exception):
        await answers.closed(stream)


def _ends_us(error: BaseException) -> bool:
    """Whether we are asked to stop; LiteLLM's HTTP client also cancels itself at times."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
