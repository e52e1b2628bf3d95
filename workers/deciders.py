"""Deciders: the endpoints besides the narrator, opened when the program starts and kept while it runs.

Until they are ready, and where they cannot be had, decisions are the narrator's.
"""

from collections.abc import Callable

import structlog
import trio

from pipeline.config import Config
from pipeline.endpoints import Endpoints
from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.metering import Meter
from pipeline.inference.types import Capabilities, Endpoint
from store.errors import FabulaError

Use = Callable[[Endpoint, Capabilities], None]


async def keep_deciders(endpoints: Endpoints, config: Config) -> None:
    """Open the classifier and the fallback, if the configuration names them."""
    async with trio.open_nursery() as nursery:
        if config.classifier is not None:
            nursery.start_soon(_keep, config.classifier, endpoints.classify_with, endpoints.meter)
        if config.fallback is not None:
            nursery.start_soon(_keep, config.fallback, endpoints.fall_back_on, endpoints.meter)


async def _keep(profile: Profile, use: Use, meter: Meter) -> None:
    try:
        async with open_endpoint(profile, meter=meter) as endpoint:
            use(endpoint, await _probed(endpoint))
            await trio.sleep_forever()
    except FabulaError as error:
        structlog.get_logger().warning("decider cannot be had", endpoint=profile.name, error=error.message)


async def _probed(endpoint: Endpoint) -> Capabilities:
    """What it can do. A server that is down now may be up when a decision is due, so it is kept; until
    then it is taken to have no more than the standard."""
    try:
        return await endpoint.probe()
    except EndpointFailed:
        return Capabilities()
