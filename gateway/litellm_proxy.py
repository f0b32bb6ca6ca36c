"""An external LiteLLM proxy: at a URL, or a child of ours."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx

from gateway.child import Child
from gateway.child_environment import child_environment
from gateway.environment import MaliciousRelease, ensure_environment, installed_version
from gateway.litellm_yaml import (
    NOTE,
    PROBLEM,
    LiteLLMYaml,
    read_litellm_yaml,
)
from gateway.malicious import MALICIOUS
from routing.egress import Egress
from routing.errors import ConfigError, ProxyError
from routing.hide_secrets import secrets_given
from routing.ports import LOOPBACK, free_port, is_free

logger = logging.getLogger("memory_proxy")

# Needs no key and asks no model.
HEALTH = "/health/liveliness"
# Releases of that time tell their version here to anybody; later ones keep it to themselves.
VERSION = "/health/readiness"
SECONDS_TO_CONNECT: Final = 0.1
SECONDS_BETWEEN_NEWS: Final = 2.0
SERVE = Path(__file__).parent / "inside" / "serve.py"

State = Literal["installing", "starting", "up", "down", "refused"]


@dataclass(frozen=True, slots=True)
class Remote:
    """A LiteLLM proxy that somebody else runs."""

    url: str
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Local:
    """A LiteLLM that we run from a litellm.yaml: its proxy, or our app over its SDK."""

    config: Path
    environment: Path
    requirements: Path
    kind: Literal["proxy", "sdk"] = "proxy"
    port: int | None = None
    key: str | None = field(default=None, repr=False)
    log: Path | None = None
    # Where its calls leave; without one they leave as the environment has it.
    egress: Egress | None = None
    # Runs in place of LiteLLM from its own environment, with the same arguments.
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds."""

    probe: float = 5.0
    probe_while_starting: float = 0.2
    probe_timeout: float = 5.0
    ask_version: float = 60.0
    start: float = 120.0
    silence: float = 30.0
    first_pause: float = 0.5
    longest_pause: float = 30.0
    settled: float = 60.0
    stop: float = 5.0
    finish: float = 900.0


@dataclass(frozen=True, slots=True)
class Status:
    """How LiteLLM is, for people and for the request path."""

    state: State
    since: float
    version: str | None
    detail: str
    url: str
    pid: int | None
    restarts: int


class CannotServe(ProxyError):
    """LiteLLM did not come up, or did not stay: it is tried again, later each time."""


class LiteLLMProxy:
    """Knows where LiteLLM is and how it is, and keeps it running if it is ours."""

    def __init__(self, where: Remote | Local, *, pace: Pace | None = None) -> None:
        self._where = where
        self._pace = pace or Pace()
        self._key = where.key
        if isinstance(where, Local):
            self._url = f"http://{LOOPBACK}:{where.port or free_port()}"
            self._key = where.key or f"sk-{token_urlsafe(32)}"
        else:
            self._url = where.url.rstrip("/")
        self._address = _address(self._url)
        self._is_known = asyncio.Event()
        self._nudge = asyncio.Event()
        self._calls: set[str] = set()
        self._may_stop = asyncio.Event()
        self._may_stop.set()
        self._is_ending = False
        self._grace = self._pace.stop
        self._asked_version_at = -self._pace.ask_version
        self._spawned = 0
        self._problems: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._status = Status("starting", time.time(), None, "not started", self._url, None, 0)

    @property
    def status(self) -> Status:
        """How it is now."""
        return self._status

    @property
    def address(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self._address

    @property
    def key(self) -> str | None:
        """The key that it asks for."""
        return self._key

    @property
    def problems(self) -> tuple[str, ...]:
        """What in its litellm.yaml keeps some model from being served."""
        return self._problems

    @property
    def calls(self) -> int:
        """How many calls that went to it have not ended."""
        return len(self._calls)

    def begin(self, call: str) -> None:
        """A call is on its way to it."""
        self._calls.add(call)
        self._may_stop.clear()

    def end(self, call: str) -> None:
        """The call has ended, in whatever way."""
        self._calls.discard(call)
        if not self._calls:
            self._may_stop.set()

    async def start(self) -> None:
        """Begin; the work goes on in the background."""
        if self._task is None and not self._is_ending:
            self._become("starting", "not reached yet")
            self._task = asyncio.create_task(self._run(), name="litellm-proxy")

    async def finish(self) -> None:
        """Stop when the last call has ended, but do not wait for ever."""
        self._is_ending = True
        self._is_known.set()
        try:
            if isinstance(self._where, Local) and not self._may_stop.is_set():
                logger.info(
                    "litellm.ending url=%s pid=%s calls=%s",
                    *(self._url, self._status.pid, self.calls),
                )
                await asyncio.wait_for(self._may_stop.wait(), self._pace.finish)
        except TimeoutError:
            logger.warning("litellm.ends_early url=%s calls=%s", self._url, self.calls)
        finally:
            await self.stop()

    def leave_port(self) -> None:
        """Of one that finishes: take no more calls, so that another can have the port at once."""
        # Asked to end, LiteLLM closes its listener and then goes on with the calls that it has.
        self._grace = self._pace.finish if self._calls else self._pace.stop
        self._may_stop.set()

    async def stop(self) -> None:
        """End the watch, and the process if it is ours."""
        self._is_ending = True
        self._is_known.set()
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._become("down", "stopped", pid=None)

    async def wait_while_starting(self, timeout: float) -> None:  # noqa: ASYNC109 - no error
        """Wait until it is known whether it is up, but not for longer than this."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_known.wait(), timeout)

    def report_failure(self) -> None:
        """A request could not connect: look at once, not at the next turn."""
        self._nudge.set()

    async def _run(self) -> None:
        # They log every probe, and mitmproxy's root logger lets everything through.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        try:
            async with httpx.AsyncClient(
                trust_env=False, verify=_trust(self._url), timeout=self._pace.probe_timeout
            ) as client:
                if isinstance(self._where, Local):
                    await self._keep_running(self._where, client)
                else:
                    await self._watch(client, None)
        except Exception as bug:
            # Nobody awaits this task while we serve; a stale "up" would mislead the requests.
            logger.warning("litellm.unwatched error=%s", type(bug).__name__, exc_info=True)
            self._become("down", f"its watch ended: {type(bug).__name__}", pid=None)

    async def _keep_running(self, local: Local, client: httpx.AsyncClient) -> None:
        failures = 0
        while True:
            up_for = 0.0
            state: State = "down"
            try:
                child = await self._spawn(local)
                try:
                    await self._wait_until_up(child, client)
                    came_up = time.monotonic()
                    try:
                        await self._watch(client, child)
                    finally:
                        up_for = time.monotonic() - came_up
                finally:
                    await child.stop(self._grace)
            except MaliciousRelease as refusal:
                state, reason = "refused", str(refusal)
            except ProxyError as refusal:
                reason = str(refusal)
            except (OSError, httpx.HTTPError) as failure:
                reason = f"LiteLLM cannot be started: {failure}"
            self._become(state, reason, pid=None)
            if up_for:
                # It worked, so it is likely to work again: whoever asks for it may wait.
                self._become("starting", f"{reason}; it is started again")
            if up_for >= self._pace.settled:
                failures = 0
                continue
            pause = min(self._pace.first_pause * 2**failures, self._pace.longest_pause)
            # 2**failures would grow for ever where nothing helps.
            failures = min(failures + 1, 16)
            await asyncio.sleep(pause)

    async def _spawn(self, local: Local) -> Child:
        self._problems = ()
        settings = read_litellm_yaml(local.config, os.environ)
        secrets_given.update(settings.secrets)
        self._problems = settings.warnings
        self._key = _agreed_key(local, settings, self._key or "")
        command = local.command or await self._own_command(local)
        port = self._usable_port(local)
        child = await Child.start(
            (*command, "--config", str(local.config.absolute()), "--port", str(port)),
            environment=child_environment(os.environ, self._key, local.egress),
            # Where litellm.yaml lies: paths in it are relative to there.
            directory=local.config.absolute().parent,
            hide=(self._key, *settings.secrets),
            log=local.log,
        )
        self._status = replace(self._status, restarts=self._spawned)
        self._spawned += 1
        self._become("starting", "waiting for its first answer", pid=child.pid)
        return child

    async def _own_command(self, local: Local) -> tuple[str, ...]:
        told_at, told = 0.0, ""

        def progress(line: str) -> None:
            nonlocal told_at, told
            self._become("installing", line)
            # An installer says something for every package.
            step = line.partition(" ")[0]
            if step != told or time.monotonic() - told_at >= SECONDS_BETWEEN_NEWS:
                told_at, told = time.monotonic(), step
                logger.info("litellm.installing %s", line)

        python = await ensure_environment(local.environment, local.requirements, progress)
        self._status = replace(self._status, version=installed_version(python))
        return (str(python), str(SERVE), "--as", local.kind)

    def _usable_port(self, local: Local) -> int:
        port = self._address[2]
        if is_free(port):
            return port
        if local.port is not None:
            raise CannotServe(
                f"port {port} is taken by another program; end it, or choose another for LiteLLM"
            )
        self._url = f"http://{LOOPBACK}:{free_port()}"
        self._address = _address(self._url)
        return self._address[2]

    async def _wait_until_up(self, child: Child, client: httpx.AsyncClient) -> None:
        deadline = time.monotonic() + self._pace.start
        ended = asyncio.create_task(child.ended())
        try:
            while (problem := await self._problem(client)) is not None:
                if ended.done():
                    raise CannotServe(self._last_words(child))
                if time.monotonic() > deadline:
                    raise CannotServe(
                        f"LiteLLM did not answer within {self._pace.start:.0f} s of its start"
                        f" ({problem}){_quoted(child.lines)}"
                    )
                await asyncio.wait({ended}, timeout=self._pace.probe_while_starting)
        finally:
            ended.cancel()
        self._tell_problems(child)
        child.forget_output()

    def _tell_problems(self, child: Child) -> None:
        """It is up, but not all of its file counts."""
        said = [line.removeprefix(PROBLEM) for line in child.lines if line.startswith(PROBLEM)]
        notes = [line.removeprefix(NOTE) for line in child.lines if line.startswith(NOTE)]
        self._problems = (*self._problems, *said)
        told = (*self._problems, *notes)
        for line in told if told != self._told else ():
            logger.warning("litellm.settings %s", line)
        self._told = told

    def _last_words(self, child: Child) -> str:
        lines = child.lines
        if isinstance(self._where, Local) and lines:
            # Where the last line names a place in the file, what stands before it is noise.
            place = str(self._where.config.absolute().parent)
            lines = lines[-1:] if lines[-1].startswith(place) else lines
        return f"LiteLLM ended with code {child.code} before it was up{_quoted(lines)}"

    async def _watch(self, client: httpx.AsyncClient, child: Child | None) -> None:
        """Follow its health, for ever, or until a child of ours ended or went silent."""
        ended = asyncio.create_task(child.ended()) if child else None
        last_answer = time.monotonic()
        missed = False
        try:
            while True:
                problem = await self._problem(client)
                if ended and child and ended.done():
                    raise CannotServe(f"LiteLLM ended with code {child.code} while it was up")
                if problem is None:
                    last_answer = time.monotonic()
                    await self._ask_version(client)
                    self._accept_or_refuse()
                elif missed or child is None or self._status.state != "up":
                    self._become("down", problem)
                if child and time.monotonic() - last_answer > self._pace.silence:
                    raise CannotServe(f"LiteLLM went silent ({problem})")
                # One slow answer is a busy server: ask again at once before calling it down.
                again = problem is not None and not missed and child is not None
                missed = problem is not None
                await self._pause(self._pace.probe_while_starting if again else None, ended)
        finally:
            if ended:
                ended.cancel()

    async def _pause(self, seconds: float | None, ended: asyncio.Task[int] | None) -> None:
        nudged = asyncio.create_task(self._nudge.wait())
        waited_for: set[asyncio.Task[int] | asyncio.Task[Literal[True]]] = {nudged}
        if ended:
            waited_for.add(ended)
        try:
            await asyncio.wait(
                waited_for,
                timeout=self._pace.probe if seconds is None else seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            nudged.cancel()
        self._nudge.clear()

    async def _problem(self, client: httpx.AsyncClient) -> str | None:
        """Why it is not healthy; None if it is."""
        try:
            answer = await _finished(
                client.get(f"{self._url}{HEALTH}", headers=self._authorization())
            )
        except httpx.TimeoutException:
            return f"{self._url} does not answer in time"
        except httpx.HTTPError as failure:
            return f"{self._url} cannot be reached: {str(failure) or type(failure).__name__}"
        if answer.status_code == httpx.codes.OK:
            return None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return f"{self._url} refuses our key; check the key of LiteLLM in the config"
        return f"{self._url}{HEALTH} answers {answer.status_code}; is a LiteLLM proxy there?"

    async def _ask_version(self, client: httpx.AsyncClient) -> None:
        """Learn the version of somebody else's LiteLLM, if it tells; it may change at any time."""
        is_due = time.monotonic() - self._asked_version_at >= self._pace.ask_version
        if isinstance(self._where, Local) or (self._status.state == "up" and not is_due):
            return
        self._asked_version_at = time.monotonic()
        try:
            answer = await _finished(
                client.get(f"{self._url}{VERSION}", headers=self._authorization())
            )
        except httpx.HTTPError:
            return  # one that was refused for its version stays so
        if answer.is_server_error:
            return
        version = None
        with suppress(ValueError, AttributeError):
            version = answer.json().get("litellm_version")
        self._status = replace(self._status, version=version and str(version)[:40])

    def _accept_or_refuse(self) -> None:
        if (version := self._status.version) in MALICIOUS:
            self._become(
                "refused",
                f"{self._url} is litellm {version}, a malicious release that steals credentials;"
                " end it, and change every key and password that its machine holds",
            )
        else:
            self._become("up", "answers")

    def _authorization(self) -> dict[str, str]:
        # A gateway in front of somebody else's LiteLLM may ask for the key even for its health.
        remote = isinstance(self._where, Remote)
        return {"authorization": f"Bearer {self._key}"} if remote and self._key else {}

    def _become(self, state: State, detail: str, *, pid: int | None = -1) -> None:
        old = self._status
        changed = old.state != state
        self._status = Status(
            state=state,
            since=time.time() if changed else old.since,
            version=old.version,
            detail=detail,
            url=self._url,
            pid=old.pid if pid == -1 else pid,
            restarts=old.restarts,
        )
        if state in ("starting", "installing") and not self._is_ending:
            self._is_known.clear()
        else:
            self._is_known.set()
        is_news = old.detail != detail and state not in ("up", "installing")
        if changed or is_news:
            is_bad = state in ("down", "refused") and detail != "stopped"
            level = logging.WARNING if is_bad else logging.INFO
            logger.log(
                level, "litellm.%s url=%s pid=%s detail=%r", state, self._url, self._status.pid,
                detail,
            )  # fmt: skip


async def _finished(asking: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """The answer, asked for in a task of its own.

    Cancelled while it connects, it would leave its socket open, or take the cancellation for that
    of its own scope and lose it. So it is given a moment to end by itself.
    """
    task = asyncio.create_task(asking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=SECONDS_TO_CONNECT)
        task.cancel()
        with suppress(asyncio.CancelledError, httpx.HTTPError):
            await task
        raise


def _agreed_key(local: Local, settings: LiteLLMYaml, made: str) -> str:
    own = settings.master_key
    if own and local.key and own != local.key:
        raise ConfigError(
            f"{settings.path}: its master_key differs from the key that our config holds for"
            " LiteLLM; make them equal, or remove one of them"
        )
    return own or local.key or made


def _quoted(lines: list[str]) -> str:
    """The end of what it said; a traceback's last line is the telling one."""
    return ": " + " | ".join(line.strip()[:400] for line in lines[-3:]) if lines else ""


def _address(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname or parts.username is not None:
        raise ConfigError("LiteLLM's url must look like http://host:port, without user or password")
    return (parts.scheme, parts.hostname, port)


def _trust(url: str) -> ssl.SSLContext | bool:
    """The system's authorities next to certifi's: a company's LiteLLM has a company's authority."""
    if not url.startswith("https:"):
        return False
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
