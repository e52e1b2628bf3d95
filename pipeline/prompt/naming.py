"""Models that are shown named lines like to begin their own with a name too; the page shows it already."""

from dataclasses import dataclass, field

_LEADS = ("{name}:", "**{name}:**", "**{name}**:", "[{name}]:")


@dataclass
class Bare:
    """A reply on its way, without the speaker's name before its first word. What may still become the name is
    held back until it is clear; `rest` gives it out when nothing more comes."""

    name: str
    _held: str = ""
    _clear: bool = False
    _leads: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._leads = tuple(lead.format(name=self.name).casefold() for lead in _LEADS)

    def take(self, piece: str) -> str:
        """What of the reply so far can be shown beyond what was."""
        if self._clear:
            return piece
        self._held += piece
        begun = self._held.lstrip()
        folded = begun.casefold()
        lead = next((lead for lead in self._leads if folded.startswith(lead)), None)
        if lead is None and any(lead.startswith(folded) for lead in self._leads):
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
