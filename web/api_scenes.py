"""The JSON interface to the scenes of a chat."""

from collections.abc import Sequence

import apsw
from starlette.requests import Request
from starlette.responses import Response

from pipeline import wording
from pipeline.scenes import Wording
from store import memories, places, stale, timeline, views
from store.timeline import Told
from web.models_scenes import QuotesIn, SceneEditIn, SceneSummaryOut, SceneToldOut, UnheldOut
from web.models_state import CorrectedOut
from web.operation import Operation, answer, body, engine_of
from web.state import names_of

SCENES = "/api/chats/{chat_id}/scenes"


async def show_scenes(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> list[SceneToldOut]:
        running = views.chat(db, chat_id).scene_id
        held = {one.id: one.container.name for one in places.places(db, chat_id)}
        return [one for told in timeline.told(db, chat_id) for one in _out(told, running, held)]

    return answer(await engine_of(request).store.read(read), list[SceneToldOut])


def _out(told: Told, running: int | None, held: dict[int, str]) -> list[SceneToldOut]:
    """A scene as the interface gives it; what was said before the first one opened is none."""
    scene = told.scene
    if scene is None:
        return []
    return [
        SceneToldOut(
            id=scene.id,
            running=scene.id == running,
            title=scene.title,
            place=held.get(scene.container_id or 0, ""),
            clock=told.clock,
            closed_clock=scene.closed_clock,
            present=tuple(sorted(told.present)),
            turns=told.turns,
            first_turn_id=told.first_turn_id,
            significance=told.significance,
            by_hand=told.by_hand,
            weather=scene.weather,
            outdated=tuple(one.owner_id for one in told.summaries if one.id in told.outdated),
            retimed=wording.retimed(told.retimed) if told.retimed is not None else "",
            summaries=tuple(SceneSummaryOut.model_validate(one) for one in told.summaries),
            changed_by=scene.changed_by,
        )
    ]


async def edit_scene(request: Request) -> Response:
    wanted, named = await body(request, SceneEditIn), request.path_params
    asked = Wording.model_validate(wanted.model_dump(exclude={"seen"}))
    scenes = engine_of(request).scenes
    edited = await scenes.edit(named["chat_id"], named["scene_id"], asked, seen=wanted.seen)
    return answer(CorrectedOut(event_id=edited))


async def edit_quotes(request: Request) -> Response:
    wanted, named = await body(request, QuotesIn), request.path_params
    scenes = engine_of(request).scenes
    edited = await scenes.quotes(
        named["chat_id"], named["scene_id"], wanted.owner_id, wanted.quotes, seen=wanted.seen
    )
    return answer(CorrectedOut(event_id=edited))


async def show_unheld(request: Request) -> Response:
    chat_id = request.path_params["chat_id"]

    def read(db: apsw.Connection) -> list[UnheldOut]:
        names = names_of(db, views.chat(db, chat_id), memories.owners(db, chat_id))
        return [
            UnheldOut(event_id=one.event.id, kind=one.event.kind, told=wording.unheld(one, names))
            for one in stale.unheld(db, chat_id)
        ]

    return answer(await engine_of(request).store.read(read), list[UnheldOut])


OPERATIONS: Sequence[Operation] = (
    Operation("GET", SCENES, "The scenes of a chat as they were told", show_scenes, gives=list[SceneToldOut]),
    Operation(
        "POST",
        SCENES + "/{scene_id}",
        "What a scene is called, where and when it was, and how much it matters",
        edit_scene,
        takes=SceneEditIn,
        gives=CorrectedOut,
    ),
    Operation(
        "POST",
        SCENES + "/{scene_id}/quotes",
        "The lines kept beside what somebody tells of a scene",
        edit_quotes,
        takes=QuotesIn,
        gives=CorrectedOut,
    ),
    Operation(
        "GET",
        "/api/chats/{chat_id}/unheld",
        "What you said of things that are not there any more",
        show_unheld,
        gives=list[UnheldOut],
    ),
)
