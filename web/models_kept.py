"""What the JSON interface takes and gives about snapshots and backups."""

import shlex
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.config_paths import DataPaths
from pipeline.keeping import Preview
from store.backups import Backup
from store.events import ShortText
from store.snapshot_files import Head
from store.snapshots import Snapshot
from web.models import Out


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: ShortText = Field(default="", description="What to remember about it")


class SnapshotOut(Out):
    file: str = Field(description="Its name in the folder, by which it is asked for")
    chat_id: int
    made_at: int = Field(description="UTC, milliseconds")
    why: str
    size: int = Field(description="Bytes")
    head: Head | None = Field(description="What it says of itself; null where the file is not as written")

    @classmethod
    def of(cls, one: Snapshot) -> "SnapshotOut":
        return cls(
            file=one.path.name,
            chat_id=one.chat_id,
            made_at=one.made_at,
            why=one.why,
            size=one.size,
            head=one.head,
        )


class PreviewOut(SnapshotOut):
    events: int
    edited: bool = Field(description="It is not as Fabula wrote it; restored only when that is accepted")
    only_new: str = Field(description="Why nothing but a new chat can be made of it; empty: a branch can too")

    @classmethod
    def shown(cls, one: Preview) -> "PreviewOut":
        content = one.opened.content
        told = SnapshotOut.of(one.kept).model_dump() | {"head": content.head}
        return cls(**told, events=len(content.events), edited=one.opened.edited, only_new=one.only_new)


class SnapshotIn(BaseModel):
    """A snapshot file, as it was downloaded."""

    model_config = ConfigDict(extra="allow")
    format: Literal["fabula-snapshot"]
    version: int
    digest: str
    head: Head


class RestoreIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: Literal["chat", "branch"] = Field(
        default="chat", description="A new chat, or a branch of the one it was taken of"
    )
    accept_edited: bool = Field(default=False, description="Take a file that was edited by hand")


class RestoredOut(Out):
    chat_id: int
    branch_id: int | None = Field(description="The branch the story goes on in, or null for a new chat")


class BackupOut(Out):
    file: str
    made_at: int = Field(description="UTC, milliseconds")
    why: str
    size: int = Field(description="Bytes")
    restore: str = Field(description="The command that goes back to it, once Fabula has ended")

    @classmethod
    def of(cls, one: Backup, paths: DataPaths) -> "BackupOut":
        command = ("fabula", "restore", str(one.path.resolve()), "--data", str(paths.folder.resolve()))
        return cls(
            file=one.path.name, made_at=one.made_at, why=one.why, size=one.size, restore=shlex.join(command)
        )
