"""Settings: what config.toml says, section by section, and how a person changes it while the program runs.

A change is checked as a start would check it, together with all the rest of the file; only then is it
written, and comments and everything else stay. It holds at once: whoever has begun a reply or a decision
finishes it, and the next is another's. An embedder of another model answers once everything has its vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import tomlkit
import trio
from pydantic import BaseModel, SecretStr

from pipeline.config import Config, config_of
from pipeline.config_endpoints import Known, known_endpoints, save_endpoint
from pipeline.config_file import parsed, validated, write_whole
from pipeline.config_sections import (
    EndpointSection,
    File,
    PlaySection,
    ProfileSection,
    PromptSection,
    SamplerSection,
)
from pipeline.endpoints import BUNDLED
from pipeline.habits import Habits
from pipeline.inference.endpoints import Profile
from pipeline.offer import Offer
from pipeline.opened import Opened
from pipeline.prompt.budget import Budgets
from pipeline.trial import Finding, tried
from store.errors import NotFound

Section = Literal["profile", "sampler", "budget", "prompt", "play"]
SECTIONS: Mapping[Section, type[BaseModel]] = {
    "profile": ProfileSection,
    "sampler": SamplerSection,
    "budget": Budgets,
    "prompt": PromptSection,
    "play": PlaySection,
}
Holds = Literal["now", "later", "reembed"]
"""From when on a change holds: at once; in the workers, at their next start; at once but for the embedder,
for which everything is embedded first."""
Use = Callable[[Any], None]
"""Lets an open endpoint do one thing from now on, or nobody."""


@dataclass(frozen=True)
class Settings:
    """The settings of one program."""

    offer: Offer
    habits: Habits

    async def said(self) -> File:
        """What the file says, without the variables that stand over it."""
        path = self.offer.paths.config
        return await trio.to_thread.run_sync(lambda: validated(File, parsed(path), path))

    async def endpoints(self) -> dict[str, Known]:
        """The endpoints of the file; their keys stay with them."""
        return await trio.to_thread.run_sync(known_endpoints, self.offer.paths, self.offer.environ)

    async def change(self, section: Section, values: Mapping[str, Any]) -> Holds:
        """Set what is given and leave to its default what is None; returns from when on all of it holds. Who
        is to narrate, decide or be fallen back on is opened and asked before anything is written.

        Raises:
            FabulaError: it is not right, or cannot be had; nothing was changed.
        """
        async with self.offer.changing:
            before = await self.said()
            _, config = await trio.to_thread.run_sync(self._changed, section, values)
            wanted = self._wanted(before.profile, config) if section == "profile" else []
            with ExitStack() as undone:
                opened = await self._opened(wanted, undone)
                await trio.to_thread.run_sync(self._write, section, values)
                undone.pop_all()
            self._apply(config)
            _take(opened)
            if not self.offer.works and config.narrator is not None:
                self.offer.endpoints.intended = config.narrator
        await self.offer.written()
        return self._holds(section)

    async def change_endpoint(
        self, name: str, *, model: str, context_tokens: int | None, key: str | None
    ) -> Holds:
        """Another model, context or key for an endpoint. Where it is in use it is opened anew and asked
        first; what it has begun is finished as it was.

        Raises:
            FabulaError: it is not right, or cannot be had so; nothing was changed.
        """
        known = await self._endpoint(name)
        values = {**known.section.model_dump(), "model": model, "context_tokens": context_tokens}
        section = validated(EndpointSection, values, self.offer.paths.config, f"endpoint.{name}")
        given: dict[str, Any] = {"model": model, "context_tokens": context_tokens}
        if key and known.key_in != "environment":
            given["api_key"] = SecretStr(key)
        profile = known.profile.model_copy(update=given)
        async with self.offer.changing:
            with ExitStack() as undone:
                in_use = [(use, profile) for use, one in self._uses() if one is not None and one.name == name]
                opened = await self._opened(in_use, undone)
                save = partial(save_endpoint, make_narrator=False)
                await trio.to_thread.run_sync(save, self.offer.paths, name, section, key)
                undone.pop_all()
            _take(opened)
        await self.offer.written()
        return self._holds("profile")

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

    def _uses(self) -> list[tuple[Use, Profile | None]]:
        """Who is meant to do what now."""
        endpoints = self.offer.endpoints
        seats = (endpoints.classifying, endpoints.falling_back)
        return [(endpoints.use, endpoints.intended), *((seat.take, seat.wanted) for seat in seats)]

    def _wanted(self, before: ProfileSection, config: Config) -> list[tuple[Use, Profile | None]]:
        """Who is to do something else than now."""
        (narrate, now), (classify, classifier), (fall_back, fallback) = self._uses()
        wanted: list[tuple[Use, Profile | None]] = []
        name = now.name if now is not None else ""
        if config.narrator is not None and config.narrator.name != name:
            wanted.append((narrate, config.narrator))
        elif config.narrator is None and before.narrate == name:
            wanted.append((narrate, BUNDLED))
        if config.classifier != classifier:
            wanted.append((classify, config.classifier))
        if config.fallback != fallback:
            wanted.append((fall_back, config.fallback))
        return wanted

    async def _opened(
        self, wanted: Sequence[tuple[Use, Profile | None]], undone: ExitStack
    ) -> list[tuple[Use, Opened | None]]:
        """All of them open; a process that only serves opens none. `undone` lets them go again."""
        opened: list[tuple[Use, Opened | None]] = []
        for use, profile in wanted if self.offer.works else ():
            one = await self.offer.tried(profile) if profile is not None else None
            if one is not None:
                undone.callback(one.retire)
            opened.append((use, one))
        return opened

    def _holds(self, section: Section) -> Holds:
        if section == "profile" and not self.offer.works:
            return "later"
        waits = section == "profile" and self.offer.endpoints.embedder_notice is not None
        return "reembed" if waits else "now"

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

    def _write(self, section: Section, values: Mapping[str, Any]) -> None:
        text, _ = self._changed(section, values)
        write_whole(self.offer.paths.config, text, 0o644)

    def _apply(self, config: Config) -> None:
        endpoints = self.offer.endpoints
        endpoints.sampler, endpoints.budgets = config.sampler, config.budget
        endpoints.layout, endpoints.text_weight = config.prompt.layout, config.text_weight
        self.habits.follow(config.play)


def _take(opened: Sequence[tuple[Use, Opened | None]]) -> None:
    for use, one in opened:
        use(one)
