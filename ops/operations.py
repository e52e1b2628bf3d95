"""What a person or the night does to a story's past and its files, each as something that can be cut short.

`begin` plays a story in which every one of them has something to do. An operation on the open store is handed
that store; one on files has the data folder to itself, as the command line does.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import trio

from pipeline.config_paths import DataPaths
from pipeline.desk import Desk
from pipeline.keeping import Keeping
from pipeline.play import Play
from pipeline.rewriting import Rewriting
from pipeline.undertakings import undertake
from store import backups, ledger, purging, replays, restoring, snapshot_arrivals, snapshots
from store.attempts import Failure
from store.events import (
    BotAuthored,
    Event,
    FloorGiven,
    MemoryWritten,
    Payload,
    SignificanceScored,
    TurnAssistant,
    TurnUser,
)
from store.ledger import Claim
from store.log import event
from store.rows import rows
from store.snapshot_files import read
from store.store import Store, open_store
from store.txn import Routes, Txn
from workers import outcomes
from workers.program import pipeline_of_actors

BEGAN = 1_700_000_000_000
NOW = BEGAN + 3_600_000
BOOT = 1
WORDS = "The lamp turns above the sea, and nobody answers. " * 12
PIPELINE = pipeline_of_actors()
ROUTES: Routes = PIPELINE.routes


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to be operated on: in one chat its turns, an alternative that does not hold, a branch, a
    dead run and one that is under way; another chat; and files of both kinds, made earlier."""

    chat: int
    first_reply: int
    reply: int
    alternative: int
    branch: int
    dead: int
    claim: tuple[Any, ...]
    other_chat: int
    snapshot: str
    backup: str


@dataclass(frozen=True, slots=True)
class At:
    """Where an operation happens."""

    paths: DataPaths
    story: Story

    @classmethod
    def folder(cls, folder: Path) -> "At":
        told = json.loads((folder / "story.json").read_text(encoding="utf-8"))
        return cls(paths_in(folder), Story(**told | {"claim": tuple(told["claim"])}))


def paths_in(folder: Path) -> DataPaths:
    return DataPaths(folder, folder / "chat.db")


InStore = Callable[[Store, At], Awaitable[object]]
OnFiles = Callable[[At], object]


@dataclass(frozen=True, slots=True)
class Operation:
    """One of the two is given. `on_files` opens and closes what it needs itself."""

    name: str
    in_store: InStore | None = None
    on_files: OnFiles | None = None

    def run(self, at: At, done: Callable[[], None]) -> None:
        """Do it; `done` is called where a person would be told so."""
        if self.on_files is not None:
            self.on_files(at)
            done()
            return
        with open_store(at.paths.database, ROUTES, clock=lambda: NOW) as store:
            trio.run(self._attached, store, at)
            done()

    async def _attached(self, store: Store, at: At) -> None:
        store.writer.attach(trio.lowlevel.current_trio_token())
        if self.in_store is not None:
            await self.in_store(store, at)


def _rewriting(name: str, act: Callable[[Rewriting, Story], Awaitable[object]]) -> Operation:
    return Operation(name, lambda store, at: act(Rewriting(store, at.paths.snapshots), at.story))


def _step(name: str, step: Callable[[Txn, At], object]) -> Operation:
    return Operation(name, lambda store, at: store.writer.submit(lambda txn: step(txn, at), durable=True))


def _bring_in(txn: Txn, at: At) -> int:
    return snapshot_arrivals.bring_in(
        txn, snapshot_arrivals.checked(read(at.paths.snapshots / at.story.snapshot))
    )


async def _bring_in_as_long_work(store: Store, at: At) -> None:
    restoring = await Keeping(store, at.paths).restoring(at.paths.snapshots / at.story.snapshot)
    await undertake(store, restoring)


async def _take(store: Store, at: At) -> None:
    folder, chat = at.paths.snapshots, at.story.chat
    await store.read(lambda db: snapshots.take(db, folder, chat, why="by-hand", now=NOW))


async def _purge(store: Store, at: At) -> None:
    chat, database = at.story.other_chat, at.paths.database
    await store.writer.submit(lambda txn: purging.purge(txn, chat, database), durable=True)
    purging.tidy(database)


def _replay(txn: Txn, at: At) -> None:
    route = pipeline_of_actors().stages["remember"].route
    replays.enqueue(txn.connection, route, at.story.chat, [at.story.first_reply], now=txn.now)


def _outcome(txn: Txn, at: At) -> None:
    """A replayed stage comes to its end: what it had found before is superseded in the same commit."""
    claim = Claim(*at.story.claim)
    ledger.finish(txn.connection, claim, "done", now=txn.now)
    outcomes.record(txn, claim, [SignificanceScored(turn_id=claim.event_id, score=3)])


def _back_up(at: At) -> None:
    backups.make(at.paths.database, at.paths.backups, why="by-hand", now=NOW)


def _restore(at: At) -> None:
    restoring.restore(at.paths.backups / at.story.backup, at.paths.database, at.paths.backups, now=NOW)


OPERATIONS = (
    _rewriting("regenerate", lambda do, to: do.regenerate(to.chat, to.reply)),
    _rewriting("carry on", lambda do, to: do.regenerate(to.chat, to.reply, extend=True)),
    _rewriting("regenerate in a branch", lambda do, to: do.regenerate(to.chat, to.first_reply, branch="so")),
    _rewriting("swipe", lambda do, to: do.select(to.chat, to.alternative)),
    _rewriting("edit", lambda do, to: do.edit(to.chat, to.first_reply, "Me again.")),
    _rewriting("hide", lambda do, to: do.hide(to.chat, to.first_reply, hidden=True)),
    _rewriting("retract", lambda do, to: do.retract(to.chat, to.first_reply)),
    _rewriting("rewind", lambda do, to: do.rewind(to.chat, to.first_reply)),
    _rewriting("fork", lambda do, to: do.fork(to.chat, to.first_reply, "elsewhere")),
    _rewriting("switch", lambda do, to: do.switch(to.chat, to.branch)),
    _rewriting("undo", lambda do, to: do.undo(to.chat)),
    Operation("retry", lambda store, at: Desk(store, PIPELINE).do("retry", [at.story.dead])),
    Operation("discard", lambda store, at: Desk(store, PIPELINE).do("discard", [at.story.dead])),
    _step("replay", _replay),
    _step("outcome of a replay", _outcome),
    Operation("snapshot", _take),
    _step("restore a snapshot", _bring_in),
    Operation("restore a long snapshot", _bring_in_as_long_work),
    Operation("purge", _purge),
    Operation("backup", on_files=_back_up),
    Operation("restore", on_files=_restore),
)


def begin(folder: Path) -> None:
    """Play the story in an empty data folder."""
    ticks = count(BEGAN, 1_000)
    paths = paths_in(folder)
    with open_store(paths.database, ROUTES, clock=lambda: next(ticks)) as store:
        story = trio.run(_begun, store, paths)
    (folder / "story.json").write_text(json.dumps(asdict(story)), encoding="utf-8")


async def _begun(store: Store, paths: DataPaths) -> Story:
    store.writer.attach(trio.lowlevel.current_trio_token())
    play, rewriting = Play(store), Rewriting(store, paths.snapshots)
    await store.writer.submit(_boot)
    bot = await play.author_bot(BotAuthored(name="Ada", description="Keeps the light."))
    chat, other = [await play.start_chat(bot, title=title) for title in ("one", "two")]
    for chat_id in (chat, chat, chat, other):
        await play.send_turn(chat_id, f"Who goes there? {WORDS}")
        await store.writer.submit(_work_off)
    backup = backups.make(paths.database, paths.backups, why="by-hand", now=BEGAN)
    replies = _replies(store, chat)
    await rewriting.regenerate(chat, replies[-1])
    await store.writer.submit(_work_off)
    branch = await rewriting.fork(chat, replies[0], "aside")
    taken = await store.read(lambda db: snapshots.take(db, paths.snapshots, chat, why="by-hand", now=BEGAN))
    await rewriting.edit(chat, replies[1], "Other words.")
    dead = await _run_again(store, "remember", chat, replies[1])
    await store.writer.submit(
        lambda txn: ledger.fail(txn.connection, dead, Failure("bug", "{}"), None, now=txn.now)
    )
    claim = await _run_again(store, "significance", chat, replies[1])
    return Story(
        chat=chat,
        first_reply=replies[0],
        reply=_replies(store, chat)[-1],
        alternative=replies[-1],
        branch=branch,
        dead=dead.run_id,
        claim=tuple(claim),
        other_chat=other,
        snapshot=taken.name,
        backup=backup.path.name,
    )


def _boot(txn: Txn) -> None:
    txn.execute(
        "INSERT INTO boot(id, pid, started_at, seen_at, code_version) VALUES (?, 1, 1, 1, 'then')", (BOOT,)
    )


def _replies(store: Store, chat: int) -> list[int]:
    told = "SELECT id FROM turn WHERE chat_id = ? AND speaker_id IS NOT NULL ORDER BY anchor_id, id"
    return [turn for (turn,) in rows(store.hot, told, (chat,))]


async def _run_again(store: Store, stage: str, chat: int, turn: int) -> Claim:
    """A stage is replayed for one turn, and has begun."""
    route = pipeline_of_actors().stages[stage].route

    def step(txn: Txn) -> Claim:
        replays.enqueue(txn.connection, route, chat, [turn], now=txn.now)
        (claim,) = ledger.claim(txn.connection, BOOT, route.lane, 1, now=txn.now)
        return claim

    return await store.writer.submit(step)


def _work_off(txn: Txn) -> None:
    """Every run that is pending is done, and what came of it."""
    lanes = {route.lane for routes in ROUTES.values() for route in routes}
    while claims := [
        one for lane in sorted(lanes) for one in ledger.claim(txn.connection, BOOT, lane, 9, now=txn.now)
    ]:
        for claim in claims:
            ledger.finish(txn.connection, claim, "done", now=txn.now)
            outcomes.record(txn, claim, _found(claim.stage, event(txn.connection, claim.event_id)))


def _found(stage: str, asked: Event[Payload]) -> list[Payload]:
    """What a stage would come to, without asking anybody."""
    match stage, asked.payload:
        case "addressee", TurnUser():
            return [FloorGiven(turn_id=asked.id, speaker_id=1)]
        case "narrate", FloorGiven() as floor:
            told = TurnAssistant(speaker_id=floor.speaker_id, text=f"Me. {WORDS}", answers=floor.turn_id)
            return [told.model_copy(update={"alternative_of": floor.alternative_of})]
        case "remember", TurnUser(text=text) | TurnAssistant(text=text):
            return [
                MemoryWritten(owner_id=1, turn_id=asked.id, speaker_name="x", text=text, witnesses=(1, 0))
            ]
        case "significance", TurnUser() | TurnAssistant():
            return [SignificanceScored(turn_id=asked.id, score=1)]
    return []
