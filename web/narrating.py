"""Who narrates, as pages and programs are told: never a key, nor an address with a password in it."""

from typing import Literal

from pipeline.endpoints import Endpoints
from pipeline.engine import Engine
from pipeline.inference.errors import without_userinfo
from web.models import EndpointsOut, FoundOut, NarratorOut


def told_endpoints(engine: Engine) -> EndpointsOut:
    """What narrates now, and what was found."""
    notice = engine.endpoints.notice
    return EndpointsOut(
        narrator=_narrator(engine),
        notice=notice.what if notice is not None else "",
        found=tuple(FoundOut.model_validate(one) for one in engine.offer.found),
    )


def _narrator(engine: Engine) -> NarratorOut | None:
    one = engine.endpoints.intended
    if one is None:
        return None
    return NarratorOut(
        name=one.name,
        kind=one.kind,
        base_url=without_userinfo(one.base_url),
        model=engine.endpoints.model or one.model,
        state=_state(engine.endpoints) if engine.working else "elsewhere",
    )


def _state(endpoints: Endpoints) -> Literal["ready", "loading", "failed"]:
    if endpoints.failure is not None:
        return "failed"
    return "ready" if endpoints.ready else "loading"
