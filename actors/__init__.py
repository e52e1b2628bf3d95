"""One module per stage. `ALL` is the pipeline of a running Fabula."""

from actors.activities import activities
from actors.addressee import addressee
from actors.edges import edges
from actors.embed import embed
from actors.interjection import interjection
from actors.narrate import narrate
from actors.remember import remember
from actors.significance import significance
from pipeline.stage import Stage

ALL: tuple[Stage, ...] = (addressee, narrate, interjection, remember, significance, edges, activities, embed)
