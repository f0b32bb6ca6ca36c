"""Open one listener per project, on loopback only, and follow the registry while running."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import filelock
from mitmproxy import connection, ctx, exceptions
from mitmproxy.addonmanager import Loader

from addons.read_settings import ReadSettings
from addons.watch import Watch
from routing.arrival import is_loopback
from routing.errors import ProxyError
from routing.paths import private_directory, write_private
from routing.port_registry import PortRegistry, Project
from routing.ports import LOOPBACK, is_free
from routing.projects import Projects, is_nobodys

logger = logging.getLogger("memory_proxy")

SECONDS_BETWEEN_LOOKS = 0.3
_REMEDY = "`memproxy remove` it and `add` it again, or choose another shared port"
NOT_YET = object()
"""What no stamp of the registry's file is equal to, not even that of a file which is not there."""


class OpenListeners:
    """The shared port, and a port of its own for every registered project."""

    def __init__(self, settings: ReadSettings) -> None:
        self.settings = settings
        self.projects = Projects()
        self.registry: PortRegistry | None = None
        self._lock = filelock.FileLock(settings.places.lock_file, mode=0o600)
        self._seen: object = NOT_YET
        self._open: list[int] = []
        self._for_children: int | None = None
        self._taken: set[int] = set()
        self._trouble: str | None = None
        self._displaced: list[Project] = []
        self._greeting: list[str] = []
        self._watch = Watch(SECONDS_BETWEEN_LOOKS, self.look)
        settings.changed.append(self._follow_settings)

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "memory_project",
            str,
            ".",
            "The directory to register as a project at start; empty for none.",
        )

    def problems(self) -> list[str]:
        found = list(self.registry.problems) if self.registry else []
        found += [f"port {port} is in use by another program" for port in sorted(self._taken)]
        found += [f"{p.path} has the shared port; {_REMEDY}" for p in self._displaced]
        return [*found, *filter(None, [self._trouble])]

    def state(self) -> list[dict[str, Any]]:
        projects = {self._shared_port(): None} | {p.port: p.path for p in self.projects.all}
        return [
            {"port": port, "project": path, "listening": port in self.listening()}
            for port, path in projects.items()
        ]

    @property
    def ports(self) -> set[int]:
        """All that are ours, open or not."""
        projects = {project.port for project in self.projects.all}
        return {self._shared_port(), *projects, *self._open}

    def open_for_children(self, port: int) -> None:
        """Open one more, which is no project's, for the LiteLLM that we start."""
        self._for_children, self._seen = port, NOT_YET
        if self.registry:
            self.look()

    def client_connected(self, client: connection.Client) -> None:
        """Refuse other machines, whatever mitmproxy was told to listen on."""
        if not is_loopback(client.peername[0]) or not self.settings.is_readable:
            client.error = "only this machine may use the memory proxy"

    def running(self) -> None:
        if not self.settings.is_readable:
            return
        try:
            # An error on record before the end of this hook makes mitmproxy end.
            self._start()
        except (ProxyError, OSError) as error:
            logger.error("The memory proxy does not start: %s", error)

    def done(self) -> None:
        self._watch.stop()
        if self._lock.is_locked:
            self.settings.places.info_file.unlink(missing_ok=True)
            self._lock.release()

    def _start(self) -> None:
        places = self.settings.places
        private_directory(places.lock_file.parent)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ProxyError(f"it is already running{_by_whom(places.info_file)}.") from None
        self._use_registry()
        project = self._register_own_project()
        ctx.master.addons.get("proxyserver").servers.changed.connect(self._greet_when_open)
        self.look()
        self._greeting = self._words(project)
        self._write_info()
        self._watch.start()

    def _use_registry(self) -> None:
        ports = self.settings.now.ports
        self.registry = PortRegistry(
            self.settings.places.registry_file,
            first=ports.first,
            last=ports.last,
            reserved=frozenset({self._shared_port()}),
        )
        self._seen = NOT_YET

    def _register_own_project(self) -> Path | None:
        """The directory that the proxy is started in, unless it is nobody's project."""
        assert self.registry is not None
        given = ctx.options.memory_project
        if not given:
            return None
        directory = Path(given).expanduser().resolve()
        if is_nobodys(directory):
            logger.info("project.none reason='started in %s'", directory)
            return None
        if not self.registry.project_containing(directory):
            self.registry.get_or_allocate_port(directory)
        return directory

    def look(self) -> None:
        """Open and close listeners so that they are those of the registry."""
        assert self.registry is not None
        stamp = self.registry.stamp()
        if stamp == self._seen and not self._taken and not self._failed():
            return
        try:
            self.registry.repair()
            registered = self.registry.projects()
            self._seen, self._trouble = self.registry.stamp(), None
        except ProxyError as error:  # what was known still holds
            self._trouble = str(error)
        else:
            # Every tool that declares no directory would speak in that project's name.
            shared = self._shared_port()
            self._displaced = [p for p in registered if p.port == shared]
            self.projects = Projects(tuple(p for p in registered if p.port != shared))
        own = [self._for_children] if self._for_children else []
        self._listen([self._shared_port(), *(p.port for p in self.projects.all), *own])

    def _follow_settings(self) -> None:
        self._use_registry()
        self.look()

    def _shared_port(self) -> int:
        """mitmproxy's own -p counts as the shared port."""
        return ctx.options.listen_port or self.settings.now.ports.shared

    def _listen(self, ports: list[int]) -> None:
        mine, taken_before = self.listening(), self._taken
        # One that failed is left out for one look; mitmproxy opens only what is new to it.
        self._taken = self._failed() | {p for p in ports if p not in mine and not is_free(p)}
        for port in self._taken - taken_before:
            logger.warning("listener.waits port=%s reason='used by another program'", port)
        wanted = [port for port in dict.fromkeys(ports) if port not in self._taken]
        if wanted == self._open:
            return
        try:
            modes = [f"regular@{LOOPBACK}:{port}" for port in wanted]
            ctx.options.update(server=True, mode=modes)
            self._open = wanted
            self._write_info()
        except exceptions.OptionsError as error:  # uncaught it would hang whoever waits
            self._trouble = str(error)
            logger.warning("listeners.kept reason=%s", error)

    def listening(self) -> set[int]:
        """Those that are open now."""
        server = ctx.master.addons.get("proxyserver")
        return {address[1] for address in server.listen_addrs()} if server else set()

    def _failed(self) -> set[int]:
        """Ports that mitmproxy was to open, and has not."""
        server: Any = ctx.master.addons.get("proxyserver")
        return set() if server.servers.is_updating else set(self._open) - self.listening()

    def _greet_when_open(self) -> None:
        """Tell the port only when it can be used."""
        if self._greeting and set(self._open) <= self.listening():
            for line in self._greeting:
                logger.info(line)
            self._greeting = []

    def _words(self, project: Path | None) -> list[str]:
        own = self.projects.containing(str(project)) if project else None
        shared = f"http://{LOOPBACK}:{self._shared_port()}"
        lines = [f"Memory proxy: ready, {len(self.projects.all)} projects, shared port {shared}"]
        if own:
            url = f"http://{LOOPBACK}:{own.port}"
            lines.append(f"Memory proxy: {own.path} is served at {url}")
            lines.append(
                "Memory proxy: point a tool there, or start it with `memproxy run -- TOOL`"
            )
        return lines

    def _write_info(self) -> None:
        """Where `memproxy` finds us."""
        ports = [port for port in self._open if port != self._for_children]
        info = {"pid": os.getpid(), "port": self._shared_port(), "ports": ports}
        write_private(self.settings.places.info_file, json.dumps(info).encode())


def _by_whom(info_file: Path) -> str:
    try:
        info = json.loads(info_file.read_text())
        return f" (process {info['pid']}, port {info['port']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
