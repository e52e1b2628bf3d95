"""Events and their stored form: which kinds there are, how they are written, how older versions are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import pydantic

from store.errors import StoreFailed
from store.events.payload import Payload

P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[P_co]):
    """One line of the log. `cause_id` is the event it answers; `recorded_at` is UTC in milliseconds."""

    id: int
    chat_id: int | None
    branch_id: int | None
    payload: P_co
    cause_id: int | None
    run_id: int | None
    ordinal: int
    recorded_at: int

    @property
    def kind(self) -> str:
        return self.payload.kind


def _kinds_of(base: type[Payload]) -> dict[str, type[Payload]]:
    found: dict[str, type[Payload]] = {}
    for payload_type in base.__subclasses__():
        if payload_type.kind:
            found[payload_type.kind] = payload_type
        found.update(_kinds_of(payload_type))
    return found


@cache
def kinds() -> Mapping[str, type[Payload]]:
    """Every kind of event by its name."""
    return _kinds_of(Payload)


def encode(payload: Payload) -> str:
    """The stored form: compact JSON, fields in declaration order."""
    return payload.model_dump_json()


def decode(kind: str, version: int, stored: str) -> Payload:
    """Read a stored payload, bringing an older version up to date first.

    Raises:
        StoreFailed: the kind or version is unknown to this Fabula, or the text does not fit its kind.
    """
    payload_type = kinds().get(kind)
    if payload_type is None or version > payload_type.schema_version:
        raise StoreFailed(
            f"The log holds an event {kind!r} of version {version}, which this Fabula does not know.",
            hint="Start the Fabula that wrote this data folder, or a later one.",
        )
    try:
        if version == payload_type.schema_version:
            return payload_type.model_validate_json(stored)
        return payload_type.model_validate(_upcast(payload_type, version, stored))
    except pydantic.ValidationError as error:
        raise StoreFailed(
            f"A stored event {kind!r} does not fit its kind: the database is damaged or was edited by hand.",
            hint="Restore a backup of the data folder.",
            detail=str(error),
        ) from error


def _upcast(payload_type: type[Payload], version: int, stored: str) -> dict[str, Any]:
    fields = pydantic.TypeAdapter(dict[str, Any]).validate_json(stored)
    for old in range(version, payload_type.schema_version):
        fields = payload_type.upcasts[old](fields)
    return fields
