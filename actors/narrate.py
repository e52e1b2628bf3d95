"""Narrate: the speaker's reply, streamed as it is written.

`floor.given` arrives; one `turn.assistant` leaves: the first answer, an alternative of it, or one that
carries a text on. Whatever was written is kept: by Stop, by an endpoint that broke off, by a process that
died. Only when there is nothing to keep does the run fail and try again.
"""

import time
from contextlib import aclosing
from dataclasses import dataclass

import trio

from pipeline.context import Context, Interrupted, Writing
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Capabilities, Endpoint, Message, Request, Sampler, Usage
from pipeline.prompt.compose import Composed, Measure, compose
from pipeline.prompt.naming import Bare
from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.remembering import Remembering
from pipeline.prompt.sent import pack
from pipeline.retry import Retry
from pipeline.stage import NARRATE, Emits, Lane, stage
from store import views
from store.errors import ErrorClass
from store.events import Ending, Event, FloorGiven, TokenUsage, TurnAssistant
from store.recall import Ranking
from store.views import Turn

NARRATOR_SLOT = 0
"""The llama.cpp server slot narration is pinned to, so that other requests do not evict its prefix."""


@stage(
    "narrate",
    on=(FloorGiven,),
    lane=Lane.NARRATION,
    priority=NARRATE,
    retry=Retry(attempts=4, base_s=1.5, cap_s=12),
    timeout_s=None,
    durable=True,
)
async def narrate(floor: Event[FloorGiven], ctx: Context) -> Emits:
    turn_id, speaker_id, unprompted = (
        floor.payload.turn_id,
        floor.payload.speaker_id,
        floor.payload.unprompted,
    )
    answers = None if unprompted else turn_id
    left = ctx.left_behind().strip()
    if left:
        yield TurnAssistant(
            speaker_id=speaker_id,
            text=left,
            answers=answers,
            truncated=True,
            ended="crashed",
            alternative_of=floor.payload.alternative_of,
        )
        return
    turn = views.turn(ctx.db, turn_id)
    if not unprompted and not strip_ooc(turn.text).strip():
        return
    asked = _Asked(turn, unprompted, views.told_text(ctx.db, floor.payload.extends))
    rendered = await _render(ctx, asked, ctx.writing(speaker_id))
    yield TurnAssistant(
        speaker_id=speaker_id,
        text=rendered.text,
        answers=answers,
        truncated=rendered.ending not in ("complete", "length"),
        ended=rendered.ending,
        model=rendered.model,
        usage=rendered.usage,
        alternative_of=floor.payload.alternative_of,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The turn to answer; an `unprompted` speaker goes on after it. A text that is `begun` already is the
    last message, for the model to carry on."""

    turn: Turn
    unprompted: bool
    begun: str


@dataclass(frozen=True, slots=True)
class _Rendered:
    text: str
    ending: Ending
    model: str
    usage: TokenUsage | None


async def _render(ctx: Context, asked: _Asked, writing: Writing) -> _Rendered:
    """Borrow the narrator for one reply."""
    async with ctx.endpoints.narrator() as (endpoint, capabilities):
        return await _follow(ctx, asked, writing, endpoint, capabilities)


async def _follow(
    ctx: Context, asked: _Asked, writing: Writing, endpoint: Endpoint, capabilities: Capabilities
) -> _Rendered:
    """Send the prompt and follow the stream to whatever end it comes to."""
    budgets = ctx.endpoints.budgets.within(capabilities.context_tokens)
    layout = ctx.endpoints.layout_for(capabilities)
    measure = Measure(ctx.counter.for_model(endpoint.model), budgets, layout)
    remembering = Remembering(
        ctx.db,
        ctx.store.vectors,
        asked.turn,
        writing.speaker_id,
        ctx.endpoints.answering(ctx.db),
        Ranking(text_weight=ctx.endpoints.text_weight),
    )
    began = time.monotonic()
    composed = compose(
        ctx.db, asked.turn, writing.speaker_id, measure, remembering, unprompted=asked.unprompted
    )
    ctx.figures["composed_s"] = round(time.monotonic() - began, 4)
    sampler = ctx.endpoints.sampler.model_copy(update={"max_tokens": budgets.response})
    messages = composed.prompt.messages
    if asked.begun:
        messages = (*messages, Message(role="assistant", content=asked.begun))
    request = Request(messages=messages, sampler=sampler, slot=NARRATOR_SLOT)
    ctx.request = request
    stream = _Stream(ctx, writing, Bare(composed.speaker_name))
    writing.begin(asked.begun)
    with ctx.endpoints.narrating():
        ending = await stream.follow(endpoint, request)
    ctx.figures |= _account(composed, remembering) | _manner(endpoint, capabilities, sampler)
    text = writing.text.strip()
    if not writing.grown:
        raise _nothing_written(ctx)
    with trio.CancelScope(shield=True):  # the text is safe only once it is yielded
        ctx.sent = await trio.to_thread.run_sync(pack, messages, composed.prompt.blocks)
    if stream.usage is not None:
        ctx.counter.observe(endpoint.model, composed.prompt.breakdown.total, stream.usage.prompt_tokens)
    return _Rendered(text, ending, stream.model or endpoint.model, _usage(stream.usage))


def _account(composed: Composed, remembering: Remembering) -> dict[str, object]:
    """What was sent and why, for whoever asks later."""
    account: dict[str, object] = {
        "configuration": composed.configuration.value,
        "breakdown": composed.prompt.breakdown.model_dump(mode="json"),
        "recalled": remembering.figures(),
    }
    if composed.leaks:
        account["leaks"] = [str(leak) for leak in composed.leaks]
    return account


def _manner(endpoint: Endpoint, capabilities: Capabilities, sampler: Sampler) -> dict[str, object]:
    """Who was asked, and how it was to choose its words: the settings it takes and those it does not."""
    wanted = {name: value for name, value in sampler.model_dump(exclude_none=True).items() if value != ()}
    taken = capabilities.samplers
    return {
        "endpoint": endpoint.name,
        "context_tokens": capabilities.context_tokens,
        "sampler": {name: value for name, value in wanted.items() if name in taken},
        "not_taken": sorted(name for name in wanted if name not in taken),
    }


def _usage(reported: Usage | None) -> TokenUsage | None:
    if reported is None:
        return None
    return TokenUsage(
        prompt_tokens=reported.prompt_tokens,
        completion_tokens=reported.completion_tokens,
        cached_tokens=reported.cached_tokens,
    )


def _nothing_written(ctx: Context) -> Exception:
    if ctx.stopped:
        return Interrupted(ctx.stop_reason)
    return EndpointFailed(
        "The model answered with nothing.",
        hint="It is asked again by itself; if this goes on, try another model or shorten the bot's texts.",
        error_class=ErrorClass.INVALID_OUTPUT,
        retryable=True,
    )


@dataclass
class _Stream:
    """One generation being followed."""

    ctx: Context
    writing: Writing
    bare: Bare
    model: str = ""
    usage: Usage | None = None
    finish: str | None = None

    async def follow(self, endpoint: Endpoint, request: Request) -> Ending:
        """Publish what arrives until the model, the person, the endpoint or the process ends it."""
        try:
            with self.ctx.stoppable():
                await self._read(endpoint, request)
        except EndpointFailed:
            self.writing.add(self.bare.rest())
            if not self.writing.grown:
                raise
            return "dropped"
        self.writing.add(self.bare.rest())
        if self.ctx.stopped and self.finish is None:
            return "shutdown" if self.ctx.stop_reason == "shutdown" else "stopped"
        return "length" if self.finish == "length" else "complete"

    async def _read(self, endpoint: Endpoint, request: Request) -> None:
        began = time.monotonic()
        async with aclosing(endpoint.generate(request, self.ctx.waits_for_others)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    self.ctx.figures.setdefault("first_token_s", round(time.monotonic() - began, 4))
                    self.writing.add(self.bare.take(chunk.text))
                self.finish = chunk.finish or self.finish
                self.usage = chunk.usage or self.usage
                self.model = chunk.model or self.model
        self.ctx.figures["stream_s"] = round(time.monotonic() - began, 4)
