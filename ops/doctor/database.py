"""The database: its pages, its schema, what is shown of the log, and the search beside it."""

from collections.abc import Iterator

import apsw

from ops.doctor.checks import Finding, Patient, note, ok, skipped, wrong
from store import backups, embeddings, queries, rebuild, remembered
from store.copies import checked
from store.database import MIGRATIONS
from store.errors import DataFromNewerVersion, FabulaError, NotFound
from store.rows import row, rows

FLOAT_BYTES = 4
SHOWN = 3


def integrity(on: Patient) -> Iterator[Finding]:
    """Whether every page and index can be read, the links within hold, and the log's triggers are there."""
    database = on.paths.database
    try:
        on.content = checked(database)
    except NotFound:
        yield note(f"There is no database {database} yet.", on.command("serve"))
        return
    except DataFromNewerVersion as error:
        yield wrong(error.message, "Start that newer version, or give another folder with --data.")
        return
    except (FabulaError, apsw.Error, OSError) as error:
        told = f"{error.message} {error.detail}".strip() if isinstance(error, FabulaError) else str(error)
        yield wrong(told, _restored(on))
        return
    with on.database() as db:
        triggers = {name for (name,) in rows(db, "SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    for missing in sorted({"event_is_never_updated", "event_is_never_deleted"} - triggers):
        yield wrong(f"The log lacks its trigger {missing}: somebody was at it by hand.", _restored(on))
    yield ok(f"{database}: {on.content.events} event(s), every page reads.")


def _restored(on: Patient) -> str:
    """The way back from a damaged file: the newest backup that is whole."""
    for one in backups.listed(on.paths.backups):
        try:
            checked(one.path)
        except (FabulaError, apsw.Error, OSError):
            continue
        return on.command(f"restore {one.path}")
    return f"There is no backup to go back to. Keep a copy of {on.paths.database}, then move it away."


def schema(on: Patient) -> Iterator[Finding]:
    """Whether the file has every migration of this Fabula."""
    if on.content is None:
        yield skipped("The database cannot be read.")
        return
    known = sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))
    lacking = [name for name in known if name not in on.content.migrations]
    if lacking:
        yield note(
            f"The next start brings the database up to date: {', '.join(lacking)}.", on.command("status")
        )
        return
    with on.database() as db:
        folded = db.pragma("user_version")
    on.current = folded == len(known)
    if not on.current:
        yield note("The next start folds the log again after a migration.", on.command("status"))
        return
    yield ok(f"The schema is current: {known[-1]}.")


def projections(on: Patient) -> Iterator[Finding]:
    """Whether what is shown is what the log tells, the search index included."""
    if on.content is None or not on.current:
        yield skipped("The database cannot be read, or has an older schema.")
        return
    try:
        with on.database() as db:
            differences = rebuild.check(db)
    except (ValueError, FabulaError, apsw.Error) as error:
        yield wrong(f"An event of the log cannot be read: {error}", _restored(on))
        return
    if differences:
        first = ", ".join(f"{one.table} {one.row_id}" for one in differences[:SHOWN])
        yield wrong(f"{len(differences)} row(s) are not what the log tells: {first}.", on.command("rebuild"))
        return
    yield ok("What is shown is what the log tells.")


def search_index(on: Patient) -> Iterator[Finding]:
    """Whether each memory is in the full-text index, and nothing else."""
    if on.content is None or not on.current:
        yield skipped("The database cannot be read, or has an older schema.")
        return
    with on.database() as db:
        lacking = _count(db, "SELECT count(*) FROM memory WHERE id NOT IN (SELECT rowid FROM memory_text)")
        stray = _count(db, "SELECT count(*) FROM memory_text WHERE rowid NOT IN (SELECT id FROM memory)")
    if lacking or stray:
        yield wrong(
            f"The search index lacks {lacking} memories and has {stray} that are none.", on.command("rebuild")
        )
        return
    yield ok("Every memory is in the search index.")


def vectors(on: Patient) -> Iterator[Finding]:
    """Whether the vector cache holds what memories have, and what answers is complete."""
    if on.content is None or not on.current:
        yield skipped("The database cannot be read, or has an older schema.")
        return
    with on.database() as db:
        orphans = remembered.orphans(db)
        uneven = rows(
            db,
            "SELECT model, count(DISTINCT length(vector)) FROM vector GROUP BY model"
            f" HAVING count(DISTINCT length(vector)) > 1 OR min(length(vector)) % {FLOAT_BYTES} != 0",
        )
        answering = embeddings.answering(db)
        lacking = _lacking(db, answering.model) if answering is not None else 0
    if orphans:
        yield wrong(f"{len(orphans)} text(s) have a vector and no memory.", on.command("reembed --tidy"))
    for model, _ in uneven:
        yield wrong(
            f"The vectors of {model} are of several lengths: the model behind the name has changed.",
            on.command("reembed --all"),
        )
    if answering is None:
        yield ok("Memories are found by their words: there was no embedder yet.")
    elif lacking:
        yield note(f"{lacking} text(s) lack a vector of {answering.model}.", on.command("reembed"))
    else:
        yield ok(f"Memories are found by words and by {answering.model}.")


def _lacking(db: apsw.Connection, model: str) -> int:
    known = embeddings.digests(db, model)
    return len({embeddings.digest_of(one.said) for one in remembered.texts(db)} - known)


def dead_runs(on: Patient) -> Iterator[Finding]:
    """Whether steps were given up and wait for a person."""
    if on.content is None:
        yield skipped("The database cannot be read.")
        return
    with on.database() as db:
        dead = queries.dead(db)
        paused = [name for (name,) in rows(db, "SELECT name FROM stage WHERE paused")]
    if dead:
        yield note(f"{len(dead)} run(s) are dead.", on.command("retry --all"))
    for name in paused:
        yield note(f"The stage {name} is paused.")
    if not dead and not paused:
        yield ok("No run is dead, no stage paused.")


def _count(db: apsw.Connection, sql: str) -> int:
    found = row(db, sql)
    return int(found[0]) if found else 0
