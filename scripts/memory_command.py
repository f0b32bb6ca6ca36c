"""`memproxy memory`: see what is remembered, correct it, delete it, take it along."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recall.records import Draft, Evidence, Kind, Memory, Role
from routing.errors import ProxyError
from scripts.memory_files import Lines, replacing, whole
from scripts.memory_output import (
    as_json,
    evidence,
    fields,
    going,
    json_list,
    many,
    printable,
    redactions,
    row,
    rules,
    short,
    stats_fields,
    stats_line,
    stats_lines,
    told,
    when,
)
from scripts.memory_view import (
    PAGE,
    Considerate,
    View,
    embed,
    found,
    limited,
    memories,
    progress,
    the_memory,
    unknown,
    whose,
)

if TYPE_CHECKING:
    from recall.lines import Line

PREVIEWED = 20
EMBEDDED_OF_MANY = 500  # at once, which takes some five seconds

KIND = click.Choice([str(kind) for kind in Kind])
DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group(cls=Considerate)
def memory() -> None:
    """See what is remembered, correct it, delete it, take it along.

    All of it is about the project that the current directory lies in, unless --project names
    another, or --user asks for what is yours across all projects. `list` shows the ids.
    """


@memory.command(name="list")
@click.option("--kind", type=KIND, help="Only this kind.")
@click.option("--session", metavar="ID", help="Only what was said in this session.")
@limited(20)
@click.option("--all", "everything", is_flag=True, help="All there is.")
@whose
def list_(view: View, kind: str | None, session: str | None, limit: int, everything: bool) -> None:
    """List what is remembered, the newest first."""
    with view.filled_store() as store:
        wanted = memories(store, Kind(kind) if kind else None, session)
        shown = wanted if everything else islice(wanted, limit)
        if view.machine:
            for piece in json_list(map(fields, shown)):
                click.echo(piece, nl=False)
            return
        one = None
        for one in shown:
            click.echo(row(one, whole=not sys.stdout.isatty()))
        if one is None:
            click.echo("Nothing of that is remembered.")
        elif not everything and next(wanted, None):
            click.echo("There is more: --limit N shows N, --all everything.", err=True)


@memory.command()
@click.argument("question", nargs=-1, required=True)
@limited(10)
@click.option("--all", "everything", is_flag=True, help="Also what hardly fits, marked so.")
@whose
def search(view: View, question: tuple[str, ...], limit: int, everything: bool) -> None:
    """Find what helps with a question, the best first."""
    with view.filled_store(by_meaning=True) as store:
        findings = found(store, " ".join(question), max(limit, PAGE), relevant_only=not everything)
        hits = findings.hits[:limit]
        if view.machine:
            documents = (
                fields(hit.memory) | {"score": hit.score, "relevant": hit.relevant} for hit in hits
            )
            for piece in json_list(documents):
                click.echo(piece, nl=False)
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
        one = the_memory(store, memory_id)
        if view.machine:
            more = {"rules": rules(one), "evidence": evidence(one)}
            click.echo(as_json(fields(one) | more, indent=2))
            return
        successor = store.get(one.successor) if one.successor else None
        named = {piece.exchange for piece in one.evidence if piece.exchange is not None}
        kept = {name: exchange for name in named if (exchange := store.exchange(name))}
        click.echo("\n".join(told(one, successor, kept)))


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
        embed(store)
    outcome = {"id": added.id or None, "how": added.how, "kind": str(draft.kind)}
    answers = {
        "new": f"Remembered as {short(added.id)} ({draft.kind}).",
        "again": f"This was known already, as {short(added.id)}.",
        "forgotten": "This was forgotten on purpose, and was not added.",
    }
    view.answer(outcome | {"redacted": dict(redacted)}, answers[added.how], *_also(draft, redacted))


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
    wanted = _given(text) if text else _edited(before, kind)
    if wanted is None or (wanted.strip() == before.text.strip() and kind in (None, before.kind)):
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
        embed(store)
    view.answer(
        {"id": before.id, "changed": True, "redacted": dict(redacted)},
        f"Changed: {short(before.id)}",
        *_also(draft, redacted),
    )


@memory.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--matching", metavar="QUESTION", help="What `search QUESTION` finds.")
@click.option("--session", metavar="ID", help="What was said in this session.")
@click.option("--before", metavar="DATE", type=DATE, help="What is older than this day, or time.")
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
    """Delete memories for good, after asking.

    The same sentences are not learned again. With --session, --before or --all, the exchanges go
    too: all that was asked and answered then.
    """
    choices = (bool(ids), matching is not None, session is not None, before is not None, everything)
    if sum(choices) != 1:
        raise click.UsageError("Say what, in one way: IDs, --matching, --session, --before, --all.")
    end = before.timestamp() if before else None
    with view.store(by_meaning=matching is not None) as store:
        exchanges = 0
        if ids:
            chosen: Iterable[Memory] = [the_memory(store, one) for one in ids]
        elif matching is not None:
            every = max(1, store.count())
            chosen = (hit.memory for hit in found(store, matching, every).hits)
        else:
            chosen = (
                one for one in memories(store, None, session) if end is None or when(one) < end
            )
            exchanges = store.count_exchanges(session=session, before=end)
        if not yes:
            chosen = _previewed(chosen)
        doomed = [*dict.fromkeys(one.id for one in chosen)]
        if not doomed and not exchanges:
            view.answer(
                {"forgotten": 0, "ids": [], "exchanges": 0}, "Nothing of that is remembered."
            )
            return
        if not yes:
            _ask(len(doomed), exchanges)
        # Memories first: what their evidence quotes is marked, so that it is not learned again.
        gone = store.forget(doomed)
        if exchanges:
            store.forget_exchanges(session=session, before=end)
    view.answer(
        {"forgotten": gone, "ids": doomed, "exchanges": exchanges},
        f"Forgotten for good: {going(gone, exchanges)}."
        " The same sentences will not be learned again.",
    )


@memory.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@whose
def export(view: View, file: str, force: bool) -> None:
    """Write everything to FILE, or the standard output, as JSON Lines.

    A FILE can be read by you alone.
    """
    path = Path(file)
    if file != "-" and path.exists() and not force:
        raise ProxyError(f"{printable(file)} exists; --force replaces it.")
    with view.store() as store:
        there = store.stats()
        if not (there.kinds or there.exchanges or there.tombstones):
            # An empty file in the place of an earlier export would be a loss.
            raise view.nothing()
        if file == "-":
            for line in store.export():
                sys.stdout.write(as_json(line) + "\n")
            sys.stdout.flush()
            return
        counts: Counter[str] = Counter()
        with replacing(path) as written:
            for line in _counted(store.export(), counts):
                written.write((as_json(line) + "\n").encode())
    memories = many(counts["memory"], "memory", "memories")
    view.answer(
        {"file": str(path.absolute()), "lines": counts.total()},
        f"Exported: {memories}{_with(counts)}, to {printable(file)}, readable by you alone.",
    )


@memory.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@whose
def import_(view: View, file: str) -> None:
    """Take over what `export` wrote, all of it or nothing.

    What is known already is left as it is. FILE may be - for the standard input.
    """
    counts: Counter[str] = Counter()
    with whole(file) as source, view.store(to_write=True, by_meaning=True) as store:
        lines = Lines(source, "the standard input" if file == "-" else printable(file))
        try:
            new = store.import_lines(_counted(lines, counts))
        except ValueError as error:
            raise lines.mistake(str(error)) from error
        embed(store, EMBEDDED_OF_MANY)
    known = lines.memories - new
    view.answer(
        {"new": new, "known": known},
        f"Imported: {new} new, {known} known already{_with(counts)}.",
    )


@memory.command()
@whose
@click.option("--everywhere", is_flag=True, help="A line for every memory there is.")
def stats(view: View, everywhere: bool) -> None:
    """Say how much is remembered, and where it lies."""
    if everywhere:
        overview(view)
        return
    with view.store(by_meaning=True) as store:  # or it could not tell what has no vector yet
        counted, path = store.stats(), store.path
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    if view.machine:
        click.echo(as_json(stats_fields(counted, view.scope.project, path, aside), indent=2))
    else:
        click.echo("\n".join(stats_lines(counted, view.name, path, aside)))


@memory.command()
@whose
def reindex(view: View) -> None:
    """Make everything anew that searching needs; no memory is changed."""
    with view.store(by_meaning=True) as store, progress("Reindexing") as report:
        count = store.reindex(report)
    view.answer({"reindexed": count}, f"Reindexed: {many(count, 'memory', 'memories')}.")


@memory.command()
@whose
def redact(view: View) -> None:
    """Remove secrets from what is stored, by the rules of today."""
    with view.store(by_meaning=True) as store:
        with progress("Redacting") as report:
            redacted = store.redact(report)
        embed(store, EMBEDDED_OF_MANY)
    view.answer({"redacted": dict(redacted)}, *(redactions(redacted) or ["There was no secret."]))


def overview(view: View) -> None:
    """A line for every memory there is: how many, how large, whose."""
    missed: list[ProxyError] = []
    found = [*view.everywhere(missed.append)]
    if view.machine:
        every = [stats_fields(counted, scope.project, path, []) for scope, path, counted in found]
        click.echo(as_json(every, indent=2))
    elif found or missed:
        for scope, _path, counted in found:
            click.echo(stats_line(counted, scope.project or "you, across all projects"))
    else:
        click.echo("Nothing is remembered yet.")
    for error in missed:
        click.echo(f"Error: {printable(str(error))}", err=True)
    if missed:
        click.get_current_context().exit(1)


def _counted(lines: Iterable["Line"], counts: Counter[str]) -> Iterator["Line"]:
    """The lines of an export, counted by their type as they come."""
    for line in lines:
        counts[str(line.get("type"))] += 1
        yield line


def _with(counts: Mapping[str, int]) -> str:
    """What an export holds beside memories, in words."""
    sorts = {
        "exchange": ("exchange", "exchanges"),
        "tombstone": ("mark of a forgotten sentence", "marks of forgotten sentences"),
    }
    found = [many(counts[sort], *words) for sort, words in sorts.items() if counts.get(sort)]
    return f", with {' and '.join(found)}" if found else ""


def _given(words: tuple[str, ...]) -> str:
    if words != ("-",):
        text = " ".join(words)
    else:
        text = sys.stdin.buffer.read().decode(errors="replace")
    if not text.strip():
        raise ProxyError("An empty text is no memory.")
    return text.strip()


def _edited(before: Memory, kind: str | None) -> str | None:
    """What the editor makes of the text; another kind alone needs no editor."""
    return before.text if kind else click.edit(before.text)


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
            " ".join(["Nothing was stored: this says nothing.", *redactions(cleaned.found)])
        )
    if not kind and made.kind is Kind.PASSAGE:
        # Who says it here wants it remembered; and what it was, it stays.
        made = replace(made, kind=before.kind if before else Kind.NOTE)
    return made, cleaned.found


def _also(draft: Draft, redacted: Mapping[str, int]) -> Iterator[str]:
    """What a person should know beside the outcome."""
    yield from redactions(redacted)
    if draft.kind is Kind.RULE and not draft.rules:
        yield "It does not read as a standing rule, so it comes back only where it fits a question."


def _previewed(chosen: Iterable[Memory]) -> Iterator[Memory]:
    """Show some of what will be deleted, on the side where questions are asked."""
    count = 0
    for count, one in enumerate(chosen, start=1):
        if count <= PREVIEWED:
            click.echo(row(one), err=True)
        yield one
    if count > PREVIEWED:
        click.echo(f"… and {count - PREVIEWED} more.", err=True)


def _ask(memories: int, exchanges: int) -> None:
    if exchanges:
        every = many(exchanges, "exchange", "exchanges")
        click.echo(f"With {every}: all that was asked and answered there.", err=True)
    if not sys.stdin.isatty():
        raise ProxyError("There is no terminal to ask at, so nothing was deleted. --yes deletes.")
    click.confirm(f"Delete {going(memories, exchanges)} for good?", abort=True, err=True)
