"""A selection of runs: the one filter that the desk, the JSON interface and the command line share."""

from dataclasses import dataclass
from typing import Any

import apsw

from store.errors import ErrorClass, Invalid
from store.ledger import STATES
from store.replays import SET_ASIDE
from store.rows import rows

OPEN = ("waiting", "ready", "running", "backoff")
IS_OPEN = f"run.state IN {OPEN}"
RETRIABLE = ("backoff", "dead", "cancelled")
DISCARDABLE = ("waiting", "ready", "backoff", "dead")
REPLAYABLE = ("done",)


@dataclass(frozen=True, slots=True)
class Selection:
    """Runs of a stage, in a state or one of several with commas between them, of a chat, of which an attempt
    failed with an error class; whatever is None is not asked for."""

    stage: str | None = None
    state: str | None = None
    chat_id: int | None = None
    error_class: str | None = None

    def __post_init__(self) -> None:
        for state in self.states:
            if state not in STATES:
                raise Invalid(f"state: {state[:40]!r} is none.", hint=f"It is one of {', '.join(STATES)}.")
        classes = [one.value for one in ErrorClass]
        if self.error_class is not None and self.error_class not in classes:
            raise Invalid(
                f"error: {self.error_class[:40]!r} is no error class.",
                hint=f"It is one of {', '.join(classes)}.",
            )

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.state.split(",")) if self.state is not None else ()

    def where(self) -> tuple[str, list[Any]]:
        """The condition on `run` and its values. Only what is asked for stands in it, so that SQLite can
        choose an index."""
        conditions, values = ["true"], list[Any]()
        for condition, value in (
            ("run.stage = ?", self.stage),
            ("run.chat_id = ?", self.chat_id),
            ("run.id IN (SELECT run_id FROM attempt WHERE error_class = ?)", self.error_class),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return " AND ".join([*conditions, *self._of_states()]), values

    def _of_states(self) -> list[str]:
        """Written out, and once more in the words of the index that holds only such runs: SQLite takes an
        index for a part of the rows only where the condition says the same."""
        if not self.states:
            return []
        named = [f"run.state = '{state}'" for state in self.states]
        return [f"({' OR '.join(named)})", *([IS_OPEN] if set(self.states) <= set(OPEN) else [])]

    def among(self, states: tuple[str, ...]) -> tuple[str, list[Any]]:
        """The same, narrowed to what may be acted on. What was given up is meant only when it is asked for by
        name, and what was set aside because its event does not count never is."""
        condition, values = self.where()
        meant = [one for one in states if one != "cancelled" or "cancelled" in self.states]
        marks = ", ".join("?" for _ in meant)
        aside = "(run.stop IS NULL OR run.stop != ?)"
        return f"{condition} AND run.state IN ({marks}) AND {aside}", [*values, *meant, SET_ASIDE]


EVERY_RUN = Selection()


def ids(db: apsw.Connection, selection: Selection, states: tuple[str, ...]) -> list[int]:
    """The selected runs that are in one of the states, in mailbox order."""
    condition, values = selection.among(states)
    found = rows(db, f"SELECT id FROM run WHERE {condition} ORDER BY event_id, id", values)
    return [run_id for (run_id,) in found]
