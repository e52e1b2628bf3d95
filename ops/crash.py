"""The crash harness: the real program, real turns, and SIGKILL at random instants.

    python -m ops.crash --kills 100
    python -m ops.crash --kills 10 --auto
    python -m ops.crash --kills 10 --storage stock

Against Fabula, the endpoint is the scripted fake, streaming slowly enough to be cut anywhere; in one of the
chats the past is rewritten between the turns. Afterwards what is left is drained and the books are checked
from outside. With `--auto` the bots of one chat go on by themselves instead, for a set number of turns.
Against stock Huey, chains of tasks stand for turns: the same kills lose some, which shows that this harness
can fail. Prints one JSON object; exit 1 on a violation.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import httpx

from ops.bench.server import narrate_with, served
from ops.lives import PLACE, START_LIMIT_S, life
from ops.stock_huey import crash_stock
from store import rebuild
from store.database import connect
from store.live import is_live
from store.rows import row, rows

LANES = 3
CHATS = 3
ONE_OF_A_RUN = "kind IN ('turn.assistant', 'floor.given', 'significance.scored') AND run_id IS NOT NULL"
"""Of these a run records one at most; of others, such as the edges of a turn, several belong together."""
LONGEST_LIFE_S = 1.2
DRAIN_LIMIT_S = 120


@dataclass
class Books:
    """What the harness knows from outside: what it sent, what was acknowledged, what it saw half written."""

    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    partials: dict[int, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)


@contextmanager
def fake_model() -> Iterator[str]:
    """The scripted endpoint, as a process of its own; gives its base_url."""
    command = [sys.executable, "-m", "tests.fakes.endpoint", "--pace-ms", "4", "--tokens", "40"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout.readline().strip() if process.stdout else "") + "/v1"
        finally:
            process.terminate()


def crash_fabula(kills: int, chance: random.Random) -> dict[str, object]:
    """Each lane has a data folder of its own; a life is mostly waiting, so several are lived at once."""
    shares = [kills // LANES + (lane < kills % LANES) for lane in range(LANES)]
    chances = [random.Random(chance.random()) for _ in shares]
    with fake_model() as model, ThreadPoolExecutor(LANES) as lanes:
        found = list(lanes.map(lambda share, drawn: _lane(model, share, drawn), shares, chances))
    return {
        "kills": kills,
        "turns_acknowledged": sum(len(books.acknowledged) for books in found),
        "partials_seen": sum(len(books.partials) for books in found),
        "violations": [one for books in found for one in books.violations],
    }


def _lane(model: str, kills: int, chance: random.Random) -> Books:
    books = Books()
    with tempfile.TemporaryDirectory(prefix="fabula-crash-", dir=PLACE) as name:
        data = Path(name)
        narrate_with(data, model)
        chats = _begin(data)
        for _ in range(kills):
            _live_and_die(data, chats, books, chance)
        _drain(data)
        _check(data / "chat.db", books, chats[-1])
    return books


def crash_auto(kills: int, chance: random.Random) -> dict[str, object]:
    """The bots go on by themselves, and are set going anew where they have ended; each time for so many turns
    and not one more, however often the process dies on the way."""
    books = Books()
    with tempfile.TemporaryDirectory(prefix="fabula-crash-", dir=PLACE) as name, fake_model() as model:
        data = Path(name)
        narrate_with(data, model)
        with served(data) as server, httpx.Client(base_url=server.address, timeout=START_LIMIT_S) as client:
            ada, bea = (client.post("/api/bots", json={"name": one}).json()["id"] for one in ("Ada", "Bea"))
            chat_id = client.post("/api/chats", json={"host_id": ada, "guest_id": bea}).json()["id"]
            client.post(f"/api/chats/{chat_id}/turns", json={"text": "Ada, go on."})
        for _ in range(kills):
            with life(data) as living:
                dies_at = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_S)
                with httpx.Client(base_url=living.address, timeout=START_LIMIT_S) as client:
                    if not client.get(f"/api/chats/{chat_id}/time").json()["auto_left"]:
                        client.post(f"/api/chats/{chat_id}/auto", json={"turns": chance.randint(2, 6)})
                time.sleep(max(0.0, dies_at - time.monotonic()))
                living.kill()
        _drain(data)
        with _reading(data / "chat.db") as db:
            asked, said = _check_auto(db, books)
            _check_runs(db, books)
            books.expect(rebuild.check(db) == [], "a rebuild differs from the live projections")
    return {"kills": kills, "asked": asked, "said": said, "violations": books.violations}


def _check_auto(db: apsw.Connection, books: Books) -> tuple[int, int]:
    """For each word on auto-mode as many turns as it asked for, one after the other, and nothing lost."""
    words = rows(db, "SELECT id, payload ->> 'turns' FROM event WHERE kind = 'auto.set' ORDER BY id")
    spoken = (
        "SELECT count(*) FROM event said JOIN event floor ON floor.id = said.payload ->> 'unprompted_at'"
        " WHERE said.kind = 'turn.assistant' AND floor.cause_id > ? AND floor.cause_id < ?"
    )
    total = 0
    for (word, asked), (until, _) in zip(words, [*words[1:], (2**62, 0)], strict=True):
        said = (row(db, spoken, (word, until)) or (0,))[0]
        books.expect(said == asked, f"{asked} turns were asked for, {said} said")
        total += said
    return sum(asked for _, asked in words), total


def _begin(data: Path) -> list[int]:
    with served(data) as server, httpx.Client(base_url=server.address, timeout=START_LIMIT_S) as client:
        bot = client.post("/api/bots", json={"name": "Ada"}).json()["id"]
        return [client.post("/api/chats", json={"host_id": bot}).json()["id"] for _ in range(CHATS)]


def _live_and_die(data: Path, chats: list[int], books: Books, chance: random.Random) -> None:
    """One life: repeat what was not acknowledged, send more, be killed in the middle."""
    with life(data) as server:
        dies_at = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_S)
        try:
            with httpx.Client(base_url=server.address, timeout=LONGEST_LIFE_S) as client:
                _send_until(dies_at, client, chats, books, chance)
        except httpx.HTTPError:
            books.expect(server.goes_on, "the server ended by itself")
        server.kill()
    with _reading(data / "chat.db") as db:
        for run_id, text in rows(db, "SELECT run_id, text FROM partial"):
            books.partials[run_id] = text


def _send_until(
    dies_at: float, client: httpx.Client, chats: list[int], books: Books, chance: random.Random
) -> None:
    pending = [key for key in books.sent if key not in books.acknowledged]
    while time.monotonic() < dies_at:
        key = pending.pop() if pending else f"turn {len(books.sent)} of {os.getpid()}"
        chat_id = chats[int(key.split()[1]) % len(chats)]
        books.sent[key] = key
        answer = client.post(
            f"/api/chats/{chat_id}/turns", json={"text": key}, headers={"idempotency-key": key}
        )
        books.expect(answer.status_code == 202, f"{key}: {answer.status_code} {answer.text}")
        books.acknowledged.add(key)
        if chat_id == chats[-1]:
            _rewrite(client, chat_id, books, chance)
        time.sleep(chance.uniform(0, 0.15))


def _rewrite(client: httpx.Client, chat_id: int, books: Books, chance: random.Random) -> None:
    """One act upon the past of a chat, whatever it may be good for; it may be refused, but not break."""
    chat = f"/api/chats/{chat_id}"
    turn = chance.choice(client.get(f"{chat}/turns?limit=12").json())
    branch = chance.choice(client.get(f"{chat}/branches").json())
    about = f"{chat}/turns/{turn['id']}"
    path, sent = chance.choice(
        [
            (f"{about}/alternatives", {"extend": False}),
            (f"{about}/alternatives", {"extend": True}),
            (f"{chat}/turns/{chance.choice(turn['alternatives'] or [turn['id']])}/select", None),
            (f"{about}/change", {"text": f"{turn['text']}!"}),
            (f"{about}/change", {"hidden": not turn["hidden"]}),
            (f"{about}/retract", {}),
            (f"{chat}/rewind", {"turn_id": turn["id"]}),
            (f"{chat}/branches", {"turn_id": turn["id"], "name": "aside"}),
            (f"{chat}/branches/{branch['id']}", {"active": True}),
            (f"{chat}/undo", None),
        ]
    )
    answer = client.post(path, json=sent)
    books.expect(answer.status_code in (200, 201, 202, 404, 409), f"{path}: {answer.text}")


@contextmanager
def _reading(database: Path) -> Iterator[apsw.Connection]:
    db = connect(database, query_only=True)
    try:
        yield db
    finally:
        db.close()


def _drain(data: Path) -> None:
    command = [sys.executable, "-c", "from workers.cli import main; main()", "drain", "--data", str(data)]
    subprocess.run([*command, "--timeout", str(DRAIN_LIMIT_S)], check=False, stdout=subprocess.DEVNULL)


def _check(database: Path, books: Books, rewritten: int) -> None:
    """Every acknowledged turn once, one effect a run, no partial lost, projections as the log says."""
    with _reading(database) as db:
        texts = [
            text
            for (text,) in rows(
                db, "SELECT json_extract(payload, '$.text') FROM event WHERE kind = 'turn.user'"
            )
        ]
        for key in books.sent:
            number = texts.count(key)
            books.expect(number == 1 if key in books.acknowledged else number <= 1, f"{key}: {number} times")
        _check_runs(db, books)
        _check_replies(db, books, rewritten)
        books.expect(rebuild.check(db) == [], "a rebuild differs from the live projections")
        books.expect(row(db, "PRAGMA integrity_check") == ("ok",), "the database is damaged")


def _check_runs(db: apsw.Connection, books: Books) -> None:
    unsettled = [
        told
        for event_id, *told in rows(
            db,
            "SELECT event_id, run.id, stage, state, stop, crashes, error FROM run LEFT JOIN attempt a"
            " ON a.run_id = run.id AND a.token = run.token WHERE state != 'done'",
        )
        if is_live(db, event_id)
    ]
    books.expect(not unsettled, f"runs not done: {unsettled[:5]}")
    twice = rows(db, "SELECT run_id FROM attempt WHERE outcome = 'done' GROUP BY run_id HAVING count(*) > 1")
    twice += rows(db, f"SELECT run_id FROM event WHERE {ONE_OF_A_RUN} GROUP BY run_id HAVING count(*) > 1")
    books.expect(not twice, f"runs with two effects: {twice[:5]}")
    left = rows(db, "SELECT run_id FROM partial")
    books.expect(not left, f"partials left over: {left[:5]}")


def _check_replies(db: apsw.Connection, books: Books, rewritten: int) -> None:
    """In the chat whose past is rewritten, an answer may have been taken out."""
    unanswered = rows(
        db,
        "SELECT turn.id, count(a.id) FROM turn LEFT JOIN turn a ON a.answers = turn.id"
        " WHERE turn.speaker_id IS NULL GROUP BY turn.id"
        " HAVING count(a.id) > 1 OR (count(a.id) = 0 AND turn.chat_id != ?)",
        (rewritten,),
    )
    books.expect(not unanswered, f"turns without exactly one answer: {unanswered[:5]}")
    unremembered = rows(
        db,
        "SELECT turn.id, count(m.id) FROM turn LEFT JOIN memory m ON m.turn_id = turn.id"
        " GROUP BY turn.id HAVING count(m.id) != 1",
    )
    books.expect(not unremembered, f"turns without exactly one memory: {unremembered[:5]}")
    told = "SELECT run_id, payload ->> 'text' FROM event WHERE kind = 'turn.assistant' AND run_id IS NOT NULL"
    replies: dict[int, str] = dict(rows(db, told))
    for run_id, partial in books.partials.items():
        kept = replies.get(run_id, "").startswith(partial.strip())
        books.expect(kept, f"run {run_id}: its partial text was lost")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--auto", action="store_true")
    options.add_argument("--storage", choices=("fabula", "stock"), default="fabula")
    chosen = options.parse_args()
    os.environ.setdefault("FABULA_EMBED", "off")  # a hundred restarts would load its model as often
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(2**32)
    crash = crash_stock if chosen.storage == "stock" else crash_auto if chosen.auto else crash_fabula
    found = {"seed": seed, **crash(chosen.kills, random.Random(seed))}
    print(json.dumps(found))
    sys.exit(1 if found["violations"] else 0)


if __name__ == "__main__":
    main()
