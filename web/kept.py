"""What is kept beside the log, as pages: the snapshots of a chat or of all, and the backups of the database.

Every act is a form that leads to a page; what could not be done is told on the page it was asked on.
"""

from typing import Any

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from store import views
from store.errors import FabulaError, Invalid, NotFound
from store.snapshot_files import MAX_BYTES
from web import api_kept
from web.errors import invalid, status_of, told
from web.models_kept import BackupOut, PreviewOut, SnapshotOut
from web.operation import engine_of
from web.templates import page
from web.typed import Typed, typed_texts

SNAPSHOTS = "/snapshots"
OF_A_CHAT = "/chats/{chat_id:id}/snapshots"
ONE = SNAPSHOTS + "/{file}"
BACKUPS = "/backups"
AROUND_A_FILE = 1024 * 1024
"""What a form adds to the file it carries."""
ROOMS = dict.fromkeys((SNAPSHOTS, api_kept.SNAPSHOTS), MAX_BYTES + AROUND_A_FILE)
"""The addresses that take a whole snapshot."""


async def _listed(request: Request, wrong: FabulaError | None = None, typed: Typed | None = None) -> Response:
    engine = engine_of(request)
    chat_id = request.path_params.get("chat_id")
    chat = views.chat(engine.store.hot, chat_id) if chat_id is not None else None
    found = await engine.keeping.snapshots(chat_id)
    values = {
        "chat": chat,
        "snapshots": [SnapshotOut.of(one) for one in found],
        "most": MAX_BYTES,
        "typed": typed or Typed(),
    }
    return _shown(request, "kept/snapshots.html", values, wrong)


def _shown(request: Request, name: str, values: dict[str, Any], wrong: FabulaError | None) -> Response:
    error = told(wrong) if wrong is not None else None
    return page(request, name, values | {"error": error}, status=status_of(wrong) if wrong else 200)


def _problem(error: ValidationError | FabulaError) -> FabulaError:
    return invalid(error) if isinstance(error, ValidationError) else error


async def show(request: Request) -> Response:
    return await _listed(request)


async def take(request: Request) -> Response:
    """Take one now."""
    chat_id = request.path_params["chat_id"]
    typed = Typed(await typed_texts(request))
    try:
        await engine_of(request).keeping.take(chat_id, typed.text("note").strip())
    except (ValidationError, FabulaError) as error:
        return await _listed(request, _problem(error), typed)
    return RedirectResponse(f"/chats/{chat_id}/snapshots", status_code=303)


async def upload(request: Request) -> Response:
    """Keep a file from elsewhere, and show what is in it."""
    try:
        kept = await engine_of(request).keeping.upload(*await _uploaded(request))
    except FabulaError as error:
        return await _listed(request, error)
    return RedirectResponse(f"{SNAPSHOTS}/{kept.path.name}", status_code=303)


async def _uploaded(request: Request) -> tuple[bytes, str]:
    async with request.form(max_files=1) as form:
        given = form.get("file")
        if not isinstance(given, UploadFile) or not given.filename:
            raise Invalid("No file was chosen.", hint="Choose a snapshot, then send it again.")
        return await given.read(), given.filename[:120]


async def _previewed(request: Request, wrong: FabulaError | None = None) -> Response:
    engine = engine_of(request)
    shown = PreviewOut.shown(await engine.keeping.preview(request.path_params["file"]))
    try:
        chat = views.chat(engine.store.hot, shown.chat_id)
    except NotFound:
        chat = None
    return _shown(request, "kept/snapshot.html", {"shown": shown, "chat": chat}, wrong)


async def preview(request: Request) -> Response:
    return await _previewed(request)


async def restore(request: Request) -> Response:
    """Restore it, and go to where the story goes on; a long one is long work, which leads there when done."""
    keeping = engine_of(request).keeping
    path = keeping.named(request.path_params["file"]).path
    typed = Typed(await typed_texts(request))
    try:
        restoring = await keeping.restoring(
            path, as_branch=typed.text("to") == "branch", accept_edited=bool(typed.text("accept_edited"))
        )
        if restoring.is_long:
            number = await engine_of(request).longwork.restore(restoring)
            return RedirectResponse(f"/work?follow={number}", status_code=303)
        restored = await restoring.at_once()
    except FabulaError as error:
        return await _previewed(request, error)
    return RedirectResponse(f"/chats/{restored.chat_id}", status_code=303)


async def _backed_up(request: Request, wrong: FabulaError | None = None) -> Response:
    engine = engine_of(request)
    found = [BackupOut.of(one, engine.paths) for one in await engine.keeping.backups()]
    return _shown(request, "kept/backups.html", {"backups": found}, wrong)


async def show_backups(request: Request) -> Response:
    return await _backed_up(request)


async def back_up(request: Request) -> Response:
    """Make one now."""
    try:
        await engine_of(request).keeping.back_up()
    except FabulaError as error:
        return await _backed_up(request, error)
    return RedirectResponse(BACKUPS, status_code=303)


def routes() -> list[Route]:
    return [
        Route(SNAPSHOTS, show),
        Route(SNAPSHOTS, upload, methods=["POST"]),
        Route(OF_A_CHAT, show),
        Route(OF_A_CHAT, take, methods=["POST"]),
        Route(ONE, preview),
        Route(f"{ONE}/file", api_kept.download_snapshot),
        Route(f"{ONE}/restore", restore, methods=["POST"]),
        Route(BACKUPS, show_backups),
        Route(BACKUPS, back_up, methods=["POST"]),
    ]
