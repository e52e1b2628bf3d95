"""Budgets: how large a prompt may be, in the model's tokens.

`soft` is what assembly fills; `hard` is what it never exceeds. Neither passes 95 % of the model's context
less the room for the reply.
"""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.prompt.blocks import Breakdown
from store.errors import Refused

SHARE_OF_CONTEXT = 0.95
SMALLEST_PROMPT, SMALLEST_REPLY = 256, 16


class Budgets(BaseModel):
    """Narrative budgets: 8K hard, 6K soft, and the room kept free for the reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    hard: int = Field(default=8192, ge=SMALLEST_PROMPT, strict=True)
    soft: int = Field(default=6144, ge=SMALLEST_PROMPT, strict=True)
    response: int = Field(default=512, ge=SMALLEST_REPLY, strict=True)

    def within(self, context_tokens: int | None) -> "Budgets":
        """The same budgets, narrowed to a model's context; the reply gives way before the prompt does."""
        if context_tokens is None:
            return self.model_copy(update={"soft": min(self.soft, self.hard)})
        response = min(self.response, max(context_tokens // 4, SMALLEST_REPLY))
        room = max(int(SHARE_OF_CONTEXT * context_tokens) - response, 1)
        hard = min(self.hard, room)
        return Budgets.model_construct(hard=hard, soft=min(self.soft, hard), response=response)


class PromptTooLarge(Refused):
    """What must be in the prompt does not fit; the breakdown says where the tokens go."""

    def __init__(self, breakdown: Breakdown) -> None:
        listed = ", ".join(f"{block.name} {block.tokens}" for block in breakdown.blocks if block.tokens)
        super().__init__(
            f"The texts that must be in the prompt take {breakdown.total} tokens; the model has room for"
            f" {breakdown.hard}.",
            hint="Shorten the longest of them, or use a model with a larger context.",
            detail=listed,
        )
        self.breakdown = breakdown
