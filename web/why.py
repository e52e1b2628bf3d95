"""Why does she know this, and who else does: the question on the page and over JSON."""

from typing import Any

import apsw
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import knowing, memories, views
from store.errors import Invalid
from store.knowing import Knowledge
from web.models import Out
from web.operation import Operation, answer, engine_of, number
from web.state import names_of
from web.templates import page

WHY = "/api/chats/{chat_id}/why"


class OriginOut(Out):
    """One event a piece of knowledge descends from."""

    event_id: int
    kind: str
    text: str


class KnowledgeOut(Out):
    """Something an entity has in its head; `others` hold something of the same origin."""

    form: str
    text: str
    how: str
    from_id: int | None
    origins: list[OriginOut]
    others: list[int]


def _out(one: Knowledge) -> KnowledgeOut:
    origins = [OriginOut(event_id=o.event_id, kind=o.kind, text=o.text) for o in one.origins]
    return KnowledgeOut(
        form=one.form,
        text=one.text,
        how=one.how,
        from_id=one.from_id,
        origins=origins,
        others=list(one.others),
    )


def _asked(request: Request) -> tuple[int, int, str]:
    """The chat, whose knowledge, and the words that are looked for."""
    owner_id = number(request, "owner")
    if owner_id is None:
        raise Invalid("owner is missing.", hint="Say whose knowledge: add ?owner= and the id of a bot.")
    return request.path_params["chat_id"], owner_id, request.query_params.get("text", "")


async def list_why(request: Request) -> Response:
    chat_id, owner_id, text = _asked(request)

    def read(db: apsw.Connection) -> list[KnowledgeOut]:
        views.chat(db, chat_id)
        return [_out(one) for one in knowing.why(db, chat_id, owner_id, text)]

    return answer(await engine_of(request).store.read(read), list[KnowledgeOut])


async def show_why(request: Request) -> Response:
    """The answer as a page of its own."""
    chat_id, owner_id, text = _asked(request)

    def read(db: apsw.Connection) -> dict[str, Any]:
        chat = views.chat(db, chat_id)
        found = knowing.why(db, chat_id, owner_id, text)
        everyone = {
            owner_id,
            *memories.owners(db, chat_id),
            *(other for one in found for other in one.others),
        }
        names = names_of(db, chat, sorted(everyone))
        return {"chat": chat, "owner_id": owner_id, "text": text, "found": found, "names": names}

    return page(request, "why.html", await engine_of(request).store.read(read))


OPERATIONS = (
    Operation(
        "GET",
        WHY,
        "Where a bot knows something from, and who else does",
        list_why,
        gives=list[KnowledgeOut],
        queries=("owner", "text"),
    ),
)


def routes() -> list[Route]:
    return [Route("/chats/{chat_id:id}/why", show_why)]
