"""What the JSON interface takes and gives about a chat's past."""

from pydantic import BaseModel, ConfigDict, Field

from store.events import MAX_NAME_CHARS, Name
from web.models import Id, Out


class AlternativeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    extend: bool = Field(default=False, description="Carry the text on instead of telling it anew")
    branch: str = Field(
        default="",
        max_length=MAX_NAME_CHARS,
        description="Do so in a new branch of this name",
    )


class TurnChangeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str | None = Field(default=None, description="Other words")
    hidden: bool | None = Field(default=None, description="Leave it out of view and prompt, or no longer")


class RetractIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    total: int | None = Field(default=None, description="What the preview counted; refused when it is not so")


class FallsOut(Out):
    turn_id: int
    total: int = Field(description="Everything that would not count any more")
    kinds: dict[str, int] = Field(description="The same by kind of event")
    texts: list[str] = Field(description="The turns among it")


class BranchOut(Out):
    id: int
    parent_id: int | None
    at: int | None = Field(description="The last event it shares with its parent")
    name: str
    active: bool
    forked_after: str = Field(description="What was said last before it left its parent")
    last_said: str


class BranchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    turn_id: Id = Field(description="The branch shares the story up to the exchange of this turn")
    name: Name


class RewindIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    turn_id: Id = Field(description="The turn that is to be the last")
    name: str = Field(default="", max_length=MAX_NAME_CHARS, description="For the new branch")


class BranchChangeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    active: bool | None = Field(default=None, description="true: the story goes on here")


class DraftOut(BaseModel):
    text: str = Field(description="Not sent and not recorded; send it as a turn if you like it")


class UndoneOut(BaseModel):
    kinds: list[str] = Field(description="What was undone")


class DerivedOut(Out):
    stage: str
    about: str = Field(description="What the stage makes of a turn, in words")
    told: list[str] = Field(description="What came of the turn and counts until now")
    of_old_words: bool = Field(description="The turn was edited since")
    under_way: bool = Field(description="The stage is to answer the turn, for the first time or again")


class DeriveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stages: list[str] = Field(description="Which of the stages to run again for this turn")


class DerivingOut(BaseModel):
    stages: list[str] = Field(
        description="Those that run again; one that was under way already is left to it"
    )
