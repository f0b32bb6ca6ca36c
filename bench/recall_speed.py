"""How quick and how large the memory engine is, with so many memories in one scope.

    python -m bench.recall_speed --memories 10000
    python -m bench.recall_speed --memories 1000000 --vectors random

The store is filled by one process and measured by another, which starts fresh. With `random`
vectors the memories' own are not computed (a million of them would take an hour); the questions'
are real either way. Beside the time that passes stands the processor's, of all threads together:
what one core would take that has nothing else to do.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from recall.engine import Recall
    from recall.records import Scope
    from recall.sqlite_store import SqliteStore

SCOPE = "/bench"
PATIENCE = 120.0
SHORT = 60  # words
# What the proxy takes from its first line to its first request; the model is loaded meanwhile.
SECONDS_OF_A_START = 0.6


def main() -> None:
    """Fill, then measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--vectors", choices=("real", "random"), default="real")
    parser.add_argument("--store", type=Path, help="keep the store here, and use it if it is there")
    parser.add_argument("--step", choices=("fill", "measure"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "fill":
        return fill(arguments.store, arguments.memories, arguments.questions, arguments.vectors)
    if arguments.step == "measure":
        return measure(arguments.store)
    with tempfile.TemporaryDirectory() as folder:
        store, copy = arguments.store or Path(folder, "store"), Path(folder, "copy")
        again = [sys.executable, "-m", "bench.recall_speed", *sys.argv[1:], "--store"]
        quiet = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        if not (store / "questions.json").exists():
            subprocess.run([*again, str(store), "--step", "fill"], check=True, env=quiet)
        # Measuring stores some more, whose vectors are then made while somebody measures again.
        shutil.copytree(store, copy)
        subprocess.run([*again, str(copy), "--step", "measure"], check=True, env=quiet)
    return None


def fill(folder: Path, count: int, asked: int, vectors: str) -> None:
    """Store the memories, and the questions to ask, in a folder."""
    import numpy as np

    from bench.synthetic import Speech, drafts, questions
    from recall.embedding import MiniLM, normalised
    from recall.records import Scope
    from recall.scopes import Stores

    class Random(MiniLM):
        """Vectors that cost nothing, under the name of the real ones."""

        generator = np.random.default_rng(0)

        def embed(
            self, texts: Sequence[str]
        ) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
            made = self.generator.standard_normal((len(texts), self.dimension))
            return normalised(made.astype(np.float32))

    folder.mkdir(parents=True, exist_ok=True)
    speech = Speech()
    stores = Stores(folder, MiniLM() if vectors == "real" else Random())
    memories = list(drafts(count, speech))
    with stores.open(Scope(SCOPE)) as store:
        began = time.monotonic()
        for first in range(0, count, 500):
            store.add(memories[first : first + 500])
        taken = time.monotonic() - began
        print(f"stored {count:,} in {taken:.1f} s, {1000 * taken / count:.2f} ms each")
        began = time.monotonic()
        store.embed_pending()
        taken = time.monotonic() - began
        print(f"{vectors} vectors in {taken:.1f} s, {1000 * taken / count:.2f} ms each")
    stores.close()
    wanted = [[q.text, q.wanted] for q in questions(memories, min(asked, count), speech)]
    (folder / "questions.json").write_text(json.dumps(wanted))


def measure(folder: Path) -> None:
    """What a process that just started sees."""
    # What the idle proxy has loaded as well.
    import sqlite3

    import httpx
    import pydantic

    print(f"beside SQLite {sqlite3.sqlite_version}, httpx {httpx.__version__}, {pydantic.VERSION=}")
    idle = _resident()
    began = time.monotonic()
    from recall.embedding import MiniLM
    from recall.engine import Recall
    from recall.process import shorter_pauses
    from recall.records import Scope
    from recall.scopes import Stores

    shorter_pauses()  # as the proxy does when it begins to serve
    print(f"imports: {time.monotonic() - began:.3f} s")
    asked = [(text, wanted) for text, wanted in json.loads((folder / "questions.json").read_text())]
    scope = Scope(SCOPE)
    stores = Stores(folder, MiniLM(), tended=True)
    engine = Recall(stores)
    time.sleep(SECONDS_OF_A_START)
    began = time.monotonic()
    lag = asyncio.run(_first(engine, scope, asked[0][0]))
    print(f"first recall: {time.monotonic() - began:.3f} s, the event loop late by {lag:.1f} ms")

    for text, _wanted in asked[:20]:
        engine.recall_now(text, scope, PATIENCE)
    fresh, known, again, found = [], [], [], 0
    with stores.open(scope) as store:
        for text, wanted in asked:
            # First with its vector to be made; then a search of another size, for which the vector
            # is known and no answer is kept; then the same once more.
            question = text + " ?"
            recall = partial(engine.recall_now, question, scope, PATIENCE)
            fresh.append(_taken(recall))
            search = partial(store.search, question, limit=29, relevant_only=True, seconds=PATIENCE)
            known.append(_taken(search))
            again.append(_taken(recall))
            hits = store.search(text, limit=5, seconds=PATIENCE).hits
            found += any(hit.memory.id == wanted for hit in hits)
        size = store.stats().bytes
    is_short = [len(text.split()) < SHORT for text, _wanted in asked]
    print(f"recall with the question's vector to be made: {_spread(fresh)}")
    print(f"  the same, of questions of a sentence or two: {_spread([*compress(fresh, is_short)])}")
    print(f"search with the question's vector known:      {_spread(known)}")
    print(f"  the same, of questions of a sentence or two: {_spread([*compress(known, is_short)])}")
    print(f"recall of the same question once more:        {_spread(again)}")
    print(f"the memory asked for is among the first 5: {100 * found / len(asked):.1f} %")
    grown = (_resident() - idle) / 1e6
    print(f"resident memory above the idle proxy's: {grown:.0f} MB; file {size / 1e6:.0f} MB")

    with stores.open(scope) as store:
        _store(store, asked)
    engine.close()
    stores.close()


def _store(store: "SqliteStore", asked: list[tuple[str, str]]) -> None:
    from recall.records import Draft

    taken = []
    for number in range(200):
        draft = Draft(text=f"What was asked as number {number}: {asked[number][0]}")
        answer = Draft(text=f"What was answered as number {number}: {asked[number][0]} and more")
        taken.append(_taken(partial(store.add, [draft, answer])))
    print(f"store two memories, committed: {_spread(taken)}")


async def _first(engine: "Recall", scope: "Scope", question: str) -> float:
    """Recall for the first time; by how much another task was late meanwhile, in ms."""
    late = 0.0

    async def tick() -> None:
        nonlocal late
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late = max(late, time.perf_counter() - began - 0.001)

    ticking = asyncio.create_task(tick())
    found = await engine.recall(question, scope, deadline=PATIENCE)
    ticking.cancel()
    print(f"first answer: {found.why}")
    return 1000 * late


class Taken(NamedTuple):
    """What something took, in seconds."""

    passed: float
    processor: float


def _taken(do: Callable[[], object]) -> Taken:
    began, before = time.perf_counter(), time.process_time()
    do()
    return Taken(time.perf_counter() - began, time.process_time() - before)


def _spread(taken: list[Taken]) -> str:
    """Of the time that passed, and of the processor's."""
    passed, processor = (
        f"p50 {1000 * ordered[len(ordered) // 2]:.2f}, "
        f"p99 {1000 * ordered[int(len(ordered) * 0.99)]:.2f} ms"
        for ordered in map(sorted, zip(*taken, strict=True))
    )
    return f"{passed}; processor {processor}"


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
