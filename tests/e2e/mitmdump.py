"""A real mitmdump with our addons, in a home of its own."""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
SECONDS_TO_START = 60.0
PORTS_IN_A_BLOCK = 20
# Below those that systems give to whoever asks for any: a client's connection would have one of
# ours before we open it. And none twice, as what is registered need not be open yet.
_BLOCKS = range(20_000, 32_000, PORTS_IN_A_BLOCK)
_blocks = cycle(random.sample(_BLOCKS, len(_BLOCKS)))


def clean_environment(home: Path) -> dict[str, str]:
    """The machine's own, without its proxies, and with a home that is nobody's."""
    dropped = ("MEMPROXY_CONFIG", "LITELLM_MASTER_KEY", "PYTHONUNBUFFERED")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in dropped
    }
    return {**kept, "MEMPROXY_HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class Mitmdump:
    """Serves one project, and whatever else is registered, while the `with` block lasts.

    Without memory, unless the config has a section `memory`.
    """

    def __init__(
        self,
        directory: Path,
        config: str = "",
        *,
        program: str = "mitmdump",
        arguments: tuple[str, ...] = ("-n",),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = directory / "home"
        self.project = directory / "project"
        self.home.mkdir(parents=True, exist_ok=True)
        self.project.mkdir(exist_ok=True)
        self.shared_port = free_block()
        self.config_file = self.home / "config.yaml"
        self.log_file = directory / "mitmdump.log"
        self.environment = clean_environment(self.home) | (environment or {})
        self.command = [str(BIN / program), *arguments, "-s", str(ROOT / "addons" / "memory.py")]
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write the settings; a running proxy takes them over by itself."""
        last = self.shared_port + PORTS_IN_A_BLOCK - 1
        ports = (
            f"ports: {{shared: {self.shared_port}, first: {self.shared_port + 1}, last: {last}}}"
        )
        # What one test says must not turn up in what the next one sends.
        memory = "" if "\nmemory:" in f"\n{config}" else "\nmemory: {enabled: false}\n"
        new = self.config_file.with_suffix(".new")
        new.write_text(f"{ports}\n{config}{memory}")
        new.replace(self.config_file)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until(lambda: self.port_of(self.project) in self.listening())
        except BaseException:
            self.stop()
            raise

    def end_at_once(self) -> subprocess.CompletedProcess[str]:
        """Start it where it has a reason not to serve, and wait for its end."""
        return subprocess.run(
            self.command,
            check=False,
            env=self.environment,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def port(self) -> int:
        """The project's own port."""
        return self.port_of(self.project)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def ca_file(self) -> Path:
        return self.home / "ca" / "mitmproxy-ca-cert.pem"

    def trust(self) -> ssl.SSLContext:
        """A context of its own for each client, because httpx writes into it."""
        return ssl.create_default_context(cafile=self.ca_file)

    def client(self, **options: Any) -> httpx.Client:
        """A client that goes through the project's port, as a tool with HTTPS_PROXY does."""
        return httpx.Client(
            proxy=self.url, verify=self.trust(), trust_env=False, timeout=20, **options
        )

    def tool_environment(self, port: int | None = None) -> dict[str, str]:
        """What makes a real tool or SDK use us."""
        proxy = f"http://127.0.0.1:{port or self.port}"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(self.ca_file),
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
        }

    def port_of(self, project: Path) -> int:
        try:
            registered = json.loads((self.home / "ports.json").read_text())["projects"]
        except (OSError, ValueError, KeyError):
            return 0
        wanted = str(project.resolve())
        if isinstance(registered, dict):
            return int(registered.get(wanted, {}).get("port", 0))
        return next((int(p["port"]) for p in registered if p["path"] == wanted), 0)

    def listening(self) -> set[int]:
        try:
            health = self.ask("/health", self.shared_port)
        except httpx.HTTPError:
            return set()
        return {one["port"] for one in health["listeners"] if one["listening"]}

    def ask(self, path: str, port: int | None = None, **headers: str) -> Any:
        """What one of our own pages says."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{port or self.port}{path}"
        return httpx.get(url, headers=named, trust_env=False, timeout=20).json()

    def wait_until(self, is_true: Any, seconds: float = SECONDS_TO_START) -> None:
        deadline = time.monotonic() + seconds
        while not is_true():
            assert self.process.poll() is None, f"mitmdump has ended:\n{self.log}"
            assert time.monotonic() < deadline, f"it never came true:\n{self.log}"
            time.sleep(0.05)


def free_block() -> int:
    """The first of twenty ports that nobody uses now."""
    return next(
        first
        for first in _blocks
        if all(_is_free(port) for port in range(first, first + PORTS_IN_A_BLOCK))
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def upstreams(url: str, *names: str) -> str:
    """Settings that let a scripted provider stand for the real ones."""
    every = names or ("anthropic", "openai", "gemini", "groq", "openrouter", "mistral", "xai")
    lines = "".join(f"  {name}: {{upstream: '{url}'}}\n" for name in every)
    return f"providers:\n{lines}"
