"""Models that are shown named lines like to begin their own with a name too, which the page shows already;
and when it is said, to go on with the next one, which is somebody else's to say."""

from collections.abc import Collection
from dataclasses import dataclass, field

_LEADS = ("{name}:", "**{name}:**", "**{name}**:", "[{name}]:")


def _leads(name: str) -> tuple[str, ...]:
    return tuple(lead.format(name=name).casefold() for lead in _LEADS)


@dataclass
class Bare:
    """A reply on its way, without the speaker's name before its first word. What may still become the name is
    held back until it is clear; `rest` gives it out when nothing more comes."""

    name: str
    _held: str = ""
    _clear: bool = False

    def take(self, piece: str) -> str:
        """What of the reply so far can be shown beyond what was."""
        if self._clear:
            return piece
        self._held += piece
        begun = self._held.lstrip()
        folded = begun.casefold()
        leads = _leads(self.name)
        lead = next((lead for lead in leads if folded.startswith(lead)), None)
        if lead is None and any(lead.startswith(folded) for lead in leads):
            return ""
        shown = begun[len(lead) :].lstrip() if lead is not None else self._held
        if lead is not None and not shown:
            return ""
        self._clear, self._held = True, ""
        return shown

    def rest(self) -> str:
        """What was held back to the end: a reply that is a name and nothing else is a reply."""
        held, self._held, self._clear = self._held, "", True
        return held


@dataclass
class OwnLines:
    """A reply on its way, up to where a line after its first begins with another's name and a colon: from
    there on it would speak for them. `over` says that it came there."""

    others: Collection[str]
    over: bool = False
    _held: str = ""
    _within: bool = True
    _theirs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._theirs = tuple(lead for name in self.others if name.strip() for lead in _leads(name))

    def take(self, piece: str) -> str:
        """What of the reply so far can be shown beyond what was."""
        left, self._held, shown = self._held + piece, "", ""
        while left and not self.over:
            if self._within:
                line, end, left = left.partition("\n")
                shown += line + end
                self._within = not end
                continue
            begun = left.lstrip().casefold()
            self.over = begun.startswith(self._theirs)
            if not self.over and any(lead.startswith(begun) for lead in self._theirs):
                self._held = left
                break
            self._within = True
        return shown

    def rest(self) -> str:
        """What was held back to the end."""
        held, self._held = self._held, ""
        return held


@dataclass
class OwnWords:
    """A reply on its way as it is shown: without its speaker's name before it, and without others' lines."""

    name: str
    others: Collection[str]
    _bare: Bare = field(init=False)
    _lines: OwnLines = field(init=False)

    def __post_init__(self) -> None:
        self._bare, self._lines = Bare(self.name), OwnLines(self.others)

    @property
    def over(self) -> bool:
        return self._lines.over

    def take(self, piece: str) -> str:
        return self._lines.take(self._bare.take(piece))

    def rest(self) -> str:
        return self._lines.take(self._bare.rest()) + self._lines.rest()
