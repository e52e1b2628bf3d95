"""Play the golden story: the words of `script` on a real store, with the scripted model behind every stage.

    python -m tests.golden.play

writes the golden files anew: the log it leaves, the projections of that log, and six prompts. Tests read
them. Look at what changed before you keep it: every line of difference is a change of what a speaker is told
or of what a story comes to.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

import actors
from pipeline.passing import Passing
from pipeline.plotting import Plotting
from store import plot
from store.events import YOU, Condition, Container, Effect, Opening, OpeningActivity, Prop, StoryPlan
from tests.actors.bench import Table, empty_table
from tests.fakes.behaviour import decides, says
from tests.golden import script
from tests.golden.keeping import FOLDER, keep
from tests.golden.script import Alone, Said

STAGES = tuple(one.name for one in actors.ALL if one.name != "embed")
OVER, SCORE, TOLD, LEARNT, BETWEEN = (
    f'\\"{word}\\"' for word in ("ending_words", "score", "quotes", "learnt", "memory")
)
"""Words by which the scripted model knows a decision's schema."""
HAMPER = Prop(name="willow hamper", description="packed with bread and smoked eel")
BOTTLE = Prop(name="blue bottle", description="elder cordial, corked with wax")
NIGHT = 24 * 60
"""Midnight after the first day, by the story clock."""


@dataclass
class Telling:
    """The table the story is told at, and the turns so far by their own text."""

    table: Table
    passing: Passing
    plotting: Plotting
    marks: dict[str, int] = field(default_factory=dict)
    """Name → the turn that a marked prompt answers."""

    async def exchange(self, said: Said, judging: dict[str, object] | None = None) -> int:
        """One turn of yours and its answer, with what the model decides about them."""
        self._decides(judging)
        self.table.fake.script(says(said.reply))
        return await self.table.say(said.text)

    async def exchanges(self, several: tuple[Said, ...]) -> list[int]:
        return [await self.exchange(one) for one in several]

    async def act(
        self, act: Callable[[], Awaitable[object]], *alone: Alone, judging: dict[str, object] | None = None
    ) -> None:
        """Something you do, and what the bots say by themselves because of it."""
        self._decides(judging)
        self.table.fake.script(*(says(one.text) for one in alone))
        await act()
        await self.table.settled()

    def _decides(self, judging: dict[str, object] | None) -> None:
        self.table.fake.judging = {word: decides(answer) for word, answer in (judging or {}).items()}


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[Telling]:
    """A store at work, with every stage but the one that needs an embedder."""
    async with empty_table(folder / "chat.db", *STAGES, judging={}) as table:
        yield Telling(table, Passing(table.store), Plotting(table.store))


async def tell(telling: Telling) -> None:
    """The whole story, from the greeting to the sixtieth turn."""
    table, marks = telling.table, telling.marks
    ilse = await table.bot("Ilse", description=script.ILSE, first_message=script.GREETING)
    tobin = await table.bot("Tobin", description=script.TOBIN)
    await telling.act(
        lambda: table.start(ilse, title="The ferry house", you_name="Mira", opening=script.OPENING)
    )
    house = Container(name="the ferry house", description="one room and a fire", slots=("table", "bench"))
    opening = Opening(
        container=house,
        time="evening",
        weather="wind from the river",
        activities=(OpeningActivity(entity_id=ilse, activity="splicing a rope"),),
    )
    await telling.act(lambda: table.play.confirm_opening(table.chat_id, opening))
    evening = await telling.exchanges(script.EVENING)
    marks["1 alone with Ilse"] = evening[-1]
    await telling.act(
        lambda: telling.plotting.open_thread(
            table.chat_id, "The missing page", "Somebody tore a page out of the crossing book."
        )
    )
    await telling.act(lambda: table.play.add_guest(table.chat_id, tobin, "They have never met."))
    await telling.exchanges(script.GUEST_COMES)
    for plan in plans(ilse, tobin):
        await telling.act(partial(telling.plotting.plan, table.chat_id, plan))
    supper = [await telling.exchange(one) for one in script.SUPPER[:3]]
    marks["2 at supper, with its props"] = supper[-1]
    for one in script.SUPPER[3:-1]:
        await telling.exchange(one, {SCORE: {"score": 2, "reason": "the clock runs again"}})
    await telling.exchange(script.SUPPER[-1], {OVER: script.SUPPER_ENDS})
    await telling.exchanges(script.ROWING)
    await telling.act(lambda: telling.passing.skip(table.chat_id, "elision", words="an hour later"))
    rowing = await telling.exchanges(script.AFTER_ROWING)
    marks["3 after the supper, its props gone"] = rowing[-1]
    await telling.act(
        lambda: telling.passing.skip(table.chat_id, "jump", words="the next morning"),
        judging={TOLD: script.EVENING_TOLD, BETWEEN: script.NIGHT_PASSED},
    )
    morning = await telling.exchanges(script.MORNING)
    marks["4 the morning after, the bell still open"] = morning[0]
    bell = next(one for one in plot.open_story_events(table.store.hot, table.chat_id))
    await telling.act(
        lambda: telling.plotting.complete(
            table.chat_id, bell.id, gist="The night bell rang; nobody was there."
        )
    )
    await telling.act(
        lambda: telling.passing.meanwhile(table.chat_id, len(script.MEANWHILE), script.PREMISE),
        *script.MEANWHILE,
        judging={TOLD: script.MORNING_TOLD},
    )
    back = await telling.exchange(
        script.RETURN[0], {LEARNT: script.COULD_BE_LEARNT, TOLD: script.MEANWHILE_TOLD}
    )
    rest = await telling.exchanges(script.RETURN[1:])
    marks["5 Tobin, who knows what Mira does not"] = rest[0]
    marks["6 Ilse, after the return"] = rest[-1]
    assert back < rest[0]
    await telling.act(
        lambda: telling.passing.auto(table.chat_id, len(script.ALONE_AT_LAST)), *script.ALONE_AT_LAST
    )


def plans(ilse: int, tobin: int) -> Iterator[StoryPlan]:
    """The two story events: a supper that a phrase begins, and a bell that rings when its hour has come."""
    yield StoryPlan(
        title="Supper by the water",
        description="Bread and eel on the landing, the last light on the river.",
        props=(HAMPER, BOTTLE),
        preconditions=(Condition(kind="present", entity_ids=(YOU, ilse, tobin)),),
        triggers=(Condition(kind="phrase", phrase="supper by the water"),),
        significance=2,
    )
    yield StoryPlan(
        title="The night bell",
        description="The bell of the far bank calls for the ferry, three slow strokes.",
        props=(Prop(name="bell rope", description="wet, though it has not rained"),),
        triggers=(Condition(kind="time", clock=NIGHT + 2 * 60),),
        on_start=(Effect(kind="mood", entity_id=ilse, text="uneasy about the far bank"),),
        on_complete=(
            Effect(kind="learns", entity_id=ilse, about_id=tobin, text="Tobin was awake when the bell rang"),
        ),
    )


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fabula-golden-") as folder:
        async with telling(Path(folder)) as told:
            await tell(told)
            told.table.check()
            keep(told.table.store.hot, told.table.chat_id, told.marks)
    sys.stdout.write(f"written to {FOLDER.name}/\n")


if __name__ == "__main__":
    trio.run(main)
