"""Deciders: the endpoints besides the narrator, opened when the program starts.

Until they are ready, and where they cannot be had, decisions are the narrator's. A server that is down now
may be up when a decision is due, so it need not answer yet.
"""

import structlog
import trio

from pipeline.config import Config
from pipeline.endpoints import Endpoints
from pipeline.inference.endpoints import Profile
from pipeline.opened import Seat
from store.errors import FabulaError


async def open_deciders(endpoints: Endpoints, config: Config) -> None:
    """Open the classifier and the fallback, if the configuration names them."""
    async with trio.open_nursery() as nursery:
        if config.classifier is not None:
            nursery.start_soon(_open, endpoints, endpoints.classifying, config.classifier)
        if config.fallback is not None:
            nursery.start_soon(_open, endpoints, endpoints.falling_back, config.fallback)


async def _open(endpoints: Endpoints, seat: Seat, profile: Profile) -> None:
    """Another may have been chosen by the time it is open."""
    seat.wanted = profile
    try:
        opened = await endpoints.open(profile, must_answer=False)
    except FabulaError as error:
        structlog.get_logger().warning("decider cannot be had", endpoint=profile.name, error=error.message)
        return
    if seat.wanted == profile and seat.opened is None:
        seat.take(opened)
    else:
        opened.retire()
