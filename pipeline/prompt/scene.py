"""What assembly is given: a scene as its speaker knows it, as plain values."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speaker:
    """The bot whose reply is wanted, in the words of its card."""

    id: int
    name: str
    description: str
    personality: str
    post_history: str


@dataclass(frozen=True, slots=True)
class You:
    """The person, as the speaker knows them."""

    name: str
    persona: str


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of the dialogue. `ordinal` counts the chat's turns from 0; `speaker_id` None is you."""

    turn_id: int
    ordinal: int
    speaker_id: int | None
    speaker_name: str
    text: str


@dataclass(frozen=True, slots=True)
class SoloScene:
    """You and one bot. `dialogue` comes newest first and is read only as far as the budget reaches; its
    first line is the turn to answer."""

    speaker: Speaker
    you: You
    dialogue: Iterable[Line]
