"""What is written into a store's tables, statement by statement, inside somebody's transaction."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from recall import rules, words
from recall.graves import Graves
from recall.lines import LARGEST
from recall.postings import pack_terms
from recall.records import Directive, Draft, Evidence, Exchange, Force, Kind, Memory, Role, Scope
from recall.redact import VERSION, redact
from recall.sentences import fingerprint, plain, spans, storable

MEMORY: Final = (
    "row, id, text, kind, role, speaker, session, position, created, learned, last_used,"
    " times_used, times_said, checked, successor"
)
EXCHANGE: Final = (
    "id, user, client, session, turn, model, question, answer, started, ended, usage, outcome"
)
_ANSWERED: Final = (
    "answer = excluded.answer, ended = excluded.ended, usage = excluded.usage,"
    " outcome = excluded.outcome"
)
MOST_LOOKED_FOR: Final = 50  # words; for more, every text is looked at
MOST_RIVALS: Final = 50
_RULE: Final = "text, key, subjects, strength, forbids, force"
_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}


# Quicker than to call the class.
_KINDS: Final = {kind.value: kind for kind in Kind}
_ROLES: Final = {role.value: role for role in Role}


def memory_from(
    row: tuple[Any, ...],
    scope: Scope,
    stated: tuple[Directive, ...] = (),
    evidence: tuple[Evidence, ...] = (),
) -> Memory:
    """A row of the columns named in MEMORY as a value."""
    return Memory(
        id=row[1],
        text=row[2],
        # A bad byte in a name costs the name, not the memory.
        kind=_KINDS.get(row[3], Kind.PASSAGE),
        role=_ROLES.get(row[4], Role.USER),
        scope=scope,
        speaker=row[5],
        session=row[6],
        position=row[7],
        created=row[8],
        learned=row[9],
        last_used=row[10],
        times_used=row[11],
        times_said=row[12],
        checked=row[13],
        successor=row[14],
        rules=stated,
        evidence=evidence,
    )


def _member[T](of: Callable[[Any], T], value: Any, otherwise: T) -> T:
    """A bad byte in a name costs the name, not the memory."""
    try:
        return of(value)
    except ValueError:
        return otherwise


def evidence_of(db: sqlite3.Connection, row: int) -> tuple[Evidence, ...]:
    """Where a memory comes from, the first time first."""
    found = db.execute(
        "SELECT role, passage, exchange FROM evidence WHERE memory = ? ORDER BY rowid", (row,)
    )
    return tuple(
        Evidence(_ROLES.get(role, Role.USER), passage, name) for role, passage, name in found
    )


def rules_of(db: sqlite3.Connection, row: int) -> tuple[Directive, ...]:
    """The standing rules that a memory lays down, in order."""
    found = db.execute(f"SELECT {_RULE} FROM rules WHERE memory = ? ORDER BY rowid", (row,))  # noqa: S608
    return tuple(_directive(rule) for rule in found)


def _directive(rule: tuple[Any, ...]) -> Directive:
    text, key, subjects, strength, forbids, force = rule
    return Directive(
        text, key, subjects, strength, bool(forbids), _member(Force, force, Force.HOLDS)
    )


def exchange_from(row: tuple[Any, ...], scope: Scope) -> Exchange:
    """A row of the columns named in EXCHANGE as a value."""
    return Exchange(
        id=row[0],
        project=scope.project,
        user=row[1],
        client=row[2],
        session=row[3],
        turn=row[4],
        model=row[5],
        question=row[6],
        answer=row[7],
        started=row[8],
        ended=row[9],
        usage=MappingProxyType(_member(json.loads, row[10], {})),
        outcome=row[11] if row[11] in ("complete", "aborted", "failed") else "complete",
    )


def put_exchange(
    db: sqlite3.Connection, graves: Graves, exchange: Exchange, *, known_stays: bool = False
) -> None:
    """Store what was said, without what is to stay forgotten; the same exchange again is one."""
    question, some_cut = graves.without_forgotten(storable(exchange.question))
    answer, more_cut = graves.without_forgotten(storable(exchange.answer))
    if (some_cut or more_cut) and not question.strip() and not answer.strip():
        return
    # An answer that was broken off does not take the place of a whole one.
    is_better = "excluded.outcome = 'complete' OR exchanges.outcome != 'complete'"
    known = "NOTHING" if known_stays else f"UPDATE SET {_ANSWERED} WHERE {is_better}"
    db.execute(
        f"INSERT INTO exchanges ({EXCHANGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        f" ON CONFLICT (id) DO {known}",
        (
            storable(exchange.id),
            storable(exchange.user),
            storable(exchange.client),
            storable(exchange.session),
            storable(exchange.turn),
            storable(exchange.model),
            question,
            answer,
            finite(exchange.started) or 0.0,
            finite(exchange.ended) or 0.0,
            json.dumps(dict(exchange.usage)),
            exchange.outcome,
        ),
    )


def put_memory(db: sqlite3.Connection, memory: Memory) -> int:
    """Store a memory with its terms; the number of its row."""
    row = db.execute(
        "INSERT INTO memories (id, text, kind, role, speaker, session, position, created, learned,"
        " last_used, times_used, times_said, checked, successor, fingerprint)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            memory.id,
            memory.text,
            memory.kind,
            memory.role,
            memory.speaker,
            memory.session,
            memory.position,
            finite(memory.created),
            memory.learned,
            finite(memory.last_used),
            memory.times_used,
            memory.times_said,
            memory.checked,
            memory.successor,
            fingerprint(memory.text),
        ),
    ).lastrowid
    assert row is not None
    put_terms(db, row, memory.speaker, memory.created, memory.text)
    put_rules(db, row, memory.rules)
    return row


def finite(seconds: float | None) -> float | None:
    """A time that a calendar may have; what is none is unknown."""
    return seconds if seconds is not None and abs(seconds) <= LARGEST else None


def put_rules(db: sqlite3.Connection, row: int, stated: Iterable[Directive]) -> None:
    """Keep the standing rules of a memory."""
    db.executemany(
        f"INSERT INTO rules (memory, {_RULE}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            (row, storable(r.text), storable(r.key), r.subjects, r.strength, r.forbids, r.force)
            for r in stated
        ],
    )


def put_terms(
    db: sqlite3.Connection, row: int, speaker: str, created: float | None, text: str
) -> None:
    """Keep a memory's terms, so that nobody has to find them in its text again."""
    db.execute(
        "INSERT OR REPLACE INTO terms VALUES (?, ?, ?)",
        (row, words.VERSION, terms_of(speaker, created, text)),
    )


def put_terms_again(db: sqlite3.Connection, row: int) -> None:
    """Find a memory's terms anew; it may be gone by now."""
    found = db.execute(
        "SELECT speaker, created, text FROM memories WHERE row = ?", (row,)
    ).fetchone()
    if found:
        put_terms(db, row, *found)


def terms_of(speaker: str, created: float | None, text: str) -> bytes:
    """The packed terms of a memory."""
    try:
        day = None if created is None else datetime.fromtimestamp(created, UTC).date()
    except (ValueError, OverflowError, OSError):
        day = None  # a time that no calendar has
    return pack_terms(words.index_terms(words.document_text(speaker, day, text)))


def put_evidence(
    db: sqlite3.Connection, graves: Graves, row: int, evidence: Iterable[Evidence]
) -> None:
    """Keep where a memory comes from, once for each exchange."""
    for given in evidence:
        passage, was_cut = graves.without_forgotten(storable(given.passage))
        if was_cut and not passage.strip():
            continue
        exchange = None if given.exchange is None else storable(given.exchange)
        db.execute(
            "INSERT INTO evidence (memory, exchange, role, passage) SELECT ?1, ?2, ?3, ?4"
            " WHERE NOT EXISTS (SELECT 1 FROM evidence WHERE memory = ?1 AND exchange IS ?2"
            " AND passage = ?4)",
            (row, exchange, given.role, passage),
        )


def said_again(db: sqlite3.Connection, row: int, kind: Kind, draft: Draft) -> None:
    """Count that a known memory was said once more, and let it rise to a weightier kind."""
    exchanges = {storable(e.exchange) for e in draft.evidence if e.exchange is not None}
    seen = {
        name
        for name in exchanges
        if db.execute(
            "SELECT 1 FROM evidence WHERE memory = ? AND exchange = ?", (row, name)
        ).fetchone()
    }
    if not exchanges or exchanges - seen:
        db.execute("UPDATE memories SET times_said = times_said + 1 WHERE row = ?", (row,))
    if _RANK[draft.kind] < _RANK[kind]:
        db.execute("UPDATE memories SET kind = ? WHERE row = ?", (draft.kind, row))
        put_rules(db, row, draft.rules)


def stand_in(db: sqlite3.Connection, row: int, memory_id: str, given: Iterable[Directive]) -> None:
    """Let the rules of this memory come before older ones, or stand in their place.

    A memory all of whose rules were replaced has this one as its successor.
    """
    for newer in given:
        rule = _rule(newer)
        # What was said again holds again.
        db.execute(
            "UPDATE rules SET force = 0 WHERE memory = ? AND key = ? AND force > 0",
            (row, storable(newer.key)),
        )
        # Only rules of a family can replace or overtake each other; of many, the newest.
        family = storable(rules.family(newer.key))
        others = db.execute(
            f"SELECT rowid, memory, {_RULE} FROM rules"  # noqa: S608 - names of ours
            " WHERE subjects = ?1 AND force < 2 AND memory != ?2"
            " AND (key = ?3 OR key >= ?3 || '.' AND key < ?3 || '/')"
            " ORDER BY rowid DESC LIMIT ?4",
            (newer.subjects, row, family, MOST_RIVALS),
        ).fetchall()
        for rowid, memory, *values in others:
            older = _rule(_directive(tuple(values)))
            if rules.replaces(rule, older):
                db.execute("UPDATE rules SET force = 2 WHERE rowid = ?", (rowid,))
                db.execute(
                    "UPDATE memories SET successor = ?2 WHERE row = ?1"
                    " AND NOT EXISTS (SELECT 1 FROM rules WHERE memory = ?1 AND force < 2)",
                    (memory, memory_id),
                )
            elif rules.overtakes(rule, older):
                db.execute("UPDATE rules SET force = 1 WHERE rowid = ? AND force = 0", (rowid,))
        db.execute(
            "UPDATE memories SET successor = NULL WHERE row = ? AND successor IS NOT NULL", (row,)
        )


def _rule(directive: Directive) -> rules.Rule:
    return rules.Rule(
        directive.text,
        rules.Subject(directive.subjects),
        directive.key,
        directive.strength,
        directive.forbids,
    )


def next_position(db: sqlite3.Connection, session: str) -> int:
    """The place behind the last one of the session."""
    if not session:
        return 0
    [last] = db.execute(
        "SELECT max(position) FROM memories WHERE session = ? AND session != ''", (session,)
    ).fetchone()
    return 0 if last is None else int(last) + 1


def row_of(db: sqlite3.Connection, memory_id: str) -> int | None:
    """The row of the memory with this id, or of the only one whose id begins so."""
    memory_id = storable(memory_id)
    if found := db.execute("SELECT row FROM memories WHERE id = ?", (memory_id,)).fetchone():
        return int(found[0])
    if not memory_id:
        return None
    # Compared as a range, so that the index on ids serves and no letter is a wildcard.
    rows = db.execute(
        "SELECT row FROM memories WHERE id >= ?1 AND id < ?1 || char(1114111) LIMIT 2",
        (memory_id,),
    ).fetchall()
    return int(rows[0][0]) if len(rows) == 1 else None


def bury(db: sqlite3.Connection, graves: Graves, row: int) -> set[str]:
    """Delete a memory with its evidence, and mark what it said; the texts that were marked."""
    [text] = db.execute("SELECT text FROM memories WHERE row = ?", (row,)).fetchone()
    said = {text, *(evidence.passage for evidence in evidence_of(db, row))}
    for each in said:
        graves.bury(each)
    # What it had replaced stays replaced: the user did not ask for that back.
    db.execute(
        "UPDATE memories SET successor = NULL"
        " WHERE successor = (SELECT id FROM memories WHERE row = ?)",
        (row,),
    )
    db.execute("DELETE FROM memories WHERE row = ?", (row,))
    return said


def cut_forgotten(db: sqlite3.Connection, graves: Graves, said: set[str]) -> None:
    """Take what was forgotten out of all that still holds it: memories, evidence, exchanges."""
    where, words_of = _holding(said)
    for row, text in db.execute(
        f"SELECT row, text FROM memories WHERE {where('text')}",  # noqa: S608 - marks only
        words_of,
    ).fetchall():
        kept, was_cut = graves.without_forgotten(text)
        if was_cut and not kept.strip():
            db.execute("DELETE FROM memories WHERE row = ?", (row,))
        elif was_cut:
            moved = move(db, row, kept)
            for rule, told in db.execute(
                "SELECT rowid, text FROM rules WHERE memory = ?", (moved,)
            ).fetchall():
                if graves.holds(told):
                    db.execute("DELETE FROM rules WHERE rowid = ?", (rule,))
            db.execute(
                "UPDATE memories SET kind = 'passage' WHERE row = ?1 AND kind = 'rule'"
                " AND NOT EXISTS (SELECT 1 FROM rules WHERE memory = ?1)",
                (moved,),
            )
    for evidence, passage in db.execute(
        f"SELECT rowid, passage FROM evidence WHERE {where('passage')}",  # noqa: S608
        words_of,
    ).fetchall():
        kept, was_cut = graves.without_forgotten(passage)
        if was_cut:
            db.execute("UPDATE evidence SET passage = ? WHERE rowid = ?", (kept, evidence))
    either = f"{where('question')} OR {where('answer')}"
    for name, *texts in db.execute(
        f"SELECT id, question, answer FROM exchanges WHERE {either}",  # noqa: S608 - marks only
        [*words_of, *words_of],
    ).fetchall():
        question, answer = (graves.without_forgotten(text)[0] for text in texts)
        if question.strip() or answer.strip():
            db.execute(
                "UPDATE exchanges SET question = ?, answer = ? WHERE id = ?",
                (question, answer, name),
            )
        else:
            db.execute("DELETE FROM exchanges WHERE id = ?", (name,))


def _holding(said: set[str]) -> tuple[Callable[[str], str], list[str]]:
    """A condition that every text with one of these sentences meets, and its values."""
    longest = set()
    for text in said:
        for start, end in spans(text):
            if words_in := plain(text[start:end]).split():
                longest.add(max(words_in, key=len).strip("\"'*_`()[].,;:!?"))
    # SQLite knows upper and lower case of English letters only, and no other forms of a letter.
    if len(longest) > MOST_LOOKED_FOR or not all(text.isascii() for text in said):
        return lambda _column: "1", []
    # A part of a long word will do, and a pattern must not be too complex.
    marks = [f"%{re.sub(r'([%_!])', r'!\1', word[:40])}%" for word in sorted(longest)]
    tests = ["{column} LIKE ? ESCAPE '!'"] * len(marks) or ["0"]
    condition = f"({' OR '.join(tests)})"
    return lambda column: condition.replace("{column}", column), marks


def move(db: sqlite3.Connection, row: int, text: str) -> int:
    """Give a memory another text under a new row number, which tells every index of it."""
    [new] = db.execute(
        "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'memories' RETURNING seq"
    ).fetchone()
    db.execute("DELETE FROM vectors WHERE memory = ?", (row,))
    [speaker, created] = db.execute(
        "UPDATE memories SET row = ?, text = ?, fingerprint = ? WHERE row = ?"
        " RETURNING speaker, created",
        (new, text, fingerprint(text), row),
    ).fetchone()
    put_terms(db, new, speaker, created, text)
    # Indexes know a successor by its row.
    db.execute(
        "UPDATE memories SET successor = successor"
        " WHERE successor = (SELECT id FROM memories WHERE row = ?)",
        (new,),
    )
    return int(new)


def redact_row(
    db: sqlite3.Connection, table: str, key: str, value: object, columns: tuple[str, ...]
) -> Mapping[str, int]:
    """Apply today's rules to some columns of one row; what was found, by kind."""
    texts = db.execute(
        f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ?",  # noqa: S608 - ours
        (value,),
    ).fetchone()
    if texts is None:
        return {}  # deleted meanwhile
    found: Counter[str] = Counter()
    for column, text in zip(columns, texts, strict=True):
        cleaned = redact(text)
        found.update(cleaned.found)
        if cleaned.found:
            db.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?",  # noqa: S608 - ours
                (cleaned.text, value),
            )
    if table == "memories":
        db.execute("UPDATE memories SET checked = ? WHERE row = ?", (VERSION, value))
        if found:
            [text] = db.execute("SELECT text FROM memories WHERE row = ?", (value,)).fetchone()
            move(db, int(str(value)), text)
    if table == "notes":
        db.execute("UPDATE notes SET checked = ? WHERE number = ?", (VERSION, value))
    return found


def count_redactions(db: sqlite3.Connection, found: Mapping[str, int]) -> None:
    """Add to the counts of what was never stored."""
    db.executemany(
        "INSERT INTO redactions VALUES (?1, ?2)"
        " ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count",
        list(found.items()),
    )


def redacted[T: (Draft, Memory)](given: T) -> T:
    """The same by today's rules, if nobody has seen to that yet."""
    if given.checked == VERSION:
        return given
    return replace(
        given,
        text=redact(given.text).text,
        speaker=redact(given.speaker).text,
        rules=tuple(replace(rule, text=redact(rule.text).text) for rule in given.rules),
        evidence=tuple(replace(e, passage=redact(e.passage).text) for e in given.evidence),
        checked=VERSION,
    )


def redacted_exchange(exchange: Exchange) -> Exchange:
    """Likewise."""
    return replace(
        exchange, question=redact(exchange.question).text, answer=redact(exchange.answer).text
    )
