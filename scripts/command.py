"""The `memproxy` command."""

import json
import logging
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from certs import ensure_authority, tool_environment
from routing import config as settings
from routing.config import Config
from routing.errors import ProxyError
from routing.paths import Places, places
from routing.port_registry import PortRegistry, Project, canonical
from routing.projects import is_nobodys
from scripts import background
from scripts.memory_command import memory

if TYPE_CHECKING:
    from recall.embedding import EmbeddingSettings

SECONDS_FOR_A_LISTENER = 5.0


class Desk:
    """What every subcommand needs: where things lie, the settings, the registry."""

    def __init__(self) -> None:
        self.places: Places = places(os.environ)

    def config(self) -> Config:
        path, is_named = settings.file_of(self.places.config_file, os.environ)
        return settings.load(path, must_exist=is_named)

    def registry(self) -> PortRegistry:
        ports = self.config().ports
        return PortRegistry(
            self.places.registry_file,
            first=ports.first,
            last=ports.last,
            reserved=frozenset({ports.shared}),
        )

    def project(self, registry: PortRegistry, directory: str) -> Project:
        """The registered project that a directory lies in."""
        if project := registry.project_containing(canonical(directory)):
            return project
        raise ProxyError(
            f"{canonical(directory)} lies in no registered project. Register it:"
            f" memproxy add {shlex.quote(directory)}"
        )

    def project_here(self) -> Project | None:
        """The project of the current directory, registered if need be."""
        registry, here = self.registry(), Path.cwd()
        if project := registry.project_containing(here):
            return project
        if is_nobodys(here):
            click.echo(f"memproxy: {here} is no project; its tools use the shared port.", err=True)
            return None
        registry.get_or_allocate_port(here)
        project = self.project(registry, str(here))
        click.echo(f"memproxy: {project.path} is now a project, port {project.port}.", err=True)
        return project

    def embedding(self) -> "EmbeddingSettings":
        """Which model makes the vectors by which memories are found."""
        from recall.embedding import EmbeddingSettings

        given = self.config().memory.embedding
        return EmbeddingSettings(
            url=given.url,
            model=given.model,
            key=given.key.get_secret_value() if given.key else None,
            dimensions=given.dimensions,
        )

    def ensure_running(self) -> background.Running:
        if found := background.running(self.places):
            return found
        return background.start(self.places, self.config().ports.shared, [])


class Friendly(click.Group):
    """Turns our own errors into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ProxyError, OSError) as error:
            raise click.ClickException(str(error)) from error


as_json = click.option("--json", "machine", is_flag=True, help="Print JSON for a program to read.")
directory = click.argument("directory", default=".", type=click.Path(file_okay=False))


@click.group(cls=Friendly, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="litellm-memory-proxy", message="%(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """One memory per project for every AI coding tool.

    All you have to know:  memproxy run -- claude
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    ctx.obj = Desk()


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--web", is_flag=True, help="With mitmweb's page, to look at the flows.")
@click.option("--foreground", is_flag=True, help="Stay in this terminal; Ctrl-C ends the proxy.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def up(desk: Desk, web: bool, foreground: bool, options: tuple[str, ...]) -> None:
    """Start the proxy. OPTIONS are passed on to mitmdump or mitmweb."""
    desk.config()  # a mistake in it is told here, not in a log file
    arguments = [*(["--web"] if web else []), *options]
    if found := background.running(desk.places):
        click.echo(f"The proxy is already up (process {found.pid}, port {found.port}).")
        return
    if foreground:
        _become([str(background.ROOT / "scripts" / "run"), "--set", "memory_project=", *arguments])
    found = background.start(desk.places, desk.config().ports.shared, arguments)
    click.echo(f"The proxy is up: http://127.0.0.1:{found.port} (process {found.pid}).")
    if web:
        click.echo(f"mitmweb's address and password are in {desk.places.log_file}.")


@main.command()
@click.pass_obj
def down(desk: Desk) -> None:
    """End the proxy."""
    found = background.running(desk.places)
    if found is None:
        click.echo("The proxy is not up.")
    elif background.stop(found):
        click.echo("The proxy has ended.")
    else:
        raise ProxyError(f"Process {found.pid} does not end. Try: kill -9 {found.pid}")


@main.command()
@as_json
@click.option("--prune", is_flag=True, help="Forget projects whose directory is gone.")
@click.pass_obj
def projects(desk: Desk, machine: bool, prune: bool) -> None:
    """List the registered projects and their ports."""
    registry = desk.registry()
    if prune:
        for gone in registry.prune():
            click.echo(f"Forgotten: {gone.path} (port {gone.port})", err=machine)
    found = registry.projects()
    if machine:
        click.echo(json.dumps([{"path": p.path, "port": p.port, "since": p.since} for p in found]))
        return
    if not found:
        click.echo("No project is registered. In a project's directory: memproxy add")
    for project in found:
        missing = "" if Path(project.path).is_dir() else "  (the directory is gone)"
        click.echo(f"{project.port}  {project.path}{missing}")


@main.command()
@directory
@click.pass_obj
def add(desk: Desk, directory: str) -> None:
    """Register a project: it gets a port of its own, for good."""
    path = Path(directory).expanduser()
    if not path.is_dir():
        raise ProxyError(f"{directory} is not a directory.")
    if is_nobodys(path.resolve()):
        raise ProxyError(f"{path.resolve()} holds everything below it; register what is in it.")
    port = desk.registry().get_or_allocate_port(directory)
    if background.running(desk.places):
        # A tool may be started right after this.
        background.wait_for_listener(port, canonical(directory), SECONDS_FOR_A_LISTENER)
    click.echo(f"{port}  {canonical(directory)}")


@main.command()
@directory
@click.pass_obj
def remove(desk: Desk, directory: str) -> None:
    """Forget a project; its port is closed, its files stay."""
    released = desk.registry().release(directory)
    if released is None:
        raise ProxyError(f"{canonical(directory)} is not a registered project.")
    click.echo(f"Forgotten: {released.path} (port {released.port})")


@main.command()
@as_json
@click.pass_obj
def status(desk: Desk, machine: bool) -> None:
    """Say what is up. Exits with 1 if the proxy is not, or not wholly."""
    found = background.running(desk.places)
    health = found.health if found else None
    if machine:
        click.echo(json.dumps(health or {"status": "down"}, indent=2))
    else:
        click.echo("\n".join(_told(health)))
    sys.exit(0 if health and health["status"] == "ok" else 1)


@main.command()
@directory
@click.option("--shared", is_flag=True, help="For the port that serves every project.")
@click.option("--shell", type=click.Choice(["sh", "fish", "powershell"]), default="sh")
@as_json
@click.pass_obj
def env(desk: Desk, directory: str, shared: bool, shell: str, machine: bool) -> None:
    """Print the exports for a project's tools: eval "$(memproxy env)"."""
    if shared:
        found = background.running(desk.places)
        port = found.port if found else desk.config().ports.shared
    else:
        port = desk.project(desk.registry(), directory).port
    variables = tool_environment(port, ensure_authority(desk.places.ca_dir), os.environ)
    if machine:
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(_export(shell, name, value))


@main.command(
    short_help="Start a tool through the proxy.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(desk: Desk, command: tuple[str, ...]) -> None:
    """Start a tool so that its calls come through the proxy: memproxy run -- claude

    Registers the current directory if it lies in no project yet, and starts the proxy if it is
    not up.
    """
    project = desk.project_here()
    proxy = desk.ensure_running()
    port = project.port if project else proxy.port
    path = project.path if project else None
    if not background.wait_for_listener(port, path, SECONDS_FOR_A_LISTENER):
        raise ProxyError(
            f"The proxy does not serve {path or 'the shared port'} on port {port}."
            " `memproxy status` says why."
        )
    authority = ensure_authority(desk.places.ca_dir)
    _become(list(command), tool_environment(port, authority, os.environ))


main.add_command(memory)


def _become(command: list[str], variables: dict[str, str] | None = None) -> NoReturn:
    """Let the tool take our place, so that signals, terminal and exit status are its own."""
    try:
        os.execvpe(command[0], command, {**os.environ, **(variables or {})})  # noqa: S606 - asked for
    except OSError as error:
        click.echo(f"memproxy: {command[0]} cannot be started: {error.strerror}.", err=True)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def _export(shell: str, name: str, value: str) -> str:
    if shell == "fish":
        return f"set -gx {name} {shlex.quote(value)};"
    if shell == "powershell":
        return f"$env:{name} = '{value.replace("'", "''")}'"
    return f"export {name}={shlex.quote(value)}"


def _told(health: dict[str, Any] | None) -> list[str]:
    if health is None:
        return ["The proxy is not up. Start it: memproxy up"]
    if not health.keys() >= {"backends", "egress", "ending", "memory"}:
        return [f"The proxy that is up is version {health['version']}. memproxy down; memproxy up"]
    memory = health["memory"]
    lines = [
        f"proxy    {health['status']}, process {health['pid']}, up for {_age(health['since'])},"
        f" version {health['version']}",
        *(
            f"backend  {backend['name']}, {backend['state']}"
            + _version_of(backend)
            + (f", for {_age(backend['since'])}" if backend.get("since") else "")
            + (f" ({backend['detail']})" if backend.get("detail") else "")
            + ("" if place == 0 else ", where a rule says so")
            for place, backend in enumerate(health["backends"])
        ),
        *(
            f"ending   {old['name']}, process {old['pid']},"
            f" {old['calls']} call{'' if old['calls'] == 1 else 's'}"
            for old in health["ending"]
        ),
        *_told_of_egress(health["egress"]),
        f"memory   {memory['state']}"
        + (f" ({memory['why']})" if memory.get("why") else "")
        + (f", {memory['learned']} exchanges learned" if memory.get("learned") else "")
        + (f", {memory['waiting']} waiting" if memory.get("waiting") else "")
        + (f", {memory['lost']} lost, see its log" if memory.get("lost") else ""),
        f"config   {health['config'] or 'none, so the defaults count'}",
    ]
    for listener in health["listeners"]:
        closed = "" if listener["listening"] else "  (closed)"
        lines.append(f"{listener['port']}    {listener['project'] or 'shared port'}{closed}")
    return [*lines, *(f"problem  {problem}" for problem in health["problems"])]


def _version_of(backend: dict[str, Any]) -> str:
    if not backend.get("version"):
        return ""
    return f", {'version' if backend['name'] == 'direct' else 'LiteLLM'} {backend['version']}"


def _told_of_egress(egress: dict[str, Any] | None) -> list[str]:
    """Which way LiteLLM's own calls leave, where LiteLLM is ours."""
    if egress is None:
        return []
    if egress["why"]:
        return [f"egress   none ({egress['why']})"]
    closed = "" if egress["listening"] else ", closed"
    return [f"egress   for LiteLLM's calls, port {egress['port']}{closed}"]


def _age(since: float) -> str:
    seconds = max(0, int(time.time() - since))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
