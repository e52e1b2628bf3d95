"""The data folder: permissions, room, configuration, and what lies beside the database."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ops.doctor.checks import Finding, Patient, note, ok, skipped, wrong
from pipeline.config import load
from store import backups, boots, snapshot_files, snapshots, undertakings
from store.copies import checked
from store.errors import FabulaError
from store.locks import HAS_LOCKS, try_lock
from store.rows import rows

SMALLEST_ROOM = 200 * 1024 * 1024
SECRET_MODE = 0o077
OLD_BACKUP_DAYS = 7
DAY_MS = 86_400_000
VERIFIED = 10
"""So many of the newest backups and snapshots are read to their end."""


def permissions(on: Patient) -> Iterator[Finding]:
    """Whether the folder can be written, and keys be read by nobody else."""
    folder, database, secrets = on.paths.folder, on.paths.database, on.paths.secrets
    for one in dict.fromkeys((folder, database.parent)):
        if not one.is_dir():
            yield wrong(f"There is no data folder {one}.", f"mkdir -p {one}")
        elif not os.access(one, os.W_OK | os.X_OK):
            yield wrong(f"The data folder {one} cannot be written.", f"chmod u+rwx {one}")
    if database.exists() and not os.access(database, os.R_OK | os.W_OK):
        yield wrong(f"The database {database} cannot be written.", f"chmod u+rw {database}")
    if secrets.exists() and stat.S_IMODE(secrets.stat().st_mode) & SECRET_MODE:
        yield wrong(f"{secrets} holds keys and can be read by others.", f"chmod 600 {secrets}")
    if secrets.exists() and hasattr(os, "getuid") and secrets.stat().st_uid != os.getuid():
        yield wrong(f"{secrets} belongs to another user.", f"chown $(id -u) {secrets}")
    yield ok(f"{folder} can be written, keys are private.")


def room(on: Patient) -> Iterator[Finding]:
    """Whether there is room for the story to grow, and for one more backup of it."""
    folder = on.paths.database.parent
    if not folder.is_dir():
        yield skipped("There is no data folder.")
        return
    free = shutil.disk_usage(folder).free
    size = on.paths.database.stat().st_size if on.paths.database.exists() else 0
    told = f"{free / 1e6:.0f} MB are left; the database has {size / 1e6:.1f} MB."
    if free < SMALLEST_ROOM:
        yield wrong(told, f"Free some space on the disk of {folder}.")
    elif free < 2 * size:
        yield note(f"{told} A backup would not fit for long.", f"Free some space on the disk of {folder}.")
    else:
        yield ok(told)


def configuration(on: Patient) -> Iterator[Finding]:
    """Whether config.toml, secrets.toml and the environment say something that can be done."""
    try:
        on.config = load(on.paths, on.environ)
    except FabulaError as error:
        yield wrong(error.message, error.hint)
        return
    yield ok(f"{on.paths.config} is right." if on.paths.config.exists() else "Nothing is configured.")


def processes(on: Patient) -> Iterator[Finding]:
    """Whether runs wait for a process that is gone. Locks are looked at, never taken away."""
    if on.content is None:
        yield skipped("The database cannot be read.")
        return
    with on.database() as db:
        unended = rows(
            db,
            "SELECT id, pid, (SELECT count(*) FROM run WHERE boot_id = boot.id AND state = 'running')"
            " FROM boot WHERE ended_at IS NULL",
        )
    gone = [(pid, running) for boot_id, pid, running in unended if not _lives(on, boot_id)]
    held = sum(running for _, running in gone)
    if held:
        pids = ", ".join(str(pid) for pid, running in gone if running)
        yield wrong(f"{held} run(s) are held by a process that is gone ({pids}).", on.command("drain"))
    elif gone:
        yield note(f"{len(gone)} process(es) ended without a word; they hold nothing.")
    yield ok(f"{len(unended) - len(gone)} process(es) at work.")


def _lives(on: Patient, boot_id: int) -> bool:
    return _is_held(boots.lock_folder(on.paths.database) / str(boot_id))


def _is_held(path: Path) -> bool:
    if not path.exists() or not HAS_LOCKS:
        return path.exists()
    lock = try_lock(path)
    if lock is None:
        return True
    lock.close()
    return False


def long_work(on: Patient) -> Iterator[Finding]:
    """Whether a re-embedding, a replay or a check was cut short."""
    if on.content is None or not on.current:
        yield skipped("The database cannot be read, or has an older schema.")
        return
    with on.database() as db:
        newest = undertakings.listed(db, 1)
    at_work = _is_held(undertakings.lock_path(on.paths.database))
    if newest and not at_work and newest[0].state in ("running", "interrupted"):
        again = {"reembed": "reembed", "rebuild --check": "rebuild --check"}.get(newest[0].kind, "work")
        yield note(f"The last long work, {newest[0].kind}, was cut short.", on.command(again))
        return
    yield ok("Long work is under way." if at_work else "No long work is left over.")


def kept_backups(on: Patient) -> Iterator[Finding]:
    """Whether there is a recent backup, and the newest ones read back whole."""
    found = backups.listed(on.paths.backups)
    for one in found[:VERIFIED]:
        try:
            checked(one.path)
        except FabulaError as error:
            yield wrong(f"{error.message} {error.detail}".strip(), f"rm {one.path} && {on.command('backup')}")
    if not found:
        if on.content is not None and on.content.events:
            yield note("There is no backup.", on.command("backup"))
        else:
            yield ok("There is nothing to back up yet.")
        return
    days = (on.now - found[0].made_at) // DAY_MS
    if days >= OLD_BACKUP_DAYS:
        yield note(f"The newest backup is {days} days old.", on.command("backup"))
    yield ok(f"{len(found)} backup(s), the newest {found[0].path}.")


def kept_snapshots(on: Patient) -> Iterator[Finding]:
    """Whether the newest snapshots can be read."""
    found = snapshots.listed(on.paths.snapshots)
    for one in found[:VERIFIED]:
        try:
            edited = snapshot_files.read(one.path).edited
        except FabulaError as error:
            yield wrong(error.message, f"rm {one.path}")
            continue
        if edited:
            yield note(f"{one.path} was edited by hand.", "Restore it with --accept-edited if you know why.")
    yield ok(f"{len(found)} snapshot(s).")
