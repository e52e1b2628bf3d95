"""Judgement: what a stage decided about a turn, and when it could not decide."""

from typing import Literal

from store.errors import ErrorClass
from store.events.payload import Payload, ShortText
from store.events.references import EventId

Significance = Literal[0, 1, 2, 3]
"""0 routine, 1 notable, 2 significant, 3 pivotal."""
PIVOTAL = 3


class SignificanceScored(Payload):
    kind = "significance.scored"
    turn_id: EventId
    score: Significance
    reason: ShortText = ""


class DecisionDefaulted(Payload):
    """A decision could not be had and its safe default was taken instead."""

    kind = "decision.defaulted"
    stage: str
    decision: str
    error_class: ErrorClass
    reason: ShortText = ""
