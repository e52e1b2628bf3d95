"""Uploads: a snapshot that somebody brings, put beside those that were taken here."""

from pathlib import Path

from store import snapshots
from store.database import writable_folder
from store.errors import StoreFailed
from store.placing import placed
from store.snapshot_arrivals import checked
from store.snapshot_files import opened


def keep(folder: Path, found: bytes, called: str) -> Path:
    """Check a file to its last reference and keep it, byte for byte; one that is here already is that one.

    It counts as made by hand, whoever made it: nothing takes it away but a person. That it was edited is said
    when it is restored.

    Raises:
        Invalid, DataFromNewerVersion: it is no snapshot that could be restored; `called` is how the message
            names it.
        StoreFailed: the folder cannot be written.
    """
    head = checked(opened(Path(called), found), accept_edited=True).opened.content.head
    writable_folder(folder)
    for one in snapshots.listed(folder, chat_id=head.chat_id):
        if one.size == len(found) and one.path.read_bytes() == found:
            return one.path
    path = snapshots.free_path(folder, head.chat_id, "by-hand", head.made_at)
    try:
        with placed(path) as part:
            part.write_bytes(found)
    except OSError as error:
        raise StoreFailed(
            f"The snapshot {path} could not be written.", hint="Check the disk.", detail=str(error)
        ) from error
    return path
