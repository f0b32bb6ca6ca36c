"""Serve LiteLLM's router on loopback, on the routes of its proxy."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.inside import marks
from gateway.inside.quiet import tell_places_only, without_its_proxy
from gateway.inside.sdk import counting, models
from gateway.inside.sdk.calls import Function
from gateway.inside.sdk.door import Door
from gateway.inside.sdk.endpoints import Generate, Tell
from gateway.inside.sdk.errors import Told
from gateway.inside.sdk.sending import VERSION
from gateway.inside.sdk.session import open_session, share
from gateway.inside.sdk.settings import BadSettings, Settings, load


def run(config: Path, port: int, seconds_idle: int) -> None:
    """Serve until we are told to end; a bad litellm.yaml ends us with one line that says why."""
    server = uvicorn.Config(
        _unready,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_keep_alive=seconds_idle,
        # Whoever started us counts our calls, and decides when it has waited enough.
        timeout_graceful_shutdown=None,
    )
    try:
        with asyncio.Runner(loop_factory=server.get_loop_factory()) as runner:
            key = os.environ["LITELLM_MASTER_KEY"]  # before a file can set another
            runner.run(_serve(config.absolute(), key, server))
    except BadSettings as bad:
        sys.exit(str(bad))


async def _serve(config: Path, key: str, server: uvicorn.Config) -> None:
    settings = await load(config, key)
    tell_places_only()
    without_its_proxy()
    session = open_session()
    share(session)
    server.app = app(settings)
    try:
        await uvicorn.Server(server).serve()
    finally:
        await session.close()


async def _unready(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("it is replaced before the server starts")


def app(settings: Settings) -> ASGIApp:
    """The app over a router."""
    inner = Starlette(routes=_routes(settings), exception_handlers={HTTPException: _no_such_route})
    inner.router.redirect_slashes = False
    marks.carry(inner)
    return Door(inner, settings.key)


def _routes(settings: Settings) -> list[BaseRoute]:
    router = settings.router

    def generate(path: str, function: Function) -> Route:
        return Route(path, Generate(function, settings), methods=["POST"])

    def count(path: str, counted: Callable[[Any, Any], Awaitable[Any]]) -> Route:
        async def answer(_: Request, body: dict[str, Any]) -> Any:
            return await counted(body, router)

        return Route(path, Tell(answer, settings), methods=["POST"])

    def get(path: str, answer: Callable[[Request], Any]) -> Route:
        async def said(request: Request, _: dict[str, Any]) -> Any:
            return answer(request)

        return Route(path, Tell(said, settings), methods=["GET"])

    gemini = "/v1beta/models/{model:path}"
    azure = "/openai/deployments/{model:path}"
    return [
        generate("/v1/chat/completions", "acompletion"),
        generate("/v1/messages", "anthropic_messages"),
        count("/v1/messages/count_tokens", counting.count_for_anthropic),
        generate("/v1/responses", "aresponses"),
        generate("/v1/embeddings", "aembedding"),
        generate(f"{azure}/chat/completions", "acompletion"),
        generate(f"{azure}/responses", "aresponses"),
        generate(f"{azure}/embeddings", "aembedding"),
        generate(gemini + ":generateContent", "agenerate_content"),
        generate(gemini + ":streamGenerateContent", "agenerate_content_stream"),
        count(gemini + ":countTokens", counting.count_for_gemini),
        get("/v1/models", lambda r: models.listed(router, for_anthropic=_is_anthropic(r))),
        get("/v1/models/{model:path}", lambda r: models.described(router, r.path_params["model"])),
        get("/health/liveliness", lambda _: "I'm alive!"),
        get("/health/liveness", lambda _: "I'm alive!"),
        get("/health/readiness", lambda _: {"status": "healthy", "litellm_version": VERSION}),
    ]


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    words = "Method Not Allowed" if status == 405 else "Not Found"
    problem = Told(status, "invalid_request_error", words)
    return JSONResponse(problem.body, status, dict(getattr(error, "headers", None) or {}))


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers
