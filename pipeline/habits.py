"""Habits: how a person plays, as config.toml says it under `[play]`, and as it is changed while we run."""

from dataclasses import dataclass, field

from pipeline.config_sections import PlaySection
from pipeline.prompt.ooc import Marker


@dataclass
class Habits:
    """One for a program; whoever is handed it sees each change."""

    auto_stops_on_typing: bool = True
    """Whether a page ends auto-mode as soon as the person begins to write."""
    small_model_notice: bool = True
    """Whether every page says that the embedded model is small, where it narrates."""
    marker: Marker = field(default_factory=Marker)

    def follow(self, said: PlaySection) -> None:
        """From now on so."""
        self.auto_stops_on_typing = said.auto_stops_on_typing
        self.small_model_notice = said.small_model_notice
        self.marker = Marker(said.ooc_begins, said.ooc_ends)
