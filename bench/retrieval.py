"""How well memories are found again, on data with known answers.

    python -m bench.retrieval MEMORIES.jsonl QUERIES.jsonl OUT.jsonl

Each line of the first file is one memory: {"id", "user", "session", "date", "speaker", "text"}, of
the second one question: {"id", "user", "text"}; `user` is the scope. A fresh store is filled
through the public interface, and for each question the best 50 are written, best first:
{"query_id", "ids"}. Neither the threshold nor the token budget is applied.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from recall.drafts import draft
from recall.embedding import EmbeddingSettings, embedder_of
from recall.records import Role, Scope
from recall.scopes import Stores
from recall.sqlite_store import SqliteStore

BEST = 50
AT_ONCE = 256


def main() -> None:
    """Read the arguments, and answer every question."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("memories", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--words-only", action="store_true", help="without any embedding model")
    parser.add_argument("--store", type=Path, help="keep the store in this new directory")
    arguments = parser.parse_args()

    scopes = defaultdict(list)
    for line in lines_of(arguments.memories):
        scopes[line["user"]].append(line)
    questions = defaultdict(list)
    for line in lines_of(arguments.queries):
        questions[line["user"]].append(line)

    model = EmbeddingSettings(model="none" if arguments.words_only else None)
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(arguments.store or Path(folder), embedder_of(model))
        began = time.monotonic()
        with arguments.out.open("w", encoding="utf-8") as out:
            for number, (user, memories) in enumerate(scopes.items(), start=1):
                with stores.open(Scope(f"/{user}")) as store:
                    names = fill(store, memories)
                    for question in questions[user]:
                        ids = best(store, question["text"], names)
                        out.write(json.dumps({"query_id": question["id"], "ids": ids}) + "\n")
                print(
                    f"\r{number} of {len(scopes)} scopes, {time.monotonic() - began:.0f} s",
                    end="",
                    file=sys.stderr,
                )
            for user in questions.keys() - scopes.keys():
                for question in questions[user]:
                    out.write(json.dumps({"query_id": question["id"], "ids": []}) + "\n")
        print(file=sys.stderr)
        stores.close()


def fill(store: SqliteStore, memories: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Store all memories; by the id of each stored one, the lines that it stands for.

    The same thing said twice is one memory, and so may stand for several lines.
    """
    names: dict[str, list[str]] = defaultdict(list)
    waiting = iter(memories)
    while part := list(islice(waiting, AT_ONCE)):
        drafts = [(line["id"], made) for line in part if (made := _draft(line)) is not None]
        added = store.add([made for _name, made in drafts])
        for (name, _made), memory in zip(drafts, added, strict=True):
            names[memory.id].append(name)
    store.embed_pending()
    return names


def best(store: SqliteStore, question: str, names: dict[str, list[str]]) -> list[str]:
    """The lines that answer a question best."""
    found = store.search(question, limit=BEST, seconds=60.0)
    return [name for hit in found.hits for name in names[hit.memory.id]][:BEST]


def _draft(line: dict[str, Any]) -> Any:
    date = line.get("date")
    is_assistant = line["speaker"] == "assistant"
    return draft(
        line["text"],
        role=Role.ASSISTANT if is_assistant else Role.USER,
        speaker="" if line["speaker"] in ("assistant", "user") else line["speaker"],
        session=line["session"],
        created=datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() if date else None,
    )


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The values of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


if __name__ == "__main__":
    main()
