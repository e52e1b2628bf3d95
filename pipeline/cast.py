"""Cast: those a decision is about, each under a name nobody shares, and who is meant by a name in its answer.

Every prompt that names somebody names them as they are labelled here, and every answer is read back here.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import apsw

from pipeline.whom import called, folded
from store import views
from store.events import YOU
from store.views import Chat

YOURSELF = ("you", "user", "the user", "player", "the player", "me")
"""What models call the person besides the name."""


@dataclass(frozen=True, slots=True)
class Cast:
    """`names` has the label of each; `known_as` all that each is called by those who know them."""

    names: Mapping[int, str]
    known_as: Mapping[int, tuple[str, ...]]

    def called(self, said: str) -> int | None:
        """Who is meant by a name in an answer; None if nobody, or one as well as another."""
        shown = {entity: (label,) for entity, label in self.names.items()}
        yourself = {YOU: YOURSELF} if YOU in self.names else {}
        return called(said, shown, self.known_as, yourself)


def cast_of(db: apsw.Connection, chat: Chat, entities: Collection[int]) -> Cast:
    """These entities in a chat, also those who have left it."""
    bots = {one: views.bot(db, one) for one in entities if one != YOU}
    you = {YOU: (chat.you_name, *chat.you_before)} if YOU in entities else {}
    known_as = you | {one: (bot.name, *bot.aliases) for one, bot in bots.items()}
    parts = {YOU: "you", chat.host_id: "host"}
    named = {one: (names[0], parts.get(one, "guest")) for one, names in known_as.items()}
    return Cast(labels(named), known_as)


def labels(named: Mapping[int, tuple[str, str]]) -> dict[int, str]:
    """Entity id → a name that stands for nobody else here: those who share one are told apart by their part
    in the chat, and by a number where they share that too."""
    bearers = Counter(folded(name) for name, _ in named.values())
    taken = set(bearers)
    given: dict[int, str] = {}
    for one, (name, part) in named.items():
        key = folded(name)
        if key and bearers[key] == 1:
            given[one] = name
            continue
        label, number = f"{name} ({part})", 2
        while folded(label) in taken:
            label, number = f"{name} ({part} {number})", number + 1
        taken.add(folded(label))
        given[one] = label
    return given
