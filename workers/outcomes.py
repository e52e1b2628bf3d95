"""Outcomes: how a run ends, each as one step that is a single transaction.

done with its events, cancelled, failed into backoff or death, or handed back. Every step is fenced: when the
claim has passed to somebody else, it raises and writes nothing.
"""

import json
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from pipeline.context import Context, told
from pipeline.inference.errors import EndpointFailed
from pipeline.just_created import naming
from pipeline.retry import TREATMENTS, delay_s
from pipeline.stage import Stage
from store import ledger, live, log, prompts, replays
from store.attempts import Failure, Kept
from store.errors import ErrorClass, FabulaError
from store.events import OutcomeSuperseded, Payload
from store.ledger import Claim
from store.txn import Txn

Step = Callable[[Txn], None]
RATE_LIMIT_WAIT_S = 5.0


class Fenced(Exception):
    """The run was taken back while we worked on it; whatever we made of it is dropped."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an attempt failed and what that means for the run."""

    error_class: ErrorClass
    told: str
    retryable: bool
    retry_after_s: float | None


def done(ctx: Context, stage: Stage, payloads: Sequence[Payload]) -> Step:
    """The run is done: its events, their folds, and the runs they trigger, in one commit.

    When a later generation has already answered it, it is cancelled instead and what it found is dropped.
    When what its stage stands on has changed since it looked, it is handed back to look again.
    When what it answers does not count any more, what it found is recorded and counts when that does.
    """
    claim, kept = ctx.claim, _kept(ctx)

    def step(txn: Txn) -> None:
        if payloads and log.is_any_of(txn.connection, claim.chat_id, stage.stands_on, after=ctx.looked_at):
            _look_again(txn, claim)
            return
        wanted = not replays.is_outdone(txn.connection, claim)
        _fence(ledger.finish(txn.connection, claim, "done" if wanted else "cancelled", kept, now=txn.now))
        if ctx.sent is not None:
            prompts.keep(txn.connection, claim.run_id, ctx.sent)
        if wanted:
            record(txn, claim, payloads)
        _release(txn, claim)

    return step


def record(txn: Txn, claim: Claim, payloads: Sequence[Payload]) -> None:
    """Append what a run yielded, after the word that takes its earlier generations out of force."""
    superseded = [
        OutcomeSuperseded(superseded_run_id=run_id)
        for run_id in replays.outcomes_in_force(txn.connection, claim)
    ]
    created: dict[type[Payload], int] = {}
    for ordinal, payload in enumerate((*superseded, *payloads)):
        event = txn.append(
            naming(payload, created),
            chat_id=claim.chat_id or None,
            cause_id=claim.event_id,
            run_id=claim.run_id,
            ordinal=ordinal,
        )
        created[type(payload)] = event.id


def cancelled(claim: Claim) -> Step:
    """The person stopped the run before it had written anything."""

    def step(txn: Txn) -> None:
        _fence(ledger.finish(txn.connection, claim, "cancelled", now=txn.now))
        _release(txn, claim)

    return step


def handed_back(claim: Claim) -> Step:
    """The run is started again, by this process or, when it shuts down, by another or the next."""

    def step(txn: Txn) -> None:
        _fence(ledger.hand_back(txn.connection, claim, now=txn.now))
        txn.freed.append(claim.lane)

    return step


def failed(ctx: Context, stage: Stage, reason: Reason) -> Step:
    """Back off or die, as the error's class and the stage's patience say. Where the ground has gone from
    under the run, because what it answers does not count any more, it is set aside."""
    claim = ctx.claim
    treatment = TREATMENTS[reason.error_class]
    again = treatment.again and reason.retryable
    if again and treatment.counts:
        again = claim.attempt < stage.retry.attempts
    wait_s = delay_s(stage.retry, claim.run_id, claim.attempt, reason.retry_after_s)
    if reason.error_class is ErrorClass.RATE_LIMITED and reason.retry_after_s is None:
        wait_s = max(wait_s, RATE_LIMIT_WAIT_S)
    failure, kept = Failure(reason.error_class.value, reason.told), _kept(ctx)

    def step(txn: Txn) -> None:
        if not live.is_live(txn.connection, claim.event_id):
            _set_aside(txn, claim)
            return
        due = txn.now + int(wait_s * 1000) if again else None
        _fence(ledger.fail(txn.connection, claim, failure, due, kept, now=txn.now))
        if again and not treatment.counts:
            ledger.uncount(txn.connection, claim)
        txn.freed.append(claim.lane)

    return step


def reason_for(error: BaseException) -> Reason:
    """Classify what an actor raised; anything unforeseen is a bug of ours and says so."""
    if isinstance(error, EndpointFailed):
        means = "The reply is not written yet; your turn is safe."
        text = told(error.message, means, error.hint, error.detail)
        return Reason(error.error_class, text, error.retryable, error.retry_after_s)
    if isinstance(error, trio.TooSlowError):
        text = told("This step took too long.", "It was ended; nothing is lost.", "It is tried again.", "")
        return Reason(ErrorClass.TIMEOUT, text, True, None)
    if isinstance(error, FabulaError):
        text = told(error.message, "This step cannot go on as it is.", error.hint, error.detail)
        return Reason(ErrorClass.REFUSED, text, False, None)
    detail = "".join(traceback.format_exception(error))[-8000:]
    what = f"Something in Fabula broke: {type(error).__name__}: {error}"
    text = told(what, "This is a fault of ours; your turn is safe.", "Retry it, or report it.", detail)
    return Reason(ErrorClass.BUG, text, False, None)


def _kept(ctx: Context) -> Kept:
    """What was asked and heard: the requests, and to each its answers. The words of a narration that came to
    its end are kept packed, and its answer is the turn."""
    figures = json.dumps(ctx.figures) if ctx.figures else None
    if not ctx.exchanges or ctx.sent is not None:
        return Kept(figures=figures)
    requests = ", ".join(one.request.model_dump_json() for one in ctx.exchanges)
    answers = json.dumps([one.answers for one in ctx.exchanges], ensure_ascii=False)
    return Kept(f"[{requests}]", answers, figures)


def _fence(ours: bool) -> None:
    if not ours:
        raise Fenced


def _look_again(txn: Txn, claim: Claim) -> None:
    """The run starts over, at once or when what it answers counts again."""
    if live.is_live(txn.connection, claim.event_id):
        handed_back(claim)(txn)
    else:
        _set_aside(txn, claim)


def _set_aside(txn: Txn, claim: Claim) -> None:
    _fence(ledger.finish(txn.connection, claim, "cancelled", now=txn.now))
    txn.execute("UPDATE run SET stop = ? WHERE id = ?", (replays.SET_ASIDE, claim.run_id))
    txn.freed.append(claim.lane)


def _release(txn: Txn, claim: Claim) -> None:
    txn.execute("DELETE FROM partial WHERE run_id = ?", (claim.run_id,))
    txn.freed.append(claim.lane)
