"""A reply arrives piece by piece, from either kind of server, and ends in a way that is told truthfully."""

from contextlib import aclosing

import pytest
import trio
from trio.testing import MockClock

from pipeline.inference.types import Message, Request, Sampler, Usage
from store.errors import ErrorClass
from tests.fakes.behaviour import BEFORE_HEADERS, Behaviour, drops, says, stalls
from tests.fakes.embedder import FakeEmbedder
from tests.pipeline.inference import HASTY, HELLO, Speech, reply_of, upstream
from tests.settling import LIMIT_S

BOTH = pytest.mark.parametrize("speech", ["openai", "ollama"])


@BOTH
async def test_a_reply_streams_with_finish_usage_and_model(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(says("Once upon a time.\n\nThe end."))
        reply = await reply_of(endpoint)
    assert reply.text == "Once upon a time.\n\nThe end."
    assert reply.finish == "stop"
    assert [chunk.usage for chunk in reply.chunks if chunk.usage] == [
        Usage(prompt_tokens=2, completion_tokens=6)
    ]
    assert {chunk.model for chunk in reply.chunks} == {"fake-model"}


@BOTH
async def test_the_first_token_arrives_while_the_rest_is_still_being_written(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(says("Wait for it", stall_after=1))
        async with aclosing(endpoint.generate(HELLO)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break
            assert chunk.text == "Wait"
            await fake.release()
            assert "".join([later.text async for later in chunks]) == " for it"


@BOTH
async def test_a_reply_cut_at_its_length_says_so(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(Behaviour(finish="length"))
        assert (await reply_of(endpoint)).finish == "length"


async def test_cached_tokens_are_reported() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(cached_tokens=166))
        reply = await reply_of(endpoint)
    assert [chunk.usage.cached_tokens for chunk in reply.chunks if chunk.usage] == [166]


@BOTH
async def test_closing_the_generator_makes_the_server_stop(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(stalls(after=2))
        async with aclosing(endpoint.generate(HELLO)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break
        with trio.fail_after(LIMIT_S):
            await (await fake.next_request()).disconnected.wait()


@BOTH
@pytest.mark.parametrize("where", [BEFORE_HEADERS, 0, 2])
async def test_cancelling_a_generation_makes_the_server_stop(speech: Speech, where: int) -> None:
    async with upstream(speech) as (fake, endpoint), trio.open_nursery() as nursery:
        fake.script(stalls(after=where))
        nursery.start_soon(reply_of, endpoint)
        seen = await fake.next_request()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(LIMIT_S):
            await seen.disconnected.wait()


@BOTH
async def test_a_drop_in_the_middle_keeps_what_arrived_and_is_a_connection_failure(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(drops(after=3))
        reply = await reply_of(endpoint)
    assert reply.text == "w0 w1 w2"
    assert reply.failure is not None
    assert reply.failure.error_class is ErrorClass.CONNECTION
    assert reply.failure.retryable


@BOTH
@pytest.mark.parametrize("where", [BEFORE_HEADERS, 0, 3])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_drop_anywhere_is_a_connection_failure(speech: Speech, where: int, reset: bool) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(drops(after=where, reset=reset))
        failure = (await reply_of(endpoint)).failure
    assert failure is not None
    assert failure.error_class is ErrorClass.CONNECTION


@BOTH
async def test_a_stream_that_just_ends_was_dropped(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(Behaviour(finish=None, done=False, usage=False))
        reply = await reply_of(endpoint)
    assert reply.text.startswith("w0 w1")
    assert reply.failure is not None
    assert reply.failure.error_class is ErrorClass.CONNECTION


async def test_either_a_finish_or_done_ends_a_reply_well() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(done=False), Behaviour(finish=None))
        assert (await reply_of(endpoint)).failure is None
        assert (await reply_of(endpoint)).failure is None


@BOTH
@pytest.mark.parametrize("where", [BEFORE_HEADERS, 0, 3])
async def test_silence_is_a_timeout(speech: Speech, where: int, idle: MockClock) -> None:
    async with upstream(speech, patience=HASTY) as (fake, endpoint):
        fake.script(stalls(after=where))
        reply = await reply_of(endpoint)
        seen = await fake.next_request()
        with trio.fail_after(LIMIT_S):
            await seen.disconnected.wait()
    assert reply.failure is not None
    assert reply.failure.error_class is ErrorClass.TIMEOUT
    assert len(reply.text.split()) == max(where, 0)


@pytest.mark.parametrize("where", [0, 2])
async def test_a_sign_of_life_is_not_a_token(where: int, idle: MockClock) -> None:
    async with upstream(patience=HASTY) as (fake, endpoint):
        fake.script(stalls(after=where, ping_ms=30))
        reply = await reply_of(endpoint)
    assert reply.failure is not None
    assert reply.failure.error_class is ErrorClass.TIMEOUT


async def test_what_happens_after_the_finish_is_no_loss() -> None:
    async with upstream() as (fake, endpoint):
        finished = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
        fake.script(Behaviour(raw=finished + "nonsense", finish=None, done=False, usage=False))
        garbled_tail = await reply_of(endpoint)
    assert garbled_tail.finish == "stop"


async def test_thinking_is_not_part_of_the_reply() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(says("Yes.", thinking="Hmm, should I?"))
        assert (await reply_of(endpoint)).text == "Yes."


@BOTH
async def test_text_no_database_can_hold_is_cleaned(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(says("a\x00b \ud83dc \U0001f600 d\u2028e\x85f"))
        assert (await reply_of(endpoint)).text == "ab c \U0001f600 d\u2028e\x85f"


async def test_raw_line_separators_inside_json_do_not_cut_it() -> None:
    async with upstream() as (fake, endpoint):
        event = 'data: {"choices": [{"delta": {"content": "one\u2028two\x85three"}}]}\n\n'
        fake.script(Behaviour(text="-", raw=event))
        assert (await reply_of(endpoint)).text == "-one\u2028two\x85three"


async def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(text="-", raw='data: {"choices": [{"delta": {"content": "\udcff!"}}]}\n\n'))
        assert (await reply_of(endpoint)).text == "-\ufffd!"


async def test_a_server_that_cannot_stream_is_read_whole() -> None:
    choice = '{"message": {"content": "All at once."}, "finish_reason": "stop"}'
    body = f'\n {{\n "choices": [{choice}],\n "usage": {{}}}}'
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(body=body))
        reply = await reply_of(endpoint)
    assert (reply.text, reply.finish, reply.failure) == ("All at once.", "stop", None)


async def test_only_settings_the_server_takes_are_sent() -> None:
    asked = HELLO.model_copy(update={"sampler": Sampler(temperature=0.5, top_k=40, min_p=0.1), "slot": 0})
    async with upstream() as (fake, endpoint):
        await reply_of(endpoint, asked)
    sent = fake.requests[0].json
    assert sent["temperature"] == 0.5
    assert sent["stream_options"] == {"include_usage": True}
    assert not {"top_k", "min_p", "id_slot", "cache_prompt", "stop", "seed"} & set(sent)


async def test_llama_cpp_gets_its_slot_and_its_samplers() -> None:
    asked = HELLO.model_copy(update={"sampler": Sampler(top_k=40, min_p=0.1, repeat_penalty=1.1), "slot": 1})
    async with upstream() as (fake, endpoint):
        fake.routes["/v1/models"] = (200, {"data": [{"id": "fake-model", "owned_by": "llamacpp"}]})
        fake.routes["/props"] = (200, {"total_slots": 2, "default_generation_settings": {"n_ctx": 6144}})
        capabilities = await endpoint.probe()
        await reply_of(endpoint, asked)
        assert await endpoint.count_tokens("three little words") == 3
    assert (capabilities.slots, capabilities.context_tokens, capabilities.caches_prefix) == (2, 6144, True)
    sent = fake.requests[0].json
    assert (sent["id_slot"], sent["cache_prompt"], sent["top_k"], sent["repeat_penalty"]) == (
        1,
        True,
        40,
        1.1,
    )


async def test_a_slot_the_server_does_not_have_is_not_asked_for() -> None:
    async with upstream() as (fake, endpoint):
        fake.routes["/v1/models"] = (200, {"data": [{"id": "fake-model", "owned_by": "llamacpp"}]})
        await endpoint.probe()
        await reply_of(endpoint, HELLO.model_copy(update={"slot": 1}))
    assert "id_slot" not in fake.requests[0].json


async def test_a_probe_takes_the_first_model_and_its_context_where_none_is_named() -> None:
    async with upstream(model="") as (_fake, endpoint):
        capabilities = await endpoint.probe()
        assert endpoint.model == "fake-model"
    assert capabilities.context_tokens == 8192


async def test_what_a_person_configured_stands() -> None:
    async with upstream(context_tokens=2048) as (_fake, endpoint):
        assert (await endpoint.probe()).context_tokens == 2048


async def test_the_key_is_sent_as_a_bearer() -> None:
    async with upstream(api_key="sk-secret\n") as (fake, endpoint):
        await reply_of(endpoint)
    assert fake.requests[0].headers["authorization"] == "Bearer sk-secret"


async def test_ollama_is_told_its_window_and_asked_in_its_own_words() -> None:
    asked = Request(messages=(Message(role="user", content="Hi"),), sampler=Sampler(top_k=40, max_tokens=99))
    async with upstream("ollama") as (fake, endpoint):
        capabilities = await endpoint.probe()
        await reply_of(endpoint, asked)
    assert capabilities.context_tokens == 8192
    assert fake.requests[0].json["options"] == {"top_k": 40, "num_predict": 99, "num_ctx": 8192}


@BOTH
async def test_embeddings_come_back_in_the_order_of_their_texts(speech: Speech) -> None:
    async with upstream(speech) as (_fake, endpoint):
        texts = ["a lantern", "the sea"]
        told = await endpoint.embed(texts)
        assert told == await FakeEmbedder().embed(texts)
        assert told[0] != told[1]
        assert await endpoint.embed([]) == []


@BOTH
async def test_many_generations_at_once_do_not_mix(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(*(says(f"reply number {n}") for n in range(8)))
        replies: list[str] = []

        async def one() -> None:
            replies.append((await reply_of(endpoint)).text)

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(one)
    assert sorted(replies) == [f"reply number {n}" for n in range(8)]
