"""What the JSON interface takes and gives about story time, scenes without you and auto-mode."""

from pydantic import BaseModel, ConfigDict, Field

from store.events import MAX_AUTO_TURNS, ShortText, SkipMode
from web.models import Id, Out


class SkipIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    words: ShortText = Field(default="", description='How much later, such as "next morning"')
    minutes: int | None = Field(default=None, strict=True, description="The same as a number, instead")
    mode: SkipMode = Field(
        default="jump", description="A jump lands in another scene; an elision stays in this one"
    )


class MeanwhileIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    turns: int = Field(
        strict=True, description=f"How many turns they speak by themselves, 1–{MAX_AUTO_TURNS}"
    )
    premise: ShortText = Field(default="", description="What the scene is about")


class AutoIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    turns: int = Field(strict=True, description=f"0 ends it; at most {MAX_AUTO_TURNS}")


class DigestIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seen: Id = Field(description="The `changed_by` of the digest you saw; a later change is a conflict")
    text: ShortText = Field(description="Empty takes it back")


class SkipOut(Out):
    id: int
    mode: str
    minutes: int
    words: str
    clock: int = Field(description="When it began, in minutes of story time")


class DigestOut(Out):
    id: int
    scene_id: int
    text: str
    told_by: list[int]
    surfaced_in: int | None = Field(description="The scene in which it has come to you")
    changed_by: int


class TimeOut(BaseModel):
    clock: int = Field(description="Minutes of story time since midnight before its first day")
    told: str = Field(description="The same for people")
    auto_left: int = Field(description="Turns the bots still speak by themselves")
    auto_stops_on_typing: bool
    without_you: bool = Field(description="The scene is a meanwhile scene")
    skips: list[SkipOut]
    digests: list[DigestOut]
