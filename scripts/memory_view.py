"""What every command of `memproxy memory` does alike: whose memory, its store, and what it says."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recall.records import USER, Findings, Kind, Memory, Scope
from routing.errors import ProxyError
from scripts.memory_output import as_json, printable

if TYPE_CHECKING:
    from recall.sqlite_store import SqliteStore, Stats
    from scripts.command import Desk

PAGE = 200
# A person waits for a model to be loaded; a tool that wants an answer from the proxy does not.
SECONDS_TO_SEARCH = 30.0
EMBEDDED_OF_FEW = 32  # at once: more may wait, but nobody who adds one memory waits for them
READER_GONE = 141  # what a shell shows for a program that SIGPIPE ended

type Progress = Callable[[int, int], None]


class NothingRemembered(ProxyError):
    """The user goes on working; there is nothing yet that could be shown."""


class Considerate(click.Group):
    """Helps in the order of the file, and ends quietly when nobody reads on, as in `… | head`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a character shows its number instead.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered would be written, and fail again, at exit.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            ctx.exit(READER_GONE)


class View:
    """Whose memory a command is about, and whether a program reads what it prints."""

    def __init__(self, desk: "Desk", directory: str | None, own: bool, machine: bool) -> None:
        if own and directory is not None:
            raise click.UsageError("--user and --project name different memories: choose one.")
        self.machine = machine
        self._desk = desk
        self._directory = directory
        self._own = own

    @functools.cached_property
    def scope(self) -> Scope:
        if self._own:
            return USER
        project = self._desk.project(self._desk.registry(), self._directory or ".")
        return Scope(project.path)

    @property
    def name(self) -> str:
        return printable(self.scope.project or "you, across all projects")

    def everywhere(
        self, missed: Callable[[ProxyError], None]
    ) -> Iterator[tuple[Scope, Path, "Stats"]]:
        """How much there is of every memory, the user's own first, and where.

        `missed` is told of each that cannot be used, and the others go on.
        """
        from recall.scopes import Stores

        stores = Stores(self._desk.places.memory_dir)
        try:
            for scope in stores.known(missed):
                try:
                    with stores.open(scope) as store:
                        counted = store.stats()
                except ProxyError as error:
                    missed(error)
                else:
                    yield scope, store.path, counted
        finally:
            stores.close()

    @contextlib.contextmanager
    def store(self, *, to_write: bool = False, by_meaning: bool = False) -> Iterator["SqliteStore"]:
        """The store of the scope; one that is not there yet is made only to write into it."""
        from recall.embedding import embedder_of
        from recall.scopes import Stores

        scope = self.scope
        embedder = embedder_of(self._desk.embedding()) if by_meaning else None
        stores = Stores(self._desk.places.memory_dir, embedder)
        try:
            if not to_write and not stores.exists(scope):
                raise self.nothing()
            with stores.open(scope, create=to_write) as store:
                yield store
        finally:
            stores.close()

    @contextlib.contextmanager
    def filled_store(self, *, by_meaning: bool = False) -> Iterator["SqliteStore"]:
        """A store to list from. A program gets its list, though empty, where nothing is stored."""
        try:
            with self.store(by_meaning=by_meaning) as store:
                if not store.count():
                    raise self.nothing()
                yield store
        except NothingRemembered:
            if self.machine:
                click.echo("[]")
            raise

    def nothing(self) -> NothingRemembered:
        return NothingRemembered(f"Nothing is remembered for {self.name}.")

    def answer(self, document: dict[str, Any], *lines: str) -> None:
        """Tell the outcome to a program or to a person."""
        click.echo(as_json(document) if self.machine else "\n".join(lines))


def whose(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that every one of them has, and it the view they choose."""

    def command(
        desk: "Desk", *, project: str | None, own: bool, machine: bool, **rest: Any
    ) -> None:
        function(View(desk, project, own, machine), **rest)

    functools.update_wrapper(command, function)
    for option in reversed(
        [
            click.option(
                "--project",
                metavar="DIRECTORY",
                type=click.Path(),
                help="Of the project that this directory lies in.",
            ),
            click.option("--user", "own", is_flag=True, help="Your own, across all projects."),
            click.option("--json", "machine", is_flag=True, help="Print JSON for a program."),
        ]
    ):
        option(command)
    return click.pass_obj(command)


def limited(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that says how many to show at most."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        default=count,
        show_default=True,
        help="At most N.",
    )


def memories(
    store: "SqliteStore", kind: Kind | None = None, session: str | None = None
) -> Iterator[Memory]:
    """All of them, the newest first, never more than a page in hand."""
    offset, before = 0, frozenset[str]()
    while page := store.list(kind=kind, session=session, limit=PAGE, offset=offset):
        # What is learned meanwhile pushes the others on, into the next page.
        yield from (one for one in page if one.id not in before)
        before = frozenset(one.id for one in page)
        offset += len(page)


def found(
    store: "SqliteStore", question: str, limit: int, *, relevant_only: bool = True
) -> Findings:
    """What a search finds; raises ProxyError where nothing could be searched."""
    findings = store.search(
        question, limit=limit, seconds=SECONDS_TO_SEARCH, relevant_only=relevant_only
    )
    if findings.failure:
        raise ProxyError(f"Nothing could be searched: {findings.failure}.")
    return findings


def the_memory(store: "SqliteStore", wanted: str) -> Memory:
    """The one memory whose id is this or begins so."""
    if wanted and (one := store.get(wanted)):
        return one
    alike = [printable(one.id) for one in islice(_beginning(store, wanted), 4)] if wanted else []
    if len(alike) > 1:
        known = ", ".join(alike[:3]) + (", …" if len(alike) > 3 else "")
        raise ProxyError(f"More than one memory begins with {printable(wanted)}: {known}")
    raise unknown(wanted)


def unknown(wanted: str) -> ProxyError:
    return ProxyError(
        f"There is no memory {printable(wanted)!r} here. `memproxy memory list` shows the ids."
    )


def _beginning(store: "SqliteStore", start: str) -> Iterator[Memory]:
    return (one for one in memories(store) if one.id.startswith(start))


def embed(store: "SqliteStore", at_most: int = EMBEDDED_OF_FEW) -> None:
    """Let what is new be found by its meaning at once, not only when a proxy comes by it."""
    from recall.embedding import EmbeddingFailed

    try:
        with progress("Embedding", shown=at_most > EMBEDDED_OF_FEW) as report:
            made = store.embed_pending(
                lambda done, total: report(done, min(total, at_most)), at_most
            )
        if made == at_most and (pending := store.stats().pending):
            click.echo(
                f"{pending} still found by words only, until a proxy has been up for a while,"
                " or until: memproxy memory reindex",
                err=True,
            )
    except EmbeddingFailed as error:
        click.echo(f"Found by words only, for now: {printable(str(error))}.", err=True)


@contextlib.contextmanager
def progress(label: str, *, shown: bool = True) -> Iterator[Progress]:
    """A bar for the person at the terminal; nobody else is told."""
    if not shown or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=0, label=label, file=sys.stderr) as bar:

        def report(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield report
