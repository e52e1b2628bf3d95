"""Invariants 5 and 6: every accepted run has exactly one effect, and a mailbox is served one by one in order.

A state machine plays several workers on one file: they enqueue, claim, finish, fail, crash, lose their lease
while still believing they hold it, and come back. What the ledger promises is checked after every step.
"""

import shutil
import tempfile
from pathlib import Path

import apsw
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from store import boots, interventions, ledger, rebuild
from store.attempts import Failure
from store.database import connect, prepare
from store.events import BotAuthored, ChatStarted, FloorGiven, MemoryWritten, TurnUser
from store.ledger import Claim, Route
from store.rows import row, rows
from store.txn import Routes, Txn

STAGES = ("edges", "remember")
AWAITING = "summarize"
ROUTES: Routes = {
    "turn.user": (
        *(Route(name, "bookkeeping", number) for number, name in enumerate(STAGES)),
        Route(AWAITING, "bookkeeping", -1, awaits=STAGES),
    ),
    "floor.given": (Route("narrate", "narration", 100),),
}
LANES = ("bookkeeping", "narration")
FAILURE = Failure("connection", '{"what": "it broke"}')
_TEMPLATE: list[Path] = []


def fresh_file() -> Path:
    """A migrated database in a folder of its own."""
    if not _TEMPLATE:
        template = Path(tempfile.mkdtemp(prefix="fabula-ledger-")) / "chat.db"
        prepare(template)
        _TEMPLATE.append(template)
    folder = Path(tempfile.mkdtemp(prefix="fabula-ledger-"))
    for file in _TEMPLATE[0].parent.glob("chat.db*"):
        if file.is_file():
            shutil.copy(file, folder / file.name)
    return folder / "chat.db"


class LedgerMachine(RuleBasedStateMachine):
    """Workers are boots; what each believes it holds is kept apart from what the database says."""

    @initialize(workers=st.integers(1, 3), chats=st.integers(1, 3))
    def begin(self, workers: int, chats: int) -> None:
        self.path = fresh_file()
        self.db = connect(self.path, query_only=False)
        self.now = 1_000_000
        self.accepted: set[int] = set()
        self.believed: dict[int, list[Claim]] = {}
        self.zombies: list[Claim] = []
        self.finished: list[Claim] = []
        self.heads: set[int] = set()
        self.paused: set[str] = set()
        with self.db:
            bot = self._txn().append(BotAuthored(name="Ada"))
            started = [self._txn().append(ChatStarted(title="x", host_id=bot.id)) for _ in range(chats)]
        self.chats = [event.id for event in started]
        for _ in range(workers):
            self.start_worker()
        for chat_id in self.chats * 3:  # without someone who waits, most ways to go wrong stay shut
            self._enqueue(chat_id, floor=False)

    def _txn(self) -> Txn:
        self.now += 10
        return Txn(self.db, ROUTES, self.now)

    @rule()
    @precondition(lambda self: len(self.believed) < 4)
    def start_worker(self) -> None:
        with self.db:
            txn = self._txn()
            txn.execute(
                "INSERT INTO boot(pid, started_at, seen_at, code_version) VALUES (1, ?, ?, 'test')",
                (txn.now, txn.now),
            )
            self.believed[self.db.last_insert_rowid()] = []

    @rule(number=st.integers(0, 2), floor=st.booleans(), times=st.integers(1, 3))
    def enqueue(self, number: int, floor: bool, times: int) -> None:
        for _ in range(times):
            self._enqueue(self.chats[number % len(self.chats)], floor)

    def _enqueue(self, chat_id: int, floor: bool) -> None:
        payload = FloorGiven(turn_id=1, speaker_id=1) if floor else TurnUser(text="hello")
        with self.db:
            event = self._txn().append(payload, chat_id=chat_id)
        found = rows(self.db, "SELECT stage, id FROM run WHERE event_id = ?", (event.id,))
        queued: dict[str, int] = dict(found)
        assert set(queued) == {route.stage for route in ROUTES[payload.kind]}, "every listener has its run"
        self.accepted |= set(queued.values())

    @rule(number=st.integers(0, 2))
    def enqueue_twice(self, number: int) -> None:
        """A repeat of an enqueue is ignored."""
        with self.db:
            before = row(self.db, "SELECT count(*) FROM run")
            for event_id, chat_id in rows(self.db, "SELECT id, chat_id FROM event WHERE kind = 'turn.user'"):
                for route in ROUTES["turn.user"]:
                    ledger.enqueue(self.db, route, event_id, chat_id, now=self.now)
            assert row(self.db, "SELECT count(*) FROM run") == before

    @rule(number=st.integers(0, 3), lane=st.sampled_from(LANES), limit=st.integers(1, 4))
    @precondition(lambda self: bool(self.believed))
    def claim(self, number: int, lane: str, limit: int) -> None:
        boot_id = sorted(self.believed)[number % len(self.believed)]
        with self.db:
            claimed = ledger.claim(self.db, boot_id, lane, limit, now=self._txn().now)
            for one in claimed:
                assert one.stage not in self.paused, "a paused stage starts no run"
                self._assert_what_it_awaits_has_settled(one)
        self.believed[boot_id] += claimed
        left = rows(
            self.db,
            "SELECT priority FROM run WHERE state = 'ready' AND lane = ? AND stage NOT IN"
            " (SELECT name FROM stage WHERE paused)",
            (lane,),
        )
        taken = [row(self.db, "SELECT priority FROM run WHERE id = ?", (one.run_id,)) for one in claimed]
        assert not left or not taken or max(left) <= min(one for one in taken if one)

    def _assert_what_it_awaits_has_settled(self, claimed: Claim) -> None:
        """A dead or cancelled run is settled: it holds nobody up."""
        unsettled = rows(
            self.db,
            "SELECT stage, event_id, state FROM run WHERE chat_id = ? AND event_id <= ?"
            " AND stage IN ('edges', 'remember') AND state NOT IN ('done', 'dead', 'cancelled')",
            (claimed.chat_id, claimed.event_id),
        )
        assert claimed.stage != AWAITING or unsettled == []

    def _held(self) -> list[tuple[int, Claim]]:
        return [(boot, claim) for boot, claims in self.believed.items() for claim in claims]

    @rule(number=st.integers(0, 20))
    @precondition(lambda self: bool(self._held()))
    def finish(self, number: int) -> None:
        boot_id, claim = self._held()[number % len(self._held())]
        self.believed[boot_id].remove(claim)
        assert self._finish(claim), "a worker that holds its lease can always finish"
        self.finished.append(claim)

    @rule(number=st.integers(0, 20))
    @precondition(lambda self: bool(self.zombies))
    def a_worker_that_lost_its_lease_comes_back(self, number: int) -> None:
        claim = self.zombies.pop(number % len(self.zombies))
        before = rows(self.db, "SELECT * FROM run ORDER BY id")
        assert not self._finish(claim)
        with self.db:
            assert not ledger.fail(self.db, claim, FAILURE, None, now=self.now)
            assert not ledger.hand_back(self.db, claim, now=self.now)
        assert rows(self.db, "SELECT * FROM run ORDER BY id") == before

    def _finish(self, claim: Claim) -> bool:
        """One transaction: the end of the run and its effect."""
        with self.db:
            txn = self._txn()
            if not ledger.finish(self.db, claim, "done", now=txn.now):
                return False
            effect = MemoryWritten(owner_id=1, turn_id=1, speaker_name="x", text="x", witnesses=())
            txn.append(effect, chat_id=claim.chat_id, cause_id=claim.event_id, run_id=claim.run_id)
        return True

    @rule(number=st.integers(0, 20), again=st.booleans())
    @precondition(lambda self: bool(self._held()))
    def fail(self, number: int, again: bool) -> None:
        boot_id, claim = self._held()[number % len(self._held())]
        self.believed[boot_id].remove(claim)
        with self.db:
            due = self.now + 500 if again else None
            assert ledger.fail(self.db, claim, FAILURE, due, now=self.now)

    @rule(number=st.integers(0, 20))
    @precondition(lambda self: bool(self._held()))
    def hand_back(self, number: int) -> None:
        boot_id, claim = self._held()[number % len(self._held())]
        self.believed[boot_id].remove(claim)
        with self.db:
            assert ledger.hand_back(self.db, claim, now=self.now)

    @rule(number=st.integers(0, 3), lives_on=st.booleans())
    @precondition(lambda self: bool(self.believed))
    def crash_or_lose_the_lease_to_another(self, number: int, lives_on: bool) -> None:
        """What was taken back is at once held by somebody else: the hardest moment for a token."""
        self.crash_or_lose_the_lease(number, lives_on)
        self.start_worker()
        for lane in LANES:
            self.claim(len(self.believed) - 1, lane, 9)

    @rule(number=st.integers(0, 3), lives_on=st.booleans())
    @precondition(lambda self: bool(self.believed))
    def crash_or_lose_the_lease(self, number: int, lives_on: bool) -> None:
        boot_id = sorted(self.believed)[number % len(self.believed)]
        lost = self.believed.pop(boot_id)
        if lives_on:
            self.zombies += lost
        with self.db:
            if lives_on:
                self.now += boots.LEASE_MS + 1
                self.db.execute(
                    "UPDATE boot SET seen_at = ? WHERE id != ? AND ended_at IS NULL", (self.now, boot_id)
                )
            ledger.recover(self.db, boot_id, now=self.now)

    @rule(stage=st.sampled_from((*STAGES, AWAITING, "narrate")), paused=st.booleans())
    def a_person_pauses_or_resumes_a_stage(self, stage: str, paused: bool) -> None:
        before = rows(self.db, "SELECT * FROM run ORDER BY id")
        with self.db:
            interventions.pause(self.db, stage, paused)
        (self.paused.add if paused else self.paused.discard)(stage)
        assert ledger.paused(self.db) == self.paused, "a pause is kept until a person ends it"
        assert rows(self.db, "SELECT * FROM run ORDER BY id") == before, "a pause touches no run"

    @rule(ms=st.integers(1, 2_000))
    def time_passes(self, ms: int) -> None:
        self.now += ms
        with self.db:
            ledger.wake_due(self.db, now=self.now)

    @rule(number=st.integers(0, 20), keep=st.booleans())
    def a_person_retries_or_discards(self, number: int, keep: bool) -> None:
        found = rows(self.db, "SELECT id FROM run WHERE state IN ('dead', 'backoff', 'waiting', 'cancelled')")
        if found:
            run_id = found[number % len(found)][0]
            with self.db:
                (interventions.retry if keep else interventions.discard)(self.db, [run_id], now=self.now)

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "db"):
            assert {r for (r,) in rows(self.db, "SELECT id FROM run")} == self.accepted

    @invariant()
    def a_mailbox_has_one_head_and_whoever_waits_waits_behind_one(self) -> None:
        if not hasattr(self, "db"):
            return
        heads = rows(
            self.db,
            "SELECT stage, chat_id, count(*) FROM run WHERE state IN ('ready', 'running', 'backoff')"
            " GROUP BY stage, chat_id",
        )
        assert all(number == 1 for _, _, number in heads)
        with_head = {(stage, chat_id) for stage, chat_id, _ in heads}
        waiting = rows(self.db, "SELECT DISTINCT stage, chat_id FROM run WHERE state = 'waiting'")
        assert set(waiting) <= with_head

    @invariant()
    def whoever_becomes_head_is_the_oldest_of_its_mailbox(self) -> None:
        """Only at the moment it steps up: a person may later retry an older one, which then waits behind."""
        if not hasattr(self, "db"):
            return
        overtaken = rows(
            self.db,
            "SELECT head.id, older.id FROM run head JOIN run older USING (stage, chat_id) WHERE"
            " head.state IN ('ready', 'running', 'backoff') AND older.state = 'waiting'"
            " AND (older.event_id, older.id) < (head.event_id, head.id)",
        )
        assert [pair for pair in overtaken if pair[0] not in self.heads] == []
        heads = rows(self.db, "SELECT id FROM run WHERE state IN ('ready', 'running', 'backoff')")
        self.heads = {run_id for (run_id,) in heads}

    @invariant()
    def what_runs_is_held_by_exactly_one_live_worker(self) -> None:
        if hasattr(self, "db"):
            running = rows(self.db, "SELECT id, token FROM run WHERE state = 'running'")
            held = [(claim.run_id, claim.token) for _, claim in self._held()]
            assert sorted(running) == sorted(held)

    @invariant()
    def done_means_exactly_one_effect(self) -> None:
        if not hasattr(self, "db"):
            return
        effects = rows(self.db, "SELECT run_id, count(*) FROM event WHERE run_id IS NOT NULL GROUP BY run_id")
        assert all(number == 1 for _, number in effects)
        done = {r for (r,) in rows(self.db, "SELECT id FROM run WHERE state = 'done'")}
        assert {run_id for run_id, _ in effects} == done == {claim.run_id for claim in self.finished}

    def teardown(self) -> None:
        """Faults off and nothing paused: everything drains, and each mailbox was served in log order."""
        if not hasattr(self, "db"):
            return
        self._drain()
        left = rows(self.db, "SELECT state, count(*) FROM run GROUP BY state")
        assert {state for state, _ in left} <= {"done", "dead", "cancelled"}
        assert rebuild.check(self.db) == []
        self.db.close()
        shutil.rmtree(self.path.parent)

    def _drain(self) -> None:
        for stage in list(self.paused):
            self.a_person_pauses_or_resumes_a_stage(stage, paused=False)
        for boot_id in list(self.believed):
            self.crash_or_lose_the_lease(sorted(self.believed).index(boot_id), lives_on=False)
        self.start_worker()
        while row(self.db, "SELECT 1 FROM run WHERE state IN ('waiting', 'ready', 'backoff')"):
            settled = len(self.finished)
            self.now += 10_000
            with self.db:
                ledger.wake_due(self.db, now=self.now)
            for lane in LANES:
                self.claim(0, lane, 4)
            assert self._held(), "something is left to do and nothing can be claimed"
            mailboxes = [(claim.stage, claim.chat_id) for _, claim in self._held()]
            assert len(mailboxes) == len(set(mailboxes))
            while self._held():
                self.finish(0)
                self.whoever_becomes_head_is_the_oldest_of_its_mailbox()
            assert len(self.finished) > settled, "nobody can go on, and yet not all is done"


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_index_itself_refuses_a_second_head(database: apsw.Connection) -> None:
    """Serial mailboxes hold even against code that forgets them."""
    with database:
        txn = Txn(database, ROUTES, 1)
        chat = txn.append(ChatStarted(title="x", host_id=1))
        txn.append(TurnUser(text="a"), chat_id=chat.id)
        txn.append(TurnUser(text="b"), chat_id=chat.id)
    try:
        database.execute("UPDATE run SET state = 'ready'")
    except apsw.ConstraintError:
        return
    raise AssertionError("two heads in one mailbox")
