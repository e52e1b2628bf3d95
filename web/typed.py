"""What was typed into a form: its texts as the models take them, and shown again when something was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from starlette.requests import Request

from web.models import MAX_ID_DIGITS, ErrorText

Texts = Mapping[str, Sequence[str]]
KEY = "form"
"""The hidden field that says which of the page's forms it was."""


async def typed_texts(request: Request) -> dict[str, list[str]]:
    """A form's texts with plain line ends, each field's in order; a file in a text's place is nothing."""
    texts: dict[str, list[str]] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                texts.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return texts


def fields_of(texts: Texts, model: type[BaseModel]) -> dict[str, Any]:
    """The values for a model: a list is one thing a line or several boxes, a box that is not sent is not
    ticked, a number that was left empty is not given."""
    values: dict[str, Any] = {}
    for name, described in model.model_fields.items():
        kinds = _kinds(described.annotation)
        given = texts.get(name)
        if bool in kinds:
            values[name] = bool(given)
        elif tuple in kinds:
            lines = [line.strip() for text in given or () for line in text.split("\n")]
            values[name] = [line for line in lines if line]
        elif given and not (int in kinds and type(None) in kinds and not given[0].strip()):
            values[name] = given[0]
    return values


def _kinds(annotation: Any) -> set[Any]:  # noqa: ANN401 - a type form
    """The types that a value may have, whatever else is asked of it."""
    if get_origin(annotation) in (Union, UnionType):
        return {kind for one in get_args(annotation) for kind in _kinds(one)}
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    return {get_origin(annotation) or annotation}


@dataclass(frozen=True)
class Typed:
    """What a person typed into one form, and what was wrong with it; empty when a page is simply shown.

    `conflict` says that the form shows a state which the person has not seen before: sent again, it counts.
    """

    texts: Texts = field(default_factory=dict)
    error: ErrorText | None = None
    conflict: bool = False

    def failed(self, key: str) -> bool:
        return self.error is not None and key == self.text(KEY)

    def text(self, name: str) -> str:
        return "".join(self.texts.get(name, ())[:1])

    def id(self, name: str) -> int:
        """What a hidden field or a list names; −1, which nobody has, when it is no id."""
        given = self.text(name)
        return int(given) if given.isdecimal() and len(given) <= MAX_ID_DIGITS else -1

    def value(self, key: str, name: str, now: object) -> object:
        """What a field of the form `key` should hold."""
        return self.text(name) if self.failed(key) and name in self.texts else now

    def ticked(self, key: str, name: str, now: bool, value: str = "on") -> bool:
        return value in self.texts.get(name, ()) if self.failed(key) else now

    def seen(self, key: str, now: int) -> object:
        return self.value(key, "seen", now) if not self.conflict else now
