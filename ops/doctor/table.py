"""The table of checks, in the order in which one builds on another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from ops.doctor import database, folder, models
from ops.doctor.checks import Check, Finding, Patient, wrong

CHECKS: Sequence[tuple[str, Check]] = (
    ("permissions", folder.permissions),
    ("disk", folder.room),
    ("configuration", folder.configuration),
    ("database", database.integrity),
    ("schema", database.schema),
    ("projections", database.projections),
    ("search index", database.search_index),
    ("vectors", database.vectors),
    ("runs", database.dead_runs),
    ("processes", folder.processes),
    ("long work", folder.long_work),
    ("backups", folder.kept_backups),
    ("snapshots", folder.kept_snapshots),
    ("endpoints", models.endpoints),
    ("embedder", models.embedder),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A finding with the name of its check."""

    check: str
    finding: Finding

    def as_json(self) -> Mapping[str, str]:
        return {"check": self.check, **asdict(self.finding)}


def examined(on: Patient) -> Iterator[Told]:
    """Every check's findings as they come. Where something is wrong, that it is well otherwise is not said.

    A check that breaks off itself, on a file damaged in a way nobody foresaw, is a finding too.
    """
    for name, check in CHECKS:
        found: list[Finding] = []
        try:
            found.extend(check(on))
        except Exception as error:
            found.append(wrong(f"The check broke off: {type(error).__name__}: {error}", on.command("backup")))
        told = [one for one in found if one.state != "ok"] or found
        yield from (Told(name, one) for one in told)
