"""References: which numbers in a payload name an event, a run, an entity or a fact.

Each is marked where it is declared, so that a story can be moved to other ids without a list that somebody
would have to keep. `moved` and `referred` read the marks out of the types once per kind.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel


class Reference(StrEnum):
    """What a number names."""

    EVENT = "event"
    RUN = "run"
    ENTITY = "entity"
    FACT = "fact"


EventId = Annotated[int, Reference.EVENT]
RunId = Annotated[int, Reference.RUN]
EntityId = Annotated[int, Reference.ENTITY]
"""A bot by the event that authored it; 0 is you."""
FactId = Annotated[int, Reference.FACT]
"""A fact: the event it came with, times `MAX_FACTS`, plus its place there."""

Move = Callable[[Reference, int], int]
_Walk = Callable[[Any, Move], Any]
M = TypeVar("M", bound=BaseModel)


def moved(payload: M, move: Move) -> M:
    """The same payload with each reference replaced by what `move` says."""
    return payload.model_copy(update=_walk_of(type(payload))(payload, move))


def referred(payload: BaseModel) -> Iterator[tuple[Reference, int]]:
    """Everything the payload refers to."""
    found: list[tuple[Reference, int]] = []

    def note(to: Reference, number: int) -> int:
        found.append((to, number))
        return number

    moved(payload, note)
    yield from found


@cache
def _walk_of(model: type[BaseModel]) -> Callable[[BaseModel, Move], dict[str, Any]]:
    hints = get_type_hints(model, include_extras=True)
    walks = {name: walk for name in model.model_fields if (walk := _walk(hints[name])) is not None}

    def fields(value: BaseModel, move: Move) -> dict[str, Any]:
        return {name: walk(getattr(value, name), move) for name, walk in walks.items()}

    return fields


def _walk(hint: object) -> _Walk | None:
    """How to walk through a value of this type; None where there is no reference in it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _marked(inner) or _walk(inner[0])
    if origin in (Union, UnionType):
        return _optional(_only([walk for one in inner if (walk := _walk(one)) is not None], hint))
    if origin is tuple:
        return _each(_only([walk for one in inner if (walk := _walk(one)) is not None], hint))
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return moved
    return None


def _marked(inner: tuple[Any, ...]) -> _Walk | None:
    marks = [mark for mark in inner[1:] if isinstance(mark, Reference)]
    return (lambda value, move: move(marks[0], value)) if marks else None


def _only(walks: list[_Walk], hint: object) -> _Walk | None:
    if len(walks) > 1:
        raise TypeError(f"{hint} may refer to two kinds of thing: give each a field of its own")
    return walks[0] if walks else None


def _optional(walk: _Walk | None) -> _Walk | None:
    return walk and (lambda value, move: None if value is None else walk(value, move))


def _each(walk: _Walk | None) -> _Walk | None:
    return walk and (lambda value, move: tuple(walk(one, move) for one in value))
