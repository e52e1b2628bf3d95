"""The golden story: sixty turns, two story events, a thread, an elision, a jump and a scene without you."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from store import queries, rebuild, views
from store.events import YOU
from tests.golden import script
from tests.golden.keeping import FOLDED, LOG, MARKS, PROMPTS, as_text, folded, prompt_text, told_again
from tests.golden.play import HAMPER, tell, telling

NAMES: dict[str, int] = json.loads(MARKS.read_text())


def kinds() -> Counter[str]:
    return Counter(json.loads(line)[3] for line in LOG.read_text().splitlines())


def test_the_golden_log_holds_what_the_story_is_to_show() -> None:
    of = kinds()
    assert of["turn.user"] + of["turn.assistant"] == 60
    assert of["story_event.planned"] == of["story_event.completed"] == 2
    assert (of["thread.opened"], of["time.skipped"], of["digest.surfaced"]) == (1, 2, 1)
    assert of["auto.ticked"] == 5, "four turns without Mira, and one at the end"


def test_it_folds_to_the_golden_projections(tmp_path: Path) -> None:
    with closing(told_again(tmp_path / "chat.db")) as db:
        assert as_text(folded(db)).splitlines() == FOLDED.read_text().splitlines()
        assert rebuild.check(db) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_marked_prompt_is_the_golden_one(tmp_path: Path, name: str) -> None:
    assert prompt_text(tmp_path / "chat.db", NAMES[name]) == (PROMPTS / f"{name}.txt").read_text()


def test_the_props_of_the_supper_are_in_the_prompts_while_it_lasts_and_never_again(tmp_path: Path) -> None:
    during, *after = [(PROMPTS / f"{name}.txt").read_text() for name in list(NAMES)[1:]]
    assert HAMPER.description in during
    assert not any(HAMPER.description in prompt for prompt in after)


@pytest.mark.slow
async def test_it_can_still_be_played(tmp_path: Path) -> None:
    """What is kept was played once; the story must come to the same today, run by run."""
    async with telling(tmp_path) as told:
        await tell(told)
        told.table.check()
        db, chat_id = told.table.store.hot, told.table.chat_id
        assert views.chat(db, chat_id).turns == 60
        assert queries.pending(db) == 0
        turns = views.turns_before(db, chat_id, None, 60)
        names = {None: "Mira"} | {one: views.bot(db, one).name for one in views.chat(db, chat_id).members}
        assert [(names[turn.speaker_id], turn.text) for turn in turns] == script.written()
        assert sum(YOU not in turn.present for turn in turns) == len(script.MEANWHILE)
