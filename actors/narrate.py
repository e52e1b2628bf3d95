"""Narrate: the speaker's reply, streamed as it is written.

`floor.given` arrives; one `turn.assistant` leaves: the first answer, an alternative of it, or one that
carries a text on. Whatever was written is kept: by Stop, by an endpoint that broke off, by a process that
died. Only when there is nothing to keep does the run fail and try again.
"""

import time
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import trio

from pipeline.cast import cast_of
from pipeline.context import Context, Interrupted, Writing
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Capabilities, Endpoint, Message, Request, Sampler, Usage
from pipeline.prompt.compose import Composed, Measure, compose
from pipeline.prompt.naming import OwnWords
from pipeline.prompt.ooc import strip_ooc
from pipeline.prompt.remembering import Remembering
from pipeline.prompt.sent import pack
from pipeline.retry import Retry
from pipeline.stage import NARRATE, Emits, Lane, stage
from pipeline.whom import folded
from store import log, meanwhile, views
from store.errors import ErrorClass
from store.events import YOU, Ending, Event, FloorGiven, TokenUsage, TurnAssistant
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
    given = floor.payload
    stands_at = _stands_at(ctx, floor) if given.unprompted else None
    turn_to_answer = None if given.unprompted else given.turn_id
    left = ctx.left_behind().strip()
    if left:
        yield TurnAssistant(
            speaker_id=given.speaker_id,
            text=left,
            answers=turn_to_answer,
            unprompted_at=stands_at,
            truncated=True,
            ended="crashed",
            alternative_of=given.alternative_of,
        )
        return
    turn = _turn(ctx, floor, stands_at)
    if turn is None:
        return
    asked = _Asked(turn, given.unprompted, views.told_text(ctx.db, given.extends))
    rendered = await _render(ctx, asked, ctx.writing(given.speaker_id))
    yield TurnAssistant(
        speaker_id=given.speaker_id,
        text=rendered.text,
        answers=turn_to_answer,
        unprompted_at=stands_at,
        truncated=rendered.ending not in ("complete", "length"),
        ended=rendered.ending,
        model=rendered.model,
        usage=rendered.usage,
        alternative_of=given.alternative_of,
    )


def _stands_at(ctx: Context, floor: Event[FloorGiven]) -> int:
    """Where in the dialogue an unprompted turn stands: at the floor that was first given for it."""
    if floor.payload.alternative_of is None:
        return floor.id
    return log.event(ctx.db, floor.payload.alternative_of).payload.unprompted_at or floor.id


def _turn(ctx: Context, floor: Event[FloorGiven], stands_at: int | None) -> Turn | None:
    """The turn to answer, or the last that the speaker heard before it goes on by itself; None where nothing
    is to be said, because all of it was out of character or the person has ended auto-mode since."""
    if stands_at is None:
        turn = views.turn(ctx.db, floor.payload.turn_id)
        return turn if strip_ooc(turn.text).strip() else None
    if floor.payload.alternative_of is None and meanwhile.auto_is_over(ctx.db, ctx.claim.chat_id):
        return None
    before = views.turns_until(ctx.db, ctx.claim.chat_id, stands_at)
    newest = next(before, None)
    heard = (one for one in chain([newest] if newest else [], before) if _heard(one, floor.payload))
    return next(heard, newest)


def _heard(turn: Turn, floor: FloorGiven) -> bool:
    return floor.speaker_id in turn.present and not turn.hidden and bool(strip_ooc(turn.text).strip())


@dataclass(frozen=True, slots=True)
class _Asked:
    """The turn to answer; an `unprompted` speaker goes on after what was said until then. A text that is
    `begun` already is the last message, for the model to carry on."""

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
    ctx.asking(request)
    stream = _Stream(ctx, writing, composed.speaker_name)
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


def _others(ctx: Context, speaker_id: int) -> list[str]:
    """Every name of those whose lines are not the speaker's to say."""
    chat = views.chat(ctx.db, ctx.claim.chat_id)
    known = cast_of(ctx.db, chat, (YOU, *chat.bots)).known_as
    own = {folded(name) for name in known.get(speaker_id, ())}
    names = (name for one, names in known.items() if one != speaker_id for name in names)
    return [name for name in names if folded(name) not in own]


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
    speaker_name: str
    model: str = ""
    usage: Usage | None = None
    finish: str | None = None

    @cached_property
    def own(self) -> OwnWords:
        """Asked for with the first word: before it, the request is what matters."""
        return OwnWords(self.speaker_name, _others(self.ctx, self.writing.speaker_id))

    async def follow(self, endpoint: Endpoint, request: Request) -> Ending:
        """Publish what arrives until the model, the person, the endpoint or the process ends it."""
        try:
            with self.ctx.stoppable():
                await self._read(endpoint, request)
        except EndpointFailed:
            self.writing.add(self.own.rest())
            if not self.writing.grown:
                raise
            return "dropped"
        self.writing.add(self.own.rest())
        if self.ctx.stopped and self.finish is None:
            return "shutdown" if self.ctx.stop_reason == "shutdown" else "stopped"
        return "length" if self.finish == "length" else "complete"

    async def _read(self, endpoint: Endpoint, request: Request) -> None:
        began = time.monotonic()
        async with aclosing(endpoint.generate(request, self.ctx.waits_for_others)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    self.ctx.figures.setdefault("first_token_s", round(time.monotonic() - began, 4))
                    self.writing.add(self.own.take(chunk.text))
                if self.own.over:
                    self.finish = "stop"
                    break
                if self.writing.full:
                    self.finish = "length"
                    break
                self.finish = chunk.finish or self.finish
                self.usage = chunk.usage or self.usage
                self.model = chunk.model or self.model
        self.ctx.figures["stream_s"] = round(time.monotonic() - began, 4)
