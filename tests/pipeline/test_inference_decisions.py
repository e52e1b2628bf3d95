"""A decision is asked for as JSON, read leniently, checked strictly, reminded once, and bounded in time."""

import contextlib
import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from trio.testing import MockClock

from pipeline.inference.decide import described_in, read, strict_schema
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Message, Request
from store.errors import ErrorClass
from tests.fakes.behaviour import answers, decides, drops, says, stalls
from tests.pipeline.inference import HASTY, HELLO, Judgement, Speech, upstream

BOTH = pytest.mark.parametrize("speech", ["openai", "ollama"])
KNOWN = {"data": [{"id": "fake-model", "owned_by": "llamacpp"}]}
FITS = '{"score": 2, "reason": "a kiss"}'


class Inner(BaseModel):
    name: str = "x"


class Outer(BaseModel):
    inners: tuple[Inner, ...] = ()
    mood: Literal["glad", "sad"] = "glad"
    weight: float = Field(default=1.0, ge=0)


@BOTH
async def test_a_decision_comes_back_as_its_model(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(decides({"score": 3, "reason": "she died"}))
        assert await endpoint.decide(HELLO, Judgement) == Judgement(score=3, reason="she died")
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        FITS,
        f"```json\n{FITS}\n```",
        f"Sure! Here you are:\n{FITS}\nAnything else?",
        f'<think>{{"score": 0}} or maybe 1?</think>{FITS}',
        '{"score": 2, "reason": "a kiss",}',
        'Well: {"score": 2, "reason": "a kiss" , \n }!',
        '{"note": "no"} {"score": 2, "reason": "a kiss"}',
        '{"score": 2, "reason": "a kiss", "extra": [1, 2,],}',
        '{"score": 2, "reason": "a \\u0000ki\\ud800ss"}',
        "{not json} " + FITS,
    ],
)
def test_what_stands_around_the_json_is_forgiven(answer: str) -> None:
    assert read(answer, Judgement) == Judgement(score=2, reason="a kiss")


def test_a_comma_inside_a_text_is_not_a_trailing_one() -> None:
    assert read('{"score": 1, "reason": "he said ,} and left",}', Judgement).reason == "he said ,} and left"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        "{}",
        '{"score": 7}',
        '{"score": "2"}',
        '{"score": 2.5}',
        '{"score": NaN}',
        '{"score": 2, "reason": null}',
        "[" * 50_000,
        '{"a":' * 5_000,
    ],
)
def test_what_does_not_fit_is_not_accepted(answer: str) -> None:
    with pytest.raises(ValueError):
        read(answer, Judgement)


@given(st.text())
def test_no_text_whatsoever_breaks_the_reader(answer: str) -> None:
    with contextlib.suppress(ValueError):
        read(answer, Judgement)


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0{}[]<>")),
    st.sampled_from([0, 1, 2, 3]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_prose_around_a_decision_never_changes_it(prose: str, score: int, reason: str) -> None:
    answer = prose + json.dumps({"score": score, "reason": reason}) + prose
    if "<think" not in answer:
        assert read(answer, Judgement).model_dump() == {"score": score, "reason": reason}


@BOTH
async def test_an_answer_that_does_not_fit_is_reminded_once_with_the_reason(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(decides({"score": 9}), says(FITS))
        assert (await endpoint.decide(HELLO, Judgement)).score == 2
    first, second = (request.json["messages"] for request in fake.requests)
    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert "score: Input should be 0, 1, 2 or 3" in second[-1]["content"]


@BOTH
async def test_after_the_reminder_it_fails_as_invalid_output(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(says("I would rather not."), says("Really not."))
        with pytest.raises(EndpointFailed) as failed:
            await endpoint.decide(HELLO, Judgement)
    assert failed.value.error_class is ErrorClass.INVALID_OUTPUT
    assert "Really not." in failed.value.detail
    assert len(fake.requests) == 2


@BOTH
async def test_a_decision_that_takes_too_long_is_a_timeout_and_is_hung_up_on(
    speech: Speech, idle: MockClock
) -> None:
    async with upstream(speech, patience=HASTY) as (fake, endpoint):
        fake.script(stalls(after=1, ping_ms=30))
        with pytest.raises(EndpointFailed) as failed:
            await endpoint.decide(HELLO, Judgement)
        await (await fake.next_request()).disconnected.wait()
    assert failed.value.error_class is ErrorClass.TIMEOUT


@BOTH
async def test_a_broken_connection_is_not_reminded(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(drops(after=1))
        with pytest.raises(EndpointFailed) as failed:
            await endpoint.decide(HELLO, Judgement)
    assert failed.value.error_class is ErrorClass.CONNECTION
    assert len(fake.requests) == 1


async def test_the_schema_constrains_where_the_endpoint_can_be_constrained() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(says(FITS), says(FITS))
        await endpoint.decide(HELLO, Judgement)
        fake.routes["/v1/models"] = (200, KNOWN)
        await endpoint.probe()
        await endpoint.decide(HELLO, Judgement)
    described, constrained = (request.json for request in fake.requests)
    assert "response_format" not in described
    assert constrained["response_format"]["json_schema"]["schema"] == strict_schema(Judgement)


async def test_ollama_gets_the_schema_as_its_format() -> None:
    async with upstream("ollama") as (fake, endpoint):
        fake.script(says(FITS))
        await endpoint.decide(HELLO, Judgement)
    assert fake.requests[0].json["format"] == strict_schema(Judgement)


async def test_a_server_that_refuses_the_constraint_is_asked_without_it() -> None:
    async with upstream() as (fake, endpoint):
        fake.routes["/v1/models"] = (200, KNOWN)
        await endpoint.probe()
        fake.script(answers(400, {"message": "response_format is not supported"}), says(FITS))
        assert (await endpoint.decide(HELLO, Judgement)).score == 2
    assert "response_format" not in fake.requests[1].json


async def test_a_refused_key_is_not_asked_twice() -> None:
    async with upstream() as (fake, endpoint):
        fake.routes["/v1/models"] = (200, KNOWN)
        await endpoint.probe()
        fake.script(answers(401))
        with pytest.raises(EndpointFailed):
            await endpoint.decide(HELLO, Judgement)
    assert len(fake.requests) == 1


def test_the_schema_is_described_within_the_last_user_message() -> None:
    system, user = Message(role="system", content="Judge."), Message(role="user", content="She left.")
    asked = described_in(Request(messages=(system, user)), Judgement)
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert asked.messages[1].content.startswith("She left.\n\nAnswer with nothing but one JSON object")
    assert "3 pivotal" in asked.messages[1].content


def test_without_a_user_message_one_is_added() -> None:
    asked = described_in(Request(messages=(Message(role="system", content="Judge."),)), Judgement)
    assert [message.role for message in asked.messages] == ["system", "user"]


def test_a_constrained_schema_requires_every_field_at_every_level() -> None:
    schema: dict[str, Any] = strict_schema(Outer)
    assert schema["required"] == ["inners", "mood", "weight"]
    assert schema["$defs"]["Inner"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }


def test_a_field_may_be_named_title_or_default() -> None:
    class Titled(BaseModel):
        title: str = "none"
        default: int = 0

    assert list(strict_schema(Titled)["properties"]) == ["title", "default"]
