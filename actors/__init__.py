"""One module per stage. `ALL` is the pipeline of a running Fabula."""

from actors.addressee import addressee
from actors.introduce import introduce
from actors.kickoff import kickoff
from actors.narrate import narrate
from actors.remember import remember
from actors.scene import scene
from actors.summarize import summarize
from pipeline.stage import Stage

ALL: tuple[Stage, ...] = (
    addressee,
    narrate,
    remember,
    scene,
    summarize,
    introduce,
    kickoff,
)
