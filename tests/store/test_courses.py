"""The course of an edge ends where the fold does, whatever was superseded on the way."""

import apsw
from hypothesis import given
from hypothesis import strategies as st

from store import relations
from store.courses import MAX_POINTS, courses
from store.events import BotAuthored, ChatStarted, EdgeUpdated, OutcomeSuperseded
from store.ledger import Route
from store.txn import Txn

CHANGES = st.lists(st.tuples(st.integers(-200, 200), st.integers(-200, 200), st.integers(0, 3)), max_size=30)


def chat_with(db: apsw.Connection) -> tuple[Txn, int]:
    """Its three runs answer its start; none of them is ever worked on."""
    txn = Txn(db, {"chat.started": [Route(name, "play", 0) for name in ("a", "b", "c")]}, now=1)
    host = txn.append(BotAuthored(name="Ada")).id
    return txn, txn.append(ChatStarted(title="A chat", host_id=host)).id


@given(changes=CHANGES, superseded=st.sets(st.integers(1, 3)))
def test_the_course_of_an_edge_ends_where_the_fold_does(
    database: apsw.Connection, changes: list[tuple[int, int, int]], superseded: set[int]
) -> None:
    database.execute("BEGIN")
    try:
        txn, chat_id = chat_with(database)
        for number, (affinity, trust, run) in enumerate(changes):
            update = EdgeUpdated(observer_id=1, target_id=0, affinity_delta=affinity, trust_delta=trust)
            txn.append(update, chat_id=chat_id, run_id=run or None, ordinal=number)
        for run in superseded:
            txn.append(OutcomeSuperseded(superseded_run_id=run), chat_id=chat_id)
        edge = relations.edge(database, chat_id, 1, 0)
        course = courses(database, chat_id).get((1, 0))
        ends = (course[-1].affinity, course[-1].trust) if course else (0, 0)
        assert ends == (edge.affinity, edge.trust)
    finally:
        database.execute("ROLLBACK")


def test_a_long_course_keeps_its_newest_points(database: apsw.Connection) -> None:
    txn, chat_id = chat_with(database)
    for number in range(MAX_POINTS + 50):
        update = EdgeUpdated(observer_id=1, target_id=0, affinity_delta=1 if number % 2 else -1)
        last = txn.append(update, chat_id=chat_id).id
    course = courses(database, chat_id)[1, 0]
    assert (len(course), course[-1].event_id) == (MAX_POINTS, last)
