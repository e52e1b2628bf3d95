"""Commands about scenes: what they are called, where they were, and what is told of them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline import story_time, wording
from pipeline.recollections import Recollections
from pipeline.scenes import Scenes, Wording
from pipeline.wording import SIGNIFICANCE
from store import places, stale, timeline, views
from store.errors import Invalid
from store.events import MemoryEdited
from store.places import Scene, SceneSummary
from store.store import Store
from store.timeline import Told
from workers import telling
from workers.cli_options import Data, Json, acted, store_of
from workers.terminal import OUT, show_json, show_table

Chat = Annotated[int, typer.Argument(help="The chat's id.")]
SceneId = Annotated[int, typer.Argument(help="The scene's id; `fabula scenes CHAT` lists them.")]


COLUMNS = ("id", "title", "place", "from", "to", "turns", "significance")


def scenes(chat: Chat, data: Data = None, as_json: Json = False) -> None:
    """The scenes of a chat, and what is told of those that are over."""
    with store_of(data) as store:
        names = telling.names_of(store.hot, views.chat(store.hot, chat))
        held = {one.id: one.container.name for one in places.places(store.hot, chat)}
        found = [one for one in timeline.told(store.hot, chat) if one.scene is not None]
        unheld = [wording.unheld(one, names) for one in stale.unheld(store.hot, chat)]
    if as_json:
        show_json([asdict(one) | {"present": sorted(one.present)} for one in found])
        return
    show_table(COLUMNS, [_row(one, held) for one in found])
    for one in found:
        for summary in one.summaries:
            who = names.get(summary.owner_id, str(summary.owner_id))
            quotes = "".join(f" “{quote}”" for quote in summary.quotes)
            old = f" ({wording.OUTDATED})" if summary.id in one.outdated else ""
            told = f"{summary.scene_id}, {who}: {summary.summary}{quotes}{old}"
            OUT.print(told, markup=False, highlight=False)
        for said in _said_of(one):
            OUT.print(said, markup=False, highlight=False)
    for words in unheld:
        OUT.print(f"{wording.HOLDS_OF_NOTHING} {words}", markup=False, highlight=False)


def _until(scene: Scene) -> str:
    """When it was over; without the day where that is the one on which it began."""
    if scene.closed_by is None or scene.closed_clock is None:
        return ""
    day, told = story_time.told(scene.clock).split(", ")[0], story_time.told(scene.closed_clock)
    return told.removeprefix(f"{day}, ")


def _said_of(one: Told) -> Iterator[str]:
    """The weather it was over in, and times it could not keep."""
    scene = one.scene
    if scene is not None and scene.weather:
        yield f"{scene.id}, weather: {scene.weather}"
    if scene is not None and one.retimed is not None:
        yield f"{scene.id}: {wording.retimed(one.retimed)}"


def _row(one: Told, held: dict[int, str]) -> dict[str, object]:
    scene = one.scene
    if scene is None:
        return {}
    return {
        "id": scene.id,
        "title": scene.title,
        "place": held.get(scene.container_id or 0, ""),
        "from": story_time.told(one.clock),
        "to": _until(scene),
        "turns": one.turns,
        "significance": SIGNIFICANCE[one.significance] + (", by hand" if one.by_hand else ""),
    }


def edit_scene(
    chat: Chat,
    scene: SceneId,
    data: Data = None,
    title: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    place: Annotated[str | None, typer.Option(help="Where it was, by name; empty where in none.")] = None,
    significance: Annotated[
        str | None, typer.Option(help='0 to 3, or "turns" for that of its most significant turn.')
    ] = None,
    begins: Annotated[str | None, typer.Option(help="When it began, as “day 2, 14:30”.")] = None,
    ends: Annotated[str | None, typer.Option(help="When it was over, likewise.")] = None,
    weather: Annotated[str | None, typer.Option(help="How the weather was, if it is over.")] = None,
) -> None:
    """Say what a scene is called, where and when it was, in what weather, and how much it matters."""
    judged = int(significance) if significance and significance.isdecimal() else significance
    when = {"begins": begins, "ends": ends, "weather": weather}
    wanted = Wording.model_validate({"title": title, "place": place, "significance": judged, **when})
    with store_of(data) as store:
        seen = places.scene(store.hot, scene).changed_by
    _say(acted(data, lambda store: Scenes(store).edit(chat, scene, wanted, seen=seen)))


def retell_scene(
    chat: Chat,
    scene: SceneId,
    who: Annotated[str, typer.Argument(help="Who tells it, by name.")],
    text: Annotated[str, typer.Argument(help="The other words.")],
    data: Data = None,
) -> None:
    """Say in other words what somebody tells of a scene."""
    with store_of(data) as store:
        told = _told_by(store, chat, scene, who)
    edited = MemoryEdited(memory_id=told.memory_id or 0, text=text)
    _say(acted(data, lambda store: Recollections(store).memory(chat, edited, seen=told.changed_by)))


def quote_scene(
    chat: Chat,
    scene: SceneId,
    who: Annotated[str, typer.Argument(help="Who tells of it, by name.")],
    quotes: Annotated[list[str] | None, typer.Argument(help="The lines to keep; none for none.")] = None,
    data: Data = None,
) -> None:
    """Say which lines are kept beside what somebody tells of a scene: all of them."""
    with store_of(data) as store:
        told = _told_by(store, chat, scene, who)
    seen, kept = told.quotes_by, tuple(quotes or ())
    _say(acted(data, lambda store: Scenes(store).quotes(chat, scene, told.owner_id, kept, seen=seen)))


def _told_by(store: Store, chat: int, scene: int, who: str) -> SceneSummary:
    names = telling.names_of(store.hot, views.chat(store.hot, chat))
    known = [one for one in places.all_summaries(store.hot, chat) if one.scene_id == scene and one.memory_id]
    found = [one for one in known if names.get(one.owner_id, "").casefold() == who.strip().casefold()]
    if len(found) != 1:
        there = ", ".join(names.get(one.owner_id, str(one.owner_id)) for one in known)
        raise Invalid(
            f"Nobody called {who!r} tells anything of scene {scene}.",
            hint=f"Those who do: {there}." if there else "It is told of when it is over.",
        )
    return found[0]


def _say(changed: int | None) -> None:
    OUT.print("Changed." if changed is not None else "Nothing was changed: it says the same.")
