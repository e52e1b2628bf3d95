"""One module per stage. `ALL` is the pipeline of a running Fabula."""

from actors.activities import activities
from actors.addressee import addressee
from actors.auto import auto
from actors.digest import digest
from actors.edges import edges
from actors.embed import embed
from actors.interjection import interjection
from actors.introduce import introduce
from actors.kickoff import kickoff
from actors.landing import landing
from actors.narrate import narrate
from actors.plot import plot
from actors.remember import remember
from actors.scene import scene
from actors.significance import significance
from actors.skip import skip
from actors.summarize import summarize
from pipeline.stage import Stage

ALL: tuple[Stage, ...] = (
    addressee,
    narrate,
    interjection,
    remember,
    significance,
    edges,
    activities,
    plot,
    scene,
    summarize,
    introduce,
    kickoff,
    embed,
    auto,
    skip,
    landing,
    digest,
)
