"""The offer: the model servers this machine has, and the way from one of them to narrating with it.

A person's choice arrives; the endpoint is opened and asked, written to config.toml, and only then narrates.
Whatever goes wrong before that leaves everything as it was.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import trio

from pipeline.config_endpoints import plan_endpoint, save_endpoint
from pipeline.config_paths import DataPaths
from pipeline.config_sections import EndpointSection
from pipeline.endpoints import Endpoints
from pipeline.inference.discovery import Candidate, Found, discover
from pipeline.inference.endpoints import Profile
from pipeline.inference.errors import EndpointFailed
from pipeline.opened import Opened
from store.errors import ErrorClass, Invalid

_DO = {
    ErrorClass.CONNECTION: "Start the server, or correct its address, then choose it again.",
    ErrorClass.TIMEOUT: "See whether the server is still loading its model, then choose it again.",
    ErrorClass.INVALID_OUTPUT: "Check that this is the address of a model server.",
}
"""What helps while choosing, where the choice has to be made again."""


@dataclass
class Offer:
    """What was found, and the operation of choosing. `works` says whether this process narrates; one that
    only serves writes the choice down for a worker's next start."""

    endpoints: Endpoints
    paths: DataPaths
    environ: Mapping[str, str]
    candidates: Sequence[Candidate]
    works: bool
    found: tuple[Found, ...] = ()
    looked: bool = False
    changing: trio.Lock = field(default_factory=trio.Lock)
    """Held by whoever rewrites the files."""
    followers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Asked to follow what the files say when they say something else."""

    async def look(self) -> None:
        """Ask the usual ports; takes less than half a second."""
        self.found = tuple(await discover(self.candidates))
        self.looked = True

    async def choose(self, section: EndpointSection, *, name: str = "", key: str | None = None) -> None:
        """Let this endpoint narrate from now on, here and from the next start on.

        Raises:
            Invalid: the endpoint or a file is not right; Conflict: the name stands for another address;
            EndpointFailed: it does not answer. Nothing was changed.
        """
        async with self.changing:
            plan = partial(plan_endpoint, name=name, key=key, suggested=self._program_at(section.base_url))
            planned = await trio.to_thread.run_sync(plan, self.paths, self.environ, section)
            opened = await self.tried(planned.profile)
            with ExitStack() as undone:
                undone.callback(opened.retire)
                await trio.to_thread.run_sync(
                    save_endpoint, self.paths, planned.name, planned.section, key or None
                )
                if self.works:
                    undone.pop_all()
                    self.endpoints.use(opened)
            self.endpoints.intended = planned.profile
        await self.written()

    async def written(self) -> None:
        """The files say something else: let everybody follow."""
        for follow in self.followers:
            await follow()

    async def tried(self, profile: Profile) -> Opened:
        """Open an endpoint and ask it before anything is written.

        Raises:
            FabulaError: it cannot be had; the hint says what to do now.
        """
        try:
            opened = await self.endpoints.open(profile)
        except EndpointFailed as error:
            error.hint = _DO.get(error.error_class, error.hint)
            raise
        if not opened.endpoint.model:
            opened.retire()
            raise Invalid(
                f"The server at {profile.base_url} does not say which models it has.",
                hint="Check the address, or name the model.",
            )
        return opened

    def _program_at(self, base_url: str) -> str:
        return next((one.name for one in self.found if one.base_url == base_url), "")
