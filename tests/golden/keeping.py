"""The golden files: what is kept of a story that was played once, and how it is read again.

`log.jsonl` holds one event a line, `projections.txt` every row that folding them gives, `marks.json` six
turns and `prompts/` what those who answered them were sent; `prompts.md` says what to look for in each.
"""

import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from pipeline.prompt.budget import Budgets
from pipeline.prompt.compose import Measure, compose
from pipeline.tokens import TokenCounter
from store import rebuild, views
from store.database import connect, prepare
from store.projections import PROJECTIONS
from store.rows import rows

FOLDER = Path(__file__).parent
LOG, FOLDED, MARKS = FOLDER / "log.jsonl", FOLDER / "projections.txt", FOLDER / "marks.json"
PROMPTS = FOLDER / "prompts"
EVENT = "id, chat_id, branch_id, kind, schema, payload, cause_id, run_id, ordinal, recorded_at"
RECORDED_AT = 1_700_000_000_000
"""In the golden log an event is recorded one second after the one before; when it was played is no matter."""


def keep(db: apsw.Connection, chat_id: int, marks: Mapping[str, int]) -> None:
    """Write all golden files from a story that was just played."""
    events = [list(one) for one in rows(db, f"SELECT {EVENT} FROM event ORDER BY id")]
    for one in events:
        one[5], one[-1] = json.loads(one[5]), RECORDED_AT + 1000 * one[0]
    LOG.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in events))
    MARKS.write_text(json.dumps(marks, indent=1) + "\n")
    with tempfile.TemporaryDirectory(prefix="fabula-golden-") as folder:
        with closing(told_again(Path(folder) / "whole.db")) as story:
            FOLDED.write_text(as_text(folded(story)))
        PROMPTS.mkdir(exist_ok=True)
        for number, (name, turn_id) in enumerate(marks.items()):
            prompt = prompt_text(Path(folder) / f"{number}.db", turn_id)
            (PROMPTS / f"{name}.txt").write_text(prompt)


def told_again(path: Path, upto: int | None = None) -> apsw.Connection:
    """The golden log in a database of its own, folded, up to an event if one is named."""
    prepare(path)
    db = connect(path, query_only=False)
    db.execute("PRAGMA foreign_keys = OFF")  # the runs that found something are no part of the log
    events = [json.loads(line) for line in LOG.read_text().splitlines()]
    with db:
        for event in events:
            if upto is None or event[0] <= upto:
                event[5] = json.dumps(event[5], ensure_ascii=False)
                db.execute(f"INSERT INTO event({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", event)
        rebuild.rebuild(db)
    return db


def folded(db: apsw.Connection) -> dict[str, list[list[Any]]]:
    """Every row of every projection."""
    return {table: _rows(db, table) for table in PROJECTIONS}


def _rows(db: apsw.Connection, table: str) -> list[list[Any]]:
    return [list(one) for one in db.execute(f"SELECT * FROM {table} ORDER BY 1")]


def as_text(projections: dict[str, list[list[Any]]]) -> str:
    """One row a line, so that a difference can be read."""
    told = (
        f"{table} {json.dumps(one, ensure_ascii=False)}"
        for table, all_ in projections.items()
        for one in all_
    )
    return "\n".join(told) + "\n"


def prompt_text(path: Path, turn_id: int) -> str:
    """What the speaker who answers a turn is sent, as the log stood when the floor was given."""
    events = [json.loads(line) for line in LOG.read_text().splitlines()]
    floor = next(one for one in events if one[3] == "floor.given" and one[6] == turn_id)
    with closing(told_again(path, upto=floor[0])) as db:
        measure = Measure(TokenCounter().for_model("golden"), Budgets(), "cache")
        made = compose(db, views.turn(db, turn_id), floor[5]["speaker_id"], measure)
    if made.leaks:
        raise AssertionError(f"the prompt held what its speaker cannot know: {made.leaks}")
    return "\n".join(f"--- {one.role}\n{one.content}" for one in made.prompt.messages) + "\n"
