"""What every payload shares: the base class, and texts as the log can hold them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_NAME_CHARS = 200
MAX_SHORT_CHARS = 2_000
MAX_TEXT_CHARS = 100_000


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError(f"has a NUL character at position {text.index(chr(0))}; remove it and send it again")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        broken = f"has half a character (a lone surrogate) at position {error.start}"
        raise ValueError(f"{broken}; remove it and send it again") from error
    return text


def _filled(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("is empty; write at least one character")
    return text


Name = Annotated[str, AfterValidator(_storable), AfterValidator(_filled), Field(max_length=MAX_NAME_CHARS)]
ShortText = Annotated[str, AfterValidator(_storable), Field(max_length=MAX_SHORT_CHARS)]
Text = Annotated[str, AfterValidator(_storable), Field(max_length=MAX_TEXT_CHARS)]
Spoken = Annotated[str, AfterValidator(_storable), AfterValidator(_filled), Field(max_length=MAX_TEXT_CHARS)]


class Payload(BaseModel):
    """What happened. `kind` names it in the log; `schema_version` is bumped with an entry in `upcasts`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str] = ""
    schema_version: ClassVar[int] = 1
    upcasts: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    """Version n → function that turns a stored payload of version n into version n + 1."""
