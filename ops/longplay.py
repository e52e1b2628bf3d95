"""A long play: you, a host and a guest on a real model, with all bookkeeping, until so many turns are told.

    python -m ops.longplay --turns 200
    python -m ops.longplay --turns 20 --model path/to/model.gguf --data somewhere

Your lines come from a list and name now one bot, now the other, now nobody; places change on the way. At the
end everything is drained and the books are checked. Prints one JSON object; exit 1 when a run died or the
projections differ from a rebuild.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from itertools import cycle
from pathlib import Path

import apsw
import trio

from pipeline.config_paths import data_paths
from store import log, queries, rebuild, views
from store.events import BotAuthored
from store.rows import rows
from workers.program import Program, open_program

LINES = (
    "Good evening, Ada. Is the lamp lit already?",
    "Bo, did you bring the thread from the harbour?",
    "*sits down by the stove* What a night.",
    "Ada, I have to tell you a secret: I was the one who broke the lens.",
    "Bo, please keep this brass key for me.",
    "Can either of you hear that knocking?",
    "Let us all go down to the boathouse. *takes the lantern and goes*",
    "Ada, what do you make of Bo?",
    "Bo, do you trust her?",
    "*waits until the morning and walks back up to the tower*",
)
HOST = BotAuthored(name="Ada", description="Keeps the lighthouse. Dry, patient, afraid of boredom alone.")
GUEST = BotAuthored(name="Bo", description="A tailor who mends what the sea has torn. Talks too much.")
MET = "They met once at the harbour and did not like each other."
DRAIN_LOOK_S = 0.2


async def play(program: Program, turns: int) -> int:
    """Play until the chat has so many turns, yours and theirs; returns the chat."""
    engine = program.engine
    host, guest = await engine.play.author_bot(HOST), await engine.play.author_bot(GUEST)
    chat_id = await engine.play.start_chat(host, title="A long night", you_name="Sam")
    await engine.play.add_guest(chat_id, guest, MET)
    for line in cycle(LINES):
        await _turn(program, chat_id, line)
        played = views.chat(engine.store.hot, chat_id).turns
        _tell(f"{played} of {turns} turns")
        if played >= turns:
            break
    return chat_id


async def _turn(program: Program, chat_id: int, text: str) -> None:
    """Send a turn and wait for its answer, as a person would; bookkeeping goes on meanwhile."""
    engine = program.engine
    with engine.feed.subscribe(chat_id, log.position(engine.store.hot)) as subscription:
        sent = await engine.play.send_turn(chat_id, text)
        async with aclosing(aiter(subscription)) as items:
            async for item in items:
                told = json.loads(item.data) if item.data else {}
                if item.event == "turn.assistant" and told["payload"]["answers"] == sent.event_id:
                    return
                if item.event == "run" and told["state"] == "dead":
                    return


async def _drained(program: Program) -> None:
    while left := queries.pending(program.engine.store.hot):
        _tell(f"{left} run(s) left")
        await trio.sleep(DRAIN_LOOK_S)


def _tell(progress: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{progress:30}", end="", file=sys.stderr, flush=True)


async def longplay(data: Path, turns: int, model: str | None) -> dict[str, object]:
    began = time.monotonic()
    async with open_program(data_paths(data, {}), model=model, environ={}) as program:
        chat_id = await play(program, turns)
        played_s = time.monotonic() - began
        await _drained(program)
        return await program.engine.store.read(lambda db: _books(db, chat_id)) | {
            "played_s": round(played_s, 1),
            "drained_s": round(time.monotonic() - began - played_s, 1),
        }


def _books(db: apsw.Connection, chat_id: int) -> dict[str, object]:
    events = Counter(kind for (kind,) in rows(db, "SELECT kind FROM event WHERE chat_id = ?", (chat_id,)))
    defaulted = rows(
        db,
        "SELECT payload ->> 'stage', payload ->> 'error_class', count(*) FROM event"
        " WHERE kind = 'decision.defaulted' GROUP BY 1, 2",
    )
    attempts = rows(
        db,
        "SELECT run.stage, count(*), count(*) FILTER (WHERE attempt.outcome = 'done'),"
        " round(avg(attempt.finished_at - attempt.started_at)) FROM attempt JOIN run ON run.id = run_id"
        " GROUP BY 1",
    )
    return {
        "events": dict(sorted(events.items())),
        "dead": len(queries.dead(db)),
        "defaulted": {f"{stage}: {why}": number for stage, why, number in defaulted},
        "attempts": {stage: {"all": n, "done": done, "mean_ms": ms} for stage, n, done, ms in attempts},
        "differences": len(rebuild.check(db)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    os.environ.setdefault("FABULA_LOG", "CRITICAL")
    with tempfile.TemporaryDirectory(prefix="fabula-longplay-") as folder:
        told = trio.run(longplay, options.data or Path(folder), options.turns, options.model)
    print(json.dumps(told, indent=1))
    sys.exit(1 if told["dead"] or told["differences"] else 0)


if __name__ == "__main__":
    main()
