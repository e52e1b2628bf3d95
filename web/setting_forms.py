"""The forms of the settings page: which setting of which section stands where, and how it is typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.settings import Section


@dataclass(frozen=True)
class Setting:
    """One field of a form; `kind` says how it is typed."""

    name: str
    label: str
    kind: Literal["number", "whole", "endpoint", "embedder", "layout", "lines", "switch", "mark"]
    hint: str = ""


FORMS: Mapping[Section, tuple[str, Sequence[Setting]]] = {
    "profile": (
        "Who does what",
        (
            Setting("narrate", "Narrates", "endpoint", "the embedded model where nothing is chosen"),
            Setting("classify", "Decides", "endpoint", "the narrator where nothing is chosen"),
            Setting("fallback", "Asked when a decision is refused", "endpoint"),
            Setting("embed", "Embeds memories", "embedder", "another model, once all is embedded with it"),
            Setting("text_weight", "Words against meaning", "number", "0 to 1; 0.3 for a strong embedder"),
        ),
    ),
    "budget": (
        "Budgets, in tokens",
        (
            Setting("soft", "What is filled", "whole"),
            Setting("hard", "What is never exceeded", "whole"),
            Setting("response", "Room of a reply", "whole"),
        ),
    ),
    "sampler": (
        "How words are chosen",
        (
            Setting("temperature", "Temperature", "number"),
            Setting("top_p", "Top p", "number"),
            Setting("top_k", "Top k", "whole"),
            Setting("min_p", "Min p", "number"),
            Setting("repeat_penalty", "Repeat penalty", "number"),
            Setting("presence_penalty", "Presence penalty", "number"),
            Setting("frequency_penalty", "Frequency penalty", "number"),
            Setting("seed", "Seed", "whole", "the same words each time"),
            Setting("stop", "Stop at", "lines", "one on each line"),
        ),
    ),
    "prompt": ("The prompt", (Setting("layout", "Layout", "layout"),)),
    "play": (
        "Playing",
        (
            Setting("ooc_begins", "Out of character begins with", "mark", "such as [[; (( always does, too"),
            Setting("ooc_ends", "and ends with", "mark", "such as ]]"),
            Setting("auto_stops_on_typing", "Beginning to write ends auto-mode", "switch"),
            Setting("small_model_notice", "Every page says that the embedded model is small", "switch"),
        ),
    ),
}
