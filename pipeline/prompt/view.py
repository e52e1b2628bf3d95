"""The view: what the owners of a prompt's parts read from."""

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from pipeline.prompt.macros import substitute
from store.places import Scene
from store.plot import OpenPlot
from store.relations import EntityState
from store.views import Bot, Chat


@dataclass(frozen=True, slots=True)
class View:
    """What the owner functions read from: the speaker's place in a chat at one moment."""

    db: apsw.Connection
    chat: Chat
    scene: Scene | None
    speaker: Bot
    names: Mapping[int, str]
    states: Mapping[int, EntityState]
    plot: OpenPlot

    @property
    def since(self) -> int:
        """Where the present scene began in the log."""
        return self.chat.scene_id or self.chat.id

    def text(self, text: str) -> str:
        return substitute(text, char=self.speaker.name, user=self.chat.you_name)
