"""The JSON interface to what is kept beside the log: snapshots of chats, backups of the whole database."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from web.models_kept import BackupOut, NoteIn, PreviewOut, RestoredOut, RestoreIn, SnapshotIn, SnapshotOut
from web.operation import Operation, answer, body, engine_of, number

SNAPSHOTS = "/api/snapshots"
BACKUPS = "/api/backups"


async def list_snapshots(request: Request) -> Response:
    found = await engine_of(request).keeping.snapshots(number(request, "chat"))
    return answer([SnapshotOut.of(one) for one in found], list[SnapshotOut])


async def take_snapshot(request: Request) -> Response:
    wanted, chat_id = await body(request, NoteIn), request.path_params["chat_id"]
    return answer(SnapshotOut.of(await engine_of(request).keeping.take(chat_id, wanted.note)), status=201)


async def upload_snapshot(request: Request) -> Response:
    found = await request.body()
    return answer(SnapshotOut.of(await engine_of(request).keeping.upload(found, "upload.json")), status=201)


async def show_snapshot(request: Request) -> Response:
    shown = await engine_of(request).keeping.preview(request.path_params["file"])
    return answer(PreviewOut.shown(shown))


async def download_snapshot(request: Request) -> Response:
    kept = engine_of(request).keeping.named(request.path_params["file"])
    return FileResponse(kept.path, media_type="application/json", filename=kept.path.name)


async def restore_snapshot(request: Request) -> Response:
    wanted = await body(request, RestoreIn)
    keeping = engine_of(request).keeping
    path = keeping.named(request.path_params["file"]).path
    restoring = await keeping.restoring(
        path, as_branch=wanted.to == "branch", accept_edited=wanted.accept_edited
    )
    longwork = engine_of(request).longwork
    restored = await (longwork.restored(restoring) if restoring.is_long else restoring.at_once())
    return answer(restored, RestoredOut, status=201)


async def list_backups(request: Request) -> Response:
    engine = engine_of(request)
    found = await engine.keeping.backups()
    return answer([BackupOut.of(one, engine.paths) for one in found], list[BackupOut])


async def make_backup(request: Request) -> Response:
    engine = engine_of(request)
    return answer(BackupOut.of(await engine.keeping.back_up(), engine.paths), status=201)


OPERATIONS: Sequence[Operation] = (
    Operation(
        "GET",
        SNAPSHOTS,
        "The snapshots of one chat or of all, newest first",
        list_snapshots,
        gives=list[SnapshotOut],
        queries=("chat",),
    ),
    Operation(
        "POST",
        SNAPSHOTS,
        "Keep a snapshot file; checked to its last reference first",
        upload_snapshot,
        201,
        takes=SnapshotIn,
        gives=SnapshotOut,
    ),
    Operation(
        "POST",
        "/api/chats/{chat_id}/snapshots",
        "Take a snapshot of a chat as it is now",
        take_snapshot,
        201,
        takes=NoteIn,
        gives=SnapshotOut,
    ),
    Operation("GET", SNAPSHOTS + "/{file}", "What a snapshot holds", show_snapshot, gives=PreviewOut),
    Operation(
        "GET", SNAPSHOTS + "/{file}/file", "The snapshot itself", download_snapshot, gives=dict[str, Any]
    ),
    Operation(
        "POST",
        SNAPSHOTS + "/{file}/restore",
        "Restore a snapshot as a new chat, or as a branch of the one it was taken of",
        restore_snapshot,
        201,
        takes=RestoreIn,
        gives=RestoredOut,
    ),
    Operation(
        "GET", BACKUPS, "The backups of the whole database, newest first", list_backups, gives=list[BackupOut]
    ),
    Operation("POST", BACKUPS, "Back up the whole database", make_backup, 201, gives=BackupOut),
)
