"""Acts in which stages are run: heads of the queue worked off as the consumer would, and run again."""

from collections.abc import Sequence

from hypothesis import strategies as st

from store import ledger, replays
from store.events import MemoryWritten, Payload
from store.ledger import Claim, Route
from store.rows import rows
from store.txn import Routes, Txn
from tests.properties.simulation import SIMULATED
from tests.properties.stories import NUMBERS, ROUTES, Act, World, of_chat
from workers import outcomes

REMEMBER = Route("remember", "bookkeeping", 0)
SUMMARIZE = Route("summarize", "bookkeeping", 0, ("remember",))
WITH_SUMMARIES: Routes = {**ROUTES, "scene.closed": (SUMMARIZE,)}
FOUND: st.SearchStrategy[list[Payload]] = st.lists(st.one_of(SIMULATED), max_size=4)


def finish_runs(which: int, found: Sequence[Payload], limit: int = 4) -> Act:
    """The next heads of the bookkeeping are done, each having found the same; one for which a story has
    written something by itself is given up."""

    def act(world: World, plain: Txn) -> None:
        txn = Txn(plain.connection, WITH_SUMMARIES, plain.now)
        txn.execute(
            "INSERT OR IGNORE INTO boot(id, pid, started_at, seen_at, code_version) VALUES (1, 1, 1, 1, 't')"
        )
        for claim in ledger.claim(txn.connection, 1, "bookkeeping", limit, now=txn.now):
            written = rows(txn.connection, "SELECT 1 FROM event WHERE run_id = ?", (claim.run_id,))
            wanted = not written and not replays.is_outdone(txn.connection, claim)
            ledger.finish(txn.connection, claim, "done" if wanted else "cancelled", now=txn.now)
            placed = [of_chat(txn.connection, claim.chat_id, which, one) for one in found]
            if wanted:
                outcomes.record(txn, claim, [_of_its_turn(claim, one) for one in placed if one is not None])

    return act


def _of_its_turn(claim: Claim, found: Payload) -> Payload:
    """What is remembered of no turn in particular is of the one that is answered."""
    if claim.stage == REMEMBER.stage and isinstance(found, MemoryWritten) and found.turn_id is None:
        return found.model_copy(update={"turn_id": claim.event_id})
    return found


def run_again(number: int, route: Route, first: int | None = None) -> Act:
    """A stage is asked to run again for all it has answered in a chat since a point in the log."""

    def act(world: World, txn: Txn) -> None:
        chat_id = world.chat(number)
        kinds = [kind for kind, routes in WITH_SUMMARIES.items() if route in routes]
        found = replays.triggers(txn.connection, chat_id, kinds, first=first, last=None)
        replays.enqueue(txn.connection, route, chat_id, found, now=txn.now)

    return act


RERUNS: st.SearchStrategy[Act] = st.one_of(
    st.builds(finish_runs, NUMBERS, FOUND),
    st.builds(run_again, NUMBERS, st.sampled_from([REMEMBER, SUMMARIZE]), st.integers(0, 30)),
)
