"""Settings: what config.toml says, section by section, and how a person changes it while the program runs.

A change is checked as a start would check it, together with all the rest of the file; only then is it
written, and comments and everything else stay. Budgets, sampler and layout hold from the next reply on; who
classifies, falls back and embeds from the next start on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import tomlkit
import trio
from pydantic import BaseModel

from pipeline.config import Config, config_of
from pipeline.config_endpoints import Known, known_endpoints, save_endpoint
from pipeline.config_file import parsed, validated, write_whole
from pipeline.config_sections import EndpointSection, File, ProfileSection, PromptSection, SamplerSection
from pipeline.offer import Offer
from pipeline.prompt.budget import Budgets
from pipeline.trial import Finding, tried
from store.errors import NotFound

Section = Literal["profile", "sampler", "budget", "prompt"]
SECTIONS: Mapping[Section, type[BaseModel]] = {
    "profile": ProfileSection,
    "sampler": SamplerSection,
    "budget": Budgets,
    "prompt": PromptSection,
}
AT_NEXT_START = frozenset({"classify", "fallback", "embed"})
"""What is opened when the program starts."""


@dataclass(frozen=True)
class Settings:
    """The settings of one program."""

    offer: Offer

    async def said(self) -> File:
        """What the file says, without the variables that stand over it."""
        path = self.offer.paths.config
        return await trio.to_thread.run_sync(lambda: validated(File, parsed(path), path))

    async def endpoints(self) -> dict[str, Known]:
        """The endpoints of the file; their keys stay with them."""
        return await trio.to_thread.run_sync(known_endpoints, self.offer.paths, self.offer.environ)

    async def change(self, section: Section, values: Mapping[str, Any]) -> bool:
        """Set what is given and leave to its default what is None; returns whether all of it holds already.
        Another narrator is opened and asked before anything is written.

        Raises:
            Invalid, Conflict, EndpointFailed: nothing was changed.
        """
        async with self.offer.changing:
            before = await self.said()
            await trio.to_thread.run_sync(self._changed, section, values)
        if section == "profile" and (narrate := values.get("narrate")):
            await self._narrate(str(narrate))
        async with self.offer.changing:
            self._apply(await trio.to_thread.run_sync(self._write, section, values))
        old, new = (getattr(one, section).model_dump() for one in (before, await self.said()))
        later = AT_NEXT_START if new.get("narrate") else {*AT_NEXT_START, "narrate"}
        return not any(old[name] != new[name] for name in later & old.keys())

    async def change_endpoint(
        self, name: str, *, model: str, context_tokens: int | None, key: str | None
    ) -> None:
        """Another model, context or key for an endpoint; it holds when it is opened next."""
        section = (await self._endpoint(name)).section
        values = {**section.model_dump(), "model": model, "context_tokens": context_tokens}
        wanted = validated(EndpointSection, values, self.offer.paths.config, f"endpoint.{name}")
        async with self.offer.changing:
            await trio.to_thread.run_sync(
                lambda: save_endpoint(self.offer.paths, name, wanted, key, make_narrator=False)
            )

    async def try_out(self, name: str) -> list[Finding]:
        """What works at an endpoint.

        Raises:
            NotFound: config.toml has none of this name.
        """
        embeds = (await self.said()).profile.embed == name
        return await tried(self.offer.endpoints, (await self._endpoint(name)).profile, embeds=embeds)

    async def _endpoint(self, name: str) -> Known:
        known = await self.endpoints()
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise NotFound(f"There is no endpoint {name[:40]!r}.", hint=f"config.toml has {listed}.")
        return known[name]

    async def _narrate(self, name: str) -> None:
        """Let an endpoint of the file narrate, unless it does."""
        narrating = self.offer.endpoints.intended
        if narrating is None or narrating.name != name:
            await self.offer.choose((await self._endpoint(name)).section, name=name)

    def _changed(self, section: Section, values: Mapping[str, Any]) -> tuple[str, Config]:
        """The file as it would be, and what a start would make of it."""
        paths = self.offer.paths
        document = parsed(paths.config)
        validated(File, document, paths.config)
        table = document.setdefault(section, tomlkit.table())
        for name, value in values.items():
            if value is None:
                table.pop(name, None)
            elif table.get(name) != value:
                table[name] = value
        return tomlkit.dumps(document), config_of(document, paths, self.offer.environ)

    def _write(self, section: Section, values: Mapping[str, Any]) -> Config:
        text, config = self._changed(section, values)
        write_whole(self.offer.paths.config, text, 0o644)
        return config

    def _apply(self, config: Config) -> None:
        endpoints = self.offer.endpoints
        endpoints.sampler, endpoints.budgets = config.sampler, config.budget
        endpoints.layout, endpoints.text_weight = config.prompt.layout, config.text_weight
