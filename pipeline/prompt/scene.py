"""What assembly is given: a scene as its speaker knows it, as plain values."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pipeline.prompt.blocks import Piece, Tier


class Configuration(StrEnum):
    """Who is in the scene; each loads a fixed set of parts (see `knowledge`)."""

    SOLO_WITH_HOST = "solo with host"
    SOLO_WITH_GUEST = "solo with guest"
    ALL_THREE = "all three"
    MEANWHILE = "meanwhile"


class Where(StrEnum):
    """Where a part stands in the `cache` layout: before the dialogue what holds for the scene, after it what
    changes from turn to turn."""

    HEAD = "head"
    TAIL = "tail"


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
    """The person, as the speaker knows them, and the names they had in this chat before."""

    name: str
    persona: str
    before: tuple[str, ...] = ()


class Line(NamedTuple):
    """One turn of the dialogue. `ordinal` counts the chat's turns from 0; `speaker_id` None is you."""

    turn_id: int
    ordinal: int
    speaker_id: int | None
    speaker_name: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """Something the speaker knows besides the dialogue: a heading and its pieces, the dearest first."""

    name: str
    tier: Tier
    where: Where
    title: str
    pieces: tuple[Piece, ...]

    def text(self, pieces: tuple[Piece, ...] | None = None) -> str:
        """As it stands in a prompt, with all of its pieces or those that were kept."""
        kept = self.pieces if pieces is None else pieces
        if len(kept) == 1 and "\n" not in kept[0].text:
            return f"{self.title}: {kept[0].text}"
        return "\n".join([f"{self.title}:", *(f"- {piece.text}" for piece in kept)])


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene before its speaker's next turn. `dialogue` comes newest first and is read only as far as the
    budget reaches; its first line is the turn to answer. With `named`, every line but the speaker's own is
    told with the name of who spoke. An `unprompted` speaker goes on by itself: the first line is then only
    the last one it heard."""

    speaker: Speaker
    you: You
    dialogue: Iterable[Line]
    parts: tuple[Part, ...] = ()
    configuration: Configuration = Configuration.SOLO_WITH_HOST
    named: bool = False
    unprompted: bool = False
    recall: Callable[[frozenset[int]], Part] | None = None
    """What comes back to the speaker's mind; asked once it is known which turns are in the prompt anyway."""
