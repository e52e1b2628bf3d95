"""Reading the dialogue: in order, as far as wanted, and without holding the reader to an old snapshot."""

from pathlib import Path

from store import log, views
from store.events import BotAuthored, ChatStarted, TurnAssistant, TurnUser
from store.store import Store, open_store


def _chat_of(store: Store, turns: int) -> list[int]:
    bot = store.writer.call(lambda txn: txn.append(BotAuthored(name="Ada")))
    chat = store.writer.call(lambda txn: txn.append(ChatStarted(title="x", host_id=bot.id)))
    return store.writer.call(
        lambda txn: [txn.append(TurnUser(text=f"turn {n}"), chat_id=chat.id).id for n in range(turns)]
    )


def test_a_dialogue_half_read_does_not_hide_what_is_committed_next(tmp_path: Path) -> None:
    with open_store(tmp_path / "chat.db", {}) as store:
        turn_ids = _chat_of(store, 200)
        half_read = views.dialogue_back_from(store.hot, turn_ids[-1])
        assert next(half_read).id == turn_ids[-1]
        assert next(half_read).id == turn_ids[-2]
        added = store.writer.call(lambda txn: txn.append(BotAuthored(name="Bea")))
        assert log.event(store.hot, added.id).payload == added.payload
        assert [turn.id for turn in half_read] == turn_ids[-3::-1]


def test_an_answer_stands_with_the_turn_it_answers(tmp_path: Path) -> None:
    with open_store(tmp_path / "chat.db", {}) as store:
        first, second = _chat_of(store, 2)
        chat_id = views.turn(store.hot, first).chat_id
        said = TurnAssistant(speaker_id=1, text="late", answers=first)
        late = store.writer.call(lambda txn: txn.append(said, chat_id=chat_id))
        shown = views.turns_before(store.hot, chat_id, None, 10)
        assert [turn.id for turn in shown] == [first, late.id, second]
        assert [turn.id for turn in views.dialogue_back_from(store.hot, late.id)] == [late.id, first]
        assert [turn.id for turn in views.turns_before(store.hot, chat_id, second, 1)] == [late.id]
