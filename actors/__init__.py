"""One module per stage. `ALL` is the pipeline of a running Fabula."""

from actors.addressee import addressee
from actors.narrate import narrate
from actors.remember import remember
from pipeline.stage import Stage

ALL: tuple[Stage, ...] = (addressee, narrate, remember)
