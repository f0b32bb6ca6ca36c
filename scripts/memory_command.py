"""`memproxy memory`: see what is remembered, correct it, delete it, take it along."""

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from recall.records import USER, Draft, Evidence, Kind, Memory, Role, Scope
from routing.errors import ProxyError

if TYPE_CHECKING:
    from recall.embedding import Embedder
    from recall.lines import Line
    from recall.sqlite_store import SqliteStore
    from scripts.command import Desk

PAGE = 200
SHORT_ID = 8
LONGEST_NAME = 12
LEAST_WIDTH = 60
PREVIEWED = 20
# A person waits for a model to be loaded; a tool that wants an answer from the proxy does not.
SECONDS_TO_SEARCH = 30.0
EMBEDDED_AT_MOST = 500  # which takes some five seconds
READER_GONE = 141  # what a shell shows for a program that SIGPIPE ended

KIND = click.Choice([str(kind) for kind in Kind])

type Progress = Callable[[int, int], None]


class NothingRemembered(ProxyError):
    """The user goes on working; there is nothing yet that could be shown."""


class Considerate(click.Group):
    """Ends without a word when nobody reads on, as in `memproxy memory list | head`."""

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

    @contextlib.contextmanager
    def store(self, *, to_write: bool = False, by_meaning: bool = False) -> Iterator["SqliteStore"]:
        """The store of the scope; one that is not there yet is made only to write into it."""
        from recall.scopes import Stores

        scope = self.scope
        stores = Stores(self._desk.places.memory_dir, _embedder() if by_meaning else None)
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


def _embedder() -> "Embedder | None":
    from recall.embedding import EmbeddingSettings, embedder_of

    return embedder_of(EmbeddingSettings())


def _embed(store: "SqliteStore") -> None:
    """Let what is new be found by its meaning at once, not only when a proxy comes by it."""
    from recall.embedding import EmbeddingFailed

    try:
        with _progress("Embedding") as progress:
            made = store.embed_pending(progress, EMBEDDED_AT_MOST)
        if made == EMBEDDED_AT_MOST:
            click.echo(
                "The rest is found by its words only until a proxy has been up for a while,"
                " or until: memproxy memory reindex",
                err=True,
            )
    except EmbeddingFailed as error:
        click.echo(f"Found by its words only, for now: {printable(str(error))}", err=True)


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
                help="Of the project that this directory lies in, not the current one.",
            ),
            click.option("--user", "own", is_flag=True, help="Your own, across all projects."),
            click.option("--json", "machine", is_flag=True, help="Print JSON for a program."),
        ]
    ):
        option(command)
    return click.pass_obj(command)


def limit(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--limit", type=click.IntRange(min=1), default=count, show_default=True, help="At most N."
    )


@click.group(cls=Considerate)
def memory() -> None:
    """See what is remembered, correct it, delete it, take it along."""


@memory.command(name="list")
@click.option("--kind", type=KIND, help="Only this kind.")
@click.option("--session", help="Only what was said in this session.")
@limit(20)
@click.option("--all", "everything", is_flag=True, help="All there is.")
@whose
def list_(view: View, kind: str | None, session: str | None, limit: int, everything: bool) -> None:
    """List what is remembered, the newest first."""
    with view.filled_store() as store:
        found = _memories(store, Kind(kind) if kind else None, session)
        shown = found if everything else islice(found, limit)
        if view.machine:
            _print_list(fields(one) for one in shown)
            return
        one = None
        for one in shown:
            click.echo(row(one, whole=not sys.stdout.isatty()))
        if one is None:
            click.echo("Nothing of that is remembered.")
        elif not everything and next(found, None):
            click.echo("There is more: --limit N shows N, --all everything.", err=True)


@memory.command()
@click.argument("question", nargs=-1, required=True)
@limit(10)
@click.option("--all", "everything", is_flag=True, help="Also what hardly fits, marked so.")
@whose
def search(view: View, question: tuple[str, ...], limit: int, everything: bool) -> None:
    """Find what helps with a question, the best first."""
    with view.filled_store(by_meaning=True) as store:
        findings = store.search(
            " ".join(question), limit=max(limit, PAGE), seconds=SECONDS_TO_SEARCH
        )
        hits = [hit for hit in findings.hits if everything or hit.relevant][:limit]
        if view.machine:
            _print_list(
                fields(hit.memory) | {"score": hit.score, "relevant": hit.relevant} for hit in hits
            )
            return
        for hit in hits:
            fit = f"{hit.score:6.3f}" + ("  " if hit.relevant else " -")
            click.echo(row(hit.memory, fit, whole=not sys.stdout.isatty()))
        if not hits:
            click.echo(f"Nothing relevant is remembered (searched: {findings.how}).")
        elif not all(hit.relevant for hit in hits):
            click.echo("What is marked with - does not fit well enough to be used.", err=True)


@memory.command()
@click.argument("memory_id", metavar="ID")
@whose
def show(view: View, memory_id: str) -> None:
    """Show all about one memory, and where it comes from. ID may be abbreviated."""
    with view.store() as store:
        found = the_memory(store, memory_id)
        if view.machine:
            more = {"rules": _rules(found), "evidence": _evidence(found)}
            click.echo(as_json(fields(found) | more, indent=2))
            return
        click.echo("\n".join(_told(found, store)))


@memory.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--kind", type=KIND, help="What it is, if the text does not tell.")
@whose
def add(view: View, text: tuple[str, ...], kind: str | None) -> None:
    """Remember TEXT; - reads it from the standard input."""
    draft, redacted = _drafted(_given(text), kind, None)
    with view.store(to_write=True, by_meaning=True) as store:
        [added] = store.add([draft])
        store.count_redactions(redacted)
        _embed(store)
    outcome = {"id": added.id or None, "how": added.how, "kind": str(draft.kind)}
    told = {
        "new": f"Remembered as {short(added.id)} ({draft.kind}).",
        "again": f"This was known already, as {short(added.id)}.",
        "forgotten": "This was forgotten on purpose, and was not added.",
    }
    view.answer(outcome | {"redacted": dict(redacted)}, told[added.how], *_redacted(redacted))


@memory.command()
@click.argument("memory_id", metavar="ID")
@click.argument("text", nargs=-1)
@click.option("--kind", type=KIND, help="What it is now, if the text does not tell.")
@whose
def edit(view: View, memory_id: str, text: tuple[str, ...], kind: str | None) -> None:
    """Change a memory's text, to TEXT or in your editor; its id stays."""
    with view.store() as store:
        before = the_memory(store, memory_id)
    # The editor may stay open for hours, the store must not.
    wanted = _given(text) if text else click.edit(before.text)
    if wanted is None or (wanted.strip() == before.text.strip() and kind is None):
        view.answer({"id": before.id, "changed": False, "redacted": {}}, "Nothing was changed.")
        return
    if not wanted.strip():
        raise ProxyError(
            f"An empty text is no memory. To delete it: memproxy memory forget {short(before.id)}"
        )
    draft, redacted = _drafted(wanted.strip(), kind, before)
    with view.store(by_meaning=True) as store:
        if store.edit(before.id, draft) is None:
            raise unknown(memory_id)
        store.count_redactions(redacted)
        _embed(store)
    view.answer(
        {"id": before.id, "changed": True, "redacted": dict(redacted)},
        f"Changed: {short(before.id)}",
        *_redacted(redacted),
    )


@memory.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--matching", metavar="QUESTION", help="What a search for this finds.")
@click.option("--session", help="What was said in this session.")
@click.option(
    "--before",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="What is older than this day, or time.",
)
@click.option("--all", "everything", is_flag=True, help="All of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@whose
def forget(
    view: View,
    *,
    ids: tuple[str, ...],
    matching: str | None,
    session: str | None,
    before: datetime | None,
    everything: bool,
    yes: bool,
) -> None:
    """Delete memories for good; the same sentences are not learned again."""
    choices = (bool(ids), matching is not None, session is not None, before is not None, everything)
    if sum(choices) != 1:
        raise click.UsageError("Say what, in one way: IDs, --matching, --session, --before, --all.")
    with view.store(by_meaning=matching is not None) as store:
        if ids:
            chosen: Iterable[Memory] = [the_memory(store, one) for one in ids]
        elif matching is not None:
            all_there_is = max(1, store.count())
            hits = store.search(matching, limit=all_there_is, seconds=SECONDS_TO_SEARCH).hits
            chosen = (hit.memory for hit in hits if hit.relevant)
        else:
            chosen = _memories(store, None, session)
            if before is not None:
                chosen = (one for one in chosen if when(one) < before.timestamp())
        if not yes:
            chosen = _previewed(chosen)
        doomed = [*dict.fromkeys(one.id for one in chosen)]
        if not doomed:
            view.answer({"forgotten": 0, "ids": []}, "Nothing of that is remembered.")
            return
        if not yes:
            _ask(len(doomed))
        gone = store.forget(doomed)
    view.answer(
        {"forgotten": gone, "ids": doomed},
        f"Forgotten for good: {_many(gone, 'memory', 'memories')}."
        " The same sentences will not be learned again.",
    )


@memory.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@whose
def export(view: View, file: str, force: bool) -> None:
    """Write everything to FILE, or the standard output, as JSON Lines."""
    path = Path(file)
    if file != "-" and path.exists() and not force:
        raise ProxyError(f"{printable(file)} exists; --force replaces it.")
    with view.store() as store:
        if not store.count():
            # An empty file in the place of an earlier export would be a loss.
            raise view.nothing()
        if file == "-":
            for line in store.export():
                sys.stdout.write(as_json(line) + "\n")
            sys.stdout.flush()
            return
        count = 0
        with _replacing(path) as written:
            for count, line in enumerate(store.export(), start=1):  # noqa: B007 - used below
                written.write((as_json(line) + "\n").encode())
    view.answer(
        {"file": str(path.absolute()), "lines": count},
        f"Exported: {_many(count, 'line', 'lines')} to {printable(file)}, readable by you alone.",
    )


@memory.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@whose
def import_(view: View, file: str) -> None:
    """Take over what `export` wrote, all of it or nothing; - reads the standard input."""
    with _whole(file) as source, view.store(to_write=True, by_meaning=True) as store:
        lines = Lines(source, "the standard input" if file == "-" else printable(file))
        try:
            new = store.import_lines(lines)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise lines.mistake(str(error)) from error
        _embed(store)
    known = lines.memories - new
    view.answer(
        {"new": new, "known": known},
        f"Imported: {new} new, {known} known already.",
    )


@memory.command()
@whose
def stats(view: View) -> None:
    """Say how much is remembered, and where it lies."""
    with view.store(by_meaning=True) as store:  # or it could not tell what has no vector yet
        told = store.stats()
        path = store.path
    set_aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    if view.machine:
        document = {
            "project": view.scope.project,
            "file": str(path),
            "bytes": told.bytes,
            "version": told.version,
            "memories": sum(told.kinds.values()),
            "kinds": dict(told.kinds),
            "superseded": told.superseded,
            "exchanges": told.exchanges,
            "embedded": dict(told.embedded),
            "pending": told.pending,
            "forgotten": told.tombstones,
            "redacted": dict(told.redacted),
            "oldest": told.oldest,
            "newest": told.newest,
            "set_aside": [str(copy) for copy in set_aside],
        }
        click.echo(as_json(document, indent=2))
        return
    vectors = [f"{count} by {name}" for name, count in told.embedded.items()] or ["none"]
    lines = [
        ("of", view.name),
        ("memories", f"{sum(told.kinds.values())}{_by_kind(told.kinds)}"),
        ("replaced", f"{told.superseded} of them, by newer ones"),
        ("exchanges", str(told.exchanges)),
        ("from, to", f"{date(told.oldest)}, {date(told.newest)}"),
        ("vectors", f"{', '.join(vectors)}; {told.pending} to be made"),
        ("forgotten", f"{_many(told.tombstones, 'sentence', 'sentences')}, not learned again"),
        ("redacted", f"{sum(told.redacted.values())}{_by_kind(told.redacted)}"),
        ("file", f"{path}, {_size(told.bytes)}, format {told.version}"),
        *(("set aside", f"{copy}, damaged") for copy in set_aside),
    ]
    for name, value in lines:
        click.echo(f"{name:<10} {printable(value)}")


@memory.command()
@whose
def reindex(view: View) -> None:
    """Make everything anew that searching needs; no memory is changed."""
    with view.store(by_meaning=True) as store, _progress("Reindexing") as progress:
        count = store.reindex(progress)
    view.answer({"reindexed": count}, f"Reindexed: {_many(count, 'memory', 'memories')}.")


@memory.command()
@whose
def redact(view: View) -> None:
    """Remove secrets from what is stored, by the rules of today."""
    with view.store(by_meaning=True) as store, _progress("Redacting") as progress:
        redacted = store.redact(progress)
        _embed(store)
    view.answer({"redacted": dict(redacted)}, *(_redacted(redacted) or ["There was no secret."]))


@contextlib.contextmanager
def _whole(file: str) -> Iterator[IO[bytes]]:
    """A file to read without waiting: a pipe is emptied before anybody else has to wait for it."""
    if file != "-":
        with Path(file).open("rb") as source:
            yield source
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.seek(0)
        yield kept


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's own")


class Lines:
    """The lines of an export, read one at a time; knows where it is."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self.source = source
        self.name = name
        self.number = 0
        self.memories = 0

    def __iter__(self) -> Iterator["Line"]:
        for raw in self.source:
            self.number += 1
            if not raw.strip():
                continue
            try:
                line = json.loads(raw, parse_constant=_no_json)
            except UnicodeDecodeError:
                raise self.mistake("it is not UTF-8") from None
            except (ValueError, RecursionError):
                raise self.mistake("it is not JSON") from None
            if not isinstance(line, dict):
                raise self.mistake("it is not a JSON object")
            self.memories += line.get("type") == "memory"
            yield line

    def mistake(self, what: str) -> ProxyError:
        return ProxyError(
            f"{self.name}, line {self.number}: {printable(what)}. Nothing was imported."
        )


def the_memory(store: "SqliteStore", wanted: str) -> Memory:
    """The one memory whose id is this or begins so."""
    if wanted and (found := store.get(wanted)):
        return found
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
    return (one for one in _memories(store, None, None) if one.id.startswith(start))


def _memories(store: "SqliteStore", kind: Kind | None, session: str | None) -> Iterator[Memory]:
    """All of them, the newest first, never more than a page in hand."""
    offset, before = 0, frozenset[str]()
    while page := store.list(kind=kind, session=session, limit=PAGE, offset=offset):
        # What is learned meanwhile pushes the others on, into the next page.
        yield from (one for one in page if one.id not in before)
        before = frozenset(one.id for one in page)
        offset += len(page)


def _given(words: tuple[str, ...]) -> str:
    if words != ("-",):
        text = " ".join(words)
    else:
        text = sys.stdin.buffer.read().decode(errors="replace")
    if not text.strip():
        raise ProxyError("An empty text is no memory.")
    return text.strip()


def _drafted(text: str, kind: str | None, before: Memory | None) -> tuple[Draft, Mapping[str, int]]:
    """A text by hand as it may be stored, and the secrets that were taken out, by kind."""
    from recall.drafts import draft
    from recall.redact import redact
    from recall.sentences import storable

    cleaned = redact(storable(text))
    made = draft(
        cleaned.text,
        role=before.role if before else Role.USER,
        speaker=before.speaker if before else "",
        session=before.session if before else "",
        created=before.created if before else time.time(),
        kind=Kind(kind) if kind else None,
        evidence=before.evidence if before else [Evidence(Role.USER, cleaned.text)],
    )
    if made is None:
        raise ProxyError(
            " ".join(["Nothing was stored: this says nothing.", *_redacted(cleaned.found)])
        )
    if not kind and made.kind is Kind.PASSAGE:
        # Who says it here wants it remembered; and what it was, it stays.
        made = replace(made, kind=before.kind if before else Kind.NOTE)
    return made, cleaned.found


def _previewed(chosen: Iterable[Memory]) -> Iterator[Memory]:
    """Show some of what will be deleted, on the side where questions are asked."""
    count = 0
    for count, one in enumerate(chosen, start=1):
        if count <= PREVIEWED:
            click.echo(row(one), err=True)
        yield one
    if count > PREVIEWED:
        click.echo(f"… and {count - PREVIEWED} more.", err=True)


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise ProxyError("There is no terminal to ask at, so nothing was deleted. --yes deletes.")
    which = "this memory" if count == 1 else f"these {count} memories"
    click.confirm(f"Delete {which} for good?", abort=True, err=True)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A private file that takes the path's place once it is complete."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProxyError(f"{printable(str(path))} cannot be written: {reason}.") from error


@contextlib.contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A bar for the person at the terminal; nobody else is told."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=0, label=label, file=sys.stderr) as bar:

        def report(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield report


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that holds no character which a terminal would obey."""
    # JSON lets DEL stand as it is; everything else that is not ASCII was escaped.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def _print_list(documents: Iterable[dict[str, Any]]) -> None:
    """One JSON list, written as it comes."""
    separator = "["
    for document in documents:
        click.echo(separator + as_json(document), nl=False)
        separator = ",\n "
    click.echo("[]" if separator == "[" else "]")


def fields(one: Memory) -> dict[str, Any]:
    """A memory for a program. These names are relied on."""
    return {
        "id": one.id,
        "kind": str(one.kind),
        "text": one.text,
        "role": str(one.role),
        "speaker": one.speaker,
        "project": one.scope.project,
        "session": one.session,
        "position": one.position,
        "created": one.created,
        "learned": one.learned,
        "last_used": one.last_used,
        "times_used": one.times_used,
        "times_said": one.times_said,
        "successor": one.successor,
    }


def _rules(one: Memory) -> list[dict[str, Any]]:
    """The standing rules that it lays down, with what the requests are about that they apply to."""
    from recall.rules import Subject

    return [
        {
            "text": rule.text,
            "subjects": [str(subject.name).lower() for subject in Subject(rule.subjects)],
            "force": rule.force.name.lower(),
        }
        for rule in one.rules
    ]


def _evidence(one: Memory) -> list[dict[str, Any]]:
    return [
        {"exchange": piece.exchange, "role": str(piece.role), "passage": piece.passage}
        for piece in one.evidence
    ]


def row(one: Memory, first: str = "", *, whole: bool = False) -> str:
    """One line for a person, cut to the terminal unless it is asked for as a whole."""
    start = "  ".join(
        [
            *([first] if first else []),
            short(one.id),
            f"{one.kind:<10}",
            f"{date(when(one))[:10]:<10}",
            padded(cut(who(one), LONGEST_NAME), LONGEST_NAME),
            "",
        ]
    )
    text = ("(replaced) " if one.successor else "") + printable(" ".join(one.text.split()))
    if whole:
        return start + text
    width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
    return start + cut(text, width - width_of(start))


def short(memory_id: str) -> str:
    """Enough of an id to tell it from others, as a rule."""
    return printable(memory_id[:SHORT_ID])


def who(one: Memory) -> str:
    return printable(one.speaker) or str(one.role)


def when(one: Memory) -> float:
    return one.learned if one.created is None else one.created


def date(seconds: float | None) -> str:
    if seconds is not None:
        with contextlib.suppress(ValueError, OverflowError, OSError):  # a time no calendar has
            return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    return "unknown"


def printable(text: str) -> str:
    """The text without what a terminal would obey: such characters are spelled out."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    # The joiners hold emoji and Persian words together and do nothing else.
    if character.isprintable() or character in "\n\t\u200c\u200d":
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()


def width_of(text: str) -> int:
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """As much of the text as fits, with an ellipsis where it goes on."""
    if width_of(text) <= width:
        return text
    taken = 0
    for index, character in enumerate(text):
        taken += _width(character)
        if taken >= width:
            return f"{text[:index]}…"
    return text


def padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _told(one: Memory, store: "SqliteStore") -> Iterator[str]:
    """All about a memory, for a person."""
    yield f"memory    {printable(one.id)}"
    yield f"kind      {one.kind}"
    yield f"said by   {who(one)}, {_many(one.times_said, 'time', 'times')}"
    for rule in _rules(one):
        yield f"rule for  {', '.join(rule['subjects'])} ({rule['force']})"
    if one.session:
        yield f"session   {printable(one.session)}, {one.position}"
    yield f"of        {date(one.created)}, learned {date(one.learned)}"
    last = f", last {date(one.last_used)}" if one.last_used else ""
    yield f"used      {_many(one.times_used, 'time', 'times')}{last}"
    if one.successor:
        newer = store.get(one.successor)
        text = f": {printable(' '.join(newer.text.split()))}" if newer else ", forgotten since"
        yield f"replaced  by {short(one.successor)}{text}"
    yield ""
    yield from _indented(one.text)
    for piece in one.evidence:
        yield ""
        yield f"evidence  {piece.role}, {_source(piece.exchange, store)}"
        yield from _indented(piece.passage)


def _source(exchange_id: str | None, store: "SqliteStore") -> str:
    if exchange_id is None:
        return "by hand"
    name = f"exchange {printable(exchange_id)}"
    exchange = store.exchange(exchange_id)
    if exchange is None:
        return f"{name} (not kept)"
    known = [date(exchange.started), printable(exchange.client), printable(exchange.model)]
    return ", ".join([name, *filter(None, known)])


def _indented(text: str) -> Iterator[str]:
    for line in text.replace("\r\n", "\n").split("\n"):
        yield f"    {printable(line)}".rstrip()


def _redacted(counts: Mapping[str, int]) -> list[str]:
    if not any(counts.values()):
        return []
    return [f"Redacted: {_listed(counts)}."]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {printable(kind)}" for kind, count in counts.items() if count)


def _by_kind(counts: Mapping[str, int]) -> str:
    return f": {_listed(counts)}" if any(counts.values()) else ""


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
