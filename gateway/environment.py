"""LiteLLM's own environment: made once from hash-checked requirements, shared by every start."""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from gateway.malicious import MALICIOUS
from routing.errors import ProxyError
from routing.hide_secrets import hide_secrets

STAMP = ".made-from"
LOCK_INTERVAL = 0.2
LINES_KEPT = 40

PACKAGES = "lib*/python*/site-packages"
# 1.82.8 brings it: every start of that Python runs it, also one that does not import litellm.
MALICIOUS_START = "litellm_init.pth"
_MALICIOUS_PIN = re.compile(
    rf"^litellm\b[^\n#]*(?:==|/litellm-)\s*({'|'.join(map(re.escape, MALICIOUS))})(?![\d.])",
    re.IGNORECASE | re.MULTILINE,
)

Progress = Callable[[str], None]
Command = Sequence[str | Path]

# What an installer says when it fails, and what its user can do about it.
REMEDIES = (
    (("no space left", "disk quota", "errno 28"), "the disk is full", "free some 700 MB and retry"),
    (
        ("hash mismatch", "do not match the hashes", "hashes are required"),
        "a package differs from the one that was pinned",
        "clear the installer's cache, and check the index it downloads from",
    ),
    (
        ("permission denied", "read-only file system"),
        "the directory cannot be written",
        "make it writable for this user",
    ),
    (
        (
            *("failed to fetch", "error sending request", "dns error", "connection", "timed out"),
            *("name resolution", "network", "offline", "no matching distribution", "proxyerror"),
        ),
        "the package index cannot be reached",
        "go online, or set the index or proxy of uv or pip, and retry",
    ),
    (
        ("no module named venv", "ensurepip"),
        "this Python cannot make environments",
        "install python3-venv or uv",
    ),
)


class EnvironmentFailed(ProxyError):
    """The user acts, as the remedy says; until then there is no LiteLLM of ours."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"LiteLLM cannot be installed: {reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


class MaliciousRelease(ProxyError):
    """The user acts: nothing of it is started, and it is not removed without being told."""


async def ensure_environment(directory: Path, requirements: Path, progress: Progress) -> Path:
    """The Python of an environment that holds these requirements, made if need be.

    `progress` gets a line now and then while something is made, and none otherwise.
    """
    # A link to a shared environment: what is made is put in the place that it leads to.
    directory = await asyncio.to_thread(directory.resolve)
    refuse_malicious(directory)
    stamp = _stamp(requirements)
    if _is_made(directory, stamp):
        return _python(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with _locked(directory.with_name(f"{directory.name}.lock"), progress):
            # Another process may have made it while we waited.
            if not _is_made(directory, stamp):
                await _make(directory, requirements, stamp, progress)
    except OSError as refused:
        raise _failure(f"{refused.strerror or refused}: {directory}") from refused
    return _python(directory)


def installed_version(python: Path) -> str | None:
    """Which LiteLLM the environment holds, read without starting it."""
    return next(iter(_versions(python.parent.parent)), None)


def refuse_malicious(directory: Path) -> None:
    """Raise if the environment holds a malicious LiteLLM; only files are looked at."""
    found = [version for version in _versions(directory) if version in MALICIOUS]
    found += [MALICIOUS_START for _ in directory.glob(f"{PACKAGES}/{MALICIOUS_START}")]
    if found:
        raise MaliciousRelease(
            f"{directory} holds litellm {found[0]}, a malicious release that steals credentials,"
            " and is not used; delete that directory, change every key and password that this"
            " machine holds, and see https://github.com/BerriAI/litellm/issues/24518"
        )


def _versions(directory: Path) -> list[str]:
    names = [found.name for found in directory.glob(f"{PACKAGES}/litellm-*.dist-info")]
    return [name.removeprefix("litellm-").removesuffix(".dist-info") for name in names]


def _refuse_malicious_pin(requirements: Path) -> None:
    # An installer starts the new Python to compile what it installed.
    if found := _MALICIOUS_PIN.search(requirements.read_text(encoding="utf-8", errors="replace")):
        raise MaliciousRelease(
            f"{requirements} asks for litellm {found[1]}, a malicious release that steals"
            " credentials; nothing was installed; restore the file from the repository"
        )


async def _make(directory: Path, requirements: Path, stamp: str, progress: Progress) -> None:
    _refuse_malicious_pin(requirements)
    for abandoned in directory.parent.glob(f"{directory.name}.new-*"):
        await asyncio.to_thread(shutil.rmtree, abandoned, ignore_errors=True)
    # Under a name of its own: an installer that outlived its parent may still write to the last.
    fresh = directory.with_name(f"{directory.name}.new-{token_hex(4)}")
    progress(f"installing LiteLLM into its own environment, {directory} (once)")
    try:
        for command in await _commands(fresh, requirements):
            await _run(command, progress)
        refuse_malicious(fresh)
        (fresh / STAMP).write_text(stamp, encoding="ascii")
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        fresh.rename(directory)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True))
        raise
    progress(f"installed LiteLLM {installed_version(_python(directory)) or ''}".rstrip())


async def _commands(fresh: Path, requirements: Path) -> tuple[Command, ...]:
    python = _python(fresh)
    if uv := await _working_uv():
        install = (uv, "pip", "install", "--python", python, "--compile-bytecode", "--no-progress")
        return (
            (uv, "venv", "--quiet", "--no-project", "--python", sys.executable, fresh),
            (*install, "--require-hashes", "--requirement", requirements),
        )
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
    return (
        (sys.executable, "-m", "venv", fresh),
        (*pip, "--require-hashes", "--progress-bar", "off", "--requirement", requirements),
    )


async def _working_uv() -> str | None:
    # A version manager's shim can be in PATH and yet refuse to run.
    uv = shutil.which("uv")
    if uv is None:
        return None
    with suppress(OSError, EnvironmentFailed):
        await _run((uv, "--version"), lambda _: None)
        return uv
    return None


async def _run(command: Command, progress: Progress) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    installer = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # A group of its own: what it starts ends with it, and Ctrl-C is ours to handle.
        start_new_session=True,
    )
    said: deque[str] = deque(maxlen=LINES_KEPT)
    try:
        assert installer.stdout is not None
        async for raw in installer.stdout:
            if line := hide_secrets(raw.decode(errors="replace").strip()):
                said.append(line)
                if _is_news(line):
                    progress(line.partition(" (from ")[0][:120])
        code = await installer.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(installer.pid, signal.SIGKILL)
        await asyncio.shield(installer.wait())
        raise
    if code != 0:
        raise _failure("\n".join(said) or f"{Path(command[0]).name} ended with code {code}")


def _is_news(line: str) -> bool:
    starts = ("Resolved", "Downloading", "Prepared", "Installed", "Bytecode", "Collecting")
    return line.startswith((*starts, "Installing collected"))


def _failure(said: str) -> EnvironmentFailed:
    lowered = said.lower()
    for signs, reason, remedy in REMEDIES:
        if any(sign in lowered for sign in signs):
            return EnvironmentFailed(reason, remedy)
    last = said.strip().splitlines()[-1] if said.strip() else "the installer said nothing"
    return EnvironmentFailed(last[:200], "run it again with `uv` installed, or report this line")


def _stamp(requirements: Path) -> str:
    try:
        pinned = requirements.read_bytes()
    except OSError as unreadable:
        raise EnvironmentFailed(
            f"{requirements}: {unreadable.strerror}", "restore the file from the repository"
        ) from unreadable
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(pinned + python.encode()).hexdigest()


def _is_made(directory: Path, stamp: str) -> bool:
    try:
        return (directory / STAMP).read_text(encoding="ascii") == stamp and _runs(directory)
    except (OSError, UnicodeDecodeError):
        return False


def _runs(directory: Path) -> bool:
    # The Python it links to may have been removed since.
    return os.access(_python(directory), os.X_OK)


def _python(directory: Path) -> Path:
    return directory / "bin" / "python"


@asynccontextmanager
async def _locked(path: Path, progress: Progress) -> AsyncIterator[None]:
    lock = FileLock(path)
    told = False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not told:
                progress("waiting for another process that is installing LiteLLM")
                told = True
            await asyncio.sleep(LOCK_INTERVAL)
    try:
        yield
    finally:
        lock.release()
