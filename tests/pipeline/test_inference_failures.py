"""Everything an endpoint can do wrong becomes one EndpointFailed: its class, what to do, and the detail."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pydantic
import pytest
import trio
from trio.testing import MockClock

from pipeline.inference import errors
from pipeline.inference.endpoints import Profile, open_endpoint
from store.errors import ErrorClass, Invalid
from tests.fakes.behaviour import BEFORE_HEADERS, Behaviour, answers, drops, says
from tests.pipeline.inference import HASTY, HELLO, Speech, failure_of, reply_of, upstream

BOTH = pytest.mark.parametrize("speech", ["openai", "ollama"])
STATUSES = [
    (302, ErrorClass.REFUSED, False),
    (400, ErrorClass.REFUSED, False),
    (401, ErrorClass.REFUSED, False),
    (402, ErrorClass.QUOTA, False),
    (403, ErrorClass.REFUSED, False),
    (404, ErrorClass.REFUSED, False),
    (408, ErrorClass.TIMEOUT, True),
    (413, ErrorClass.CONTEXT_OVERFLOW, False),
    (418, ErrorClass.REFUSED, False),
    (422, ErrorClass.REFUSED, False),
    (429, ErrorClass.RATE_LIMITED, True),
    (500, ErrorClass.CONNECTION, True),
    (502, ErrorClass.CONNECTION, True),
    (503, ErrorClass.CONNECTION, True),
    (504, ErrorClass.TIMEOUT, True),
    (529, ErrorClass.CONNECTION, True),
    (599, ErrorClass.CONNECTION, True),
]


@BOTH
@pytest.mark.parametrize(("status", "error_class", "retryable"), STATUSES)
async def test_every_status_has_a_class(
    speech: Speech, status: int, error_class: ErrorClass, retryable: bool
) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(answers(status, {"message": "the server's own words"}))
        failure = await failure_of(endpoint)
    assert (failure.error_class, failure.retryable, failure.status) == (error_class, retryable, status)
    assert "fake" in failure.message
    assert failure.hint
    assert "the server's own words" in failure.detail


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"type": "exceed_context_size_error", "message": "request exceeds the available context size"}),
        (400, {"code": "context_length_exceeded", "message": "This model's maximum context length is 8192"}),
        (500, {"message": "prompt is too long: too many tokens"}),
    ],
)
async def test_a_prompt_too_large_is_told_apart(status: int, error: dict[str, str]) -> None:
    async with upstream() as (fake, endpoint):
        fake.script(answers(status, error))
        failure = await failure_of(endpoint)
    assert (failure.error_class, failure.retryable) == (ErrorClass.CONTEXT_OVERFLOW, False)


async def test_an_empty_account_is_not_a_rate_limit() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(answers(429, {"code": "insufficient_quota"}))
        assert (await failure_of(endpoint)).error_class is ErrorClass.QUOTA


async def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    async with upstream() as (fake, endpoint):
        fake.script(answers(429, retry_after="2.5"), answers(503, retry_after=soon))
        assert (await failure_of(endpoint)).retry_after_s == 2.5
        assert 85 < ((await failure_of(endpoint)).retry_after_s or 0) <= 90


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", 0),
        ("nan", None),
        ("inf", None),
        ("1e300", 86_400),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_a_strange_retry_after_is_none(value: str | None, seconds: float | None) -> None:
    assert errors.retry_after_s(value) == seconds


async def test_the_key_is_in_no_error() -> None:
    async with upstream(api_key="sk-secret") as (fake, endpoint):
        fake.script(answers(401, {"message": "Incorrect API key provided: sk-secret"}))
        failure = await failure_of(endpoint)
    assert "sk-secret" not in f"{failure} {failure.hint} {failure.detail} {endpoint!r}"


async def test_a_key_that_cannot_be_one_is_refused_without_being_shown() -> None:
    profile = Profile(name="x", kind="openai", base_url="http://127.0.0.1:1", api_key="sk–typographic")
    with pytest.raises(Invalid) as refused:
        async with open_endpoint(profile):
            pass
    assert "typographic–" not in str(refused.value)
    assert "sk–" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        Behaviour(raw='data: {"error": {"code": 401, "message": "bad key sk-secret"}}\n\n'),
        Behaviour(raw="oops sk-secret\n\n"),
        Behaviour(raw="data: {sk-secret}\n\n"),
        Behaviour(body="<html>sk-secret", headers={"content-type": "text/html"}),
        Behaviour(status=401, body="x" * (errors.SHOWN_BYTES - 6) + "sk-secret"),
    ],
)
async def test_the_key_is_in_no_error_inside_an_answer_either(body: Behaviour) -> None:
    async with upstream(api_key="sk-secret") as (fake, endpoint):
        fake.script(body)
        failure = await failure_of(endpoint)
    assert failure.detail
    assert "sk-sec" not in f"{failure} {failure.hint} {failure.detail}"


@BOTH
@pytest.mark.parametrize("answer", [{"data": [], "embeddings": []}, {"error": "sk-secret"}, ["sk-secret"]])
async def test_embeddings_that_are_not_one_for_each_text_are_invalid_output(
    speech: Speech, answer: object
) -> None:
    async with upstream(speech, api_key="sk-secret") as (fake, endpoint):
        fake.routes["/v1/embeddings"] = fake.routes["/api/embed"] = (200, answer)
        with pytest.raises(errors.EndpointFailed) as failed:
            await endpoint.embed(["one", "two"])
    assert failed.value.error_class is ErrorClass.INVALID_OUTPUT
    assert "sk-secret" not in failed.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "ftp://host/v1",
        "http://",
        "http:///v1",
        "http://host:abc",
        "http://host:99999",
        "http://host:0",
        "http://a..b",
        f"http://{'a' * 64}",
        "http://\u2603.invalid",
        "http://ho\0st",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        Profile(name="x", kind="openai", base_url=url)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
    ],
)
async def test_an_address_may_be_given_in_any_of_the_usual_ways(given: str, asked: str) -> None:
    async with upstream() as (fake, _endpoint):
        profile = Profile(name="x", kind="openai", base_url=fake.base_url + given, model="m")
        async with open_endpoint(profile) as endpoint:
            await reply_of(endpoint)
        assert fake.paths == [asked]


@BOTH
async def test_nobody_there_is_a_connection_failure_naming_the_address(speech: Speech) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    profile = Profile(name="gone", kind=speech, base_url=f"http://me:pw@127.0.0.1:{port}", model="m")
    async with open_endpoint(profile) as endpoint:
        failure = await failure_of(endpoint)
        with pytest.raises(errors.EndpointFailed):
            await endpoint.probe()
    assert failure.error_class is ErrorClass.CONNECTION
    assert f"127.0.0.1:{port}" in failure.message
    assert "pw" not in f"{failure.message}{failure.detail}"


def test_a_connection_that_takes_too_long_is_a_timeout() -> None:
    failure = errors.from_transport("far", "http://far", httpx.ConnectTimeout("late"))
    assert failure.error_class is ErrorClass.TIMEOUT


@BOTH
async def test_garbage_is_invalid_output(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(Behaviour(raw="}{ what is this\n"))
        failure = await failure_of(endpoint)
    assert failure.error_class is ErrorClass.INVALID_OUTPUT
    assert "what is this" in failure.detail


async def test_a_data_line_that_is_no_json_is_invalid_output() -> None:
    for raw in ("data: {not json}\n", "data: [1, 2]\n", "data: " + "[" * 100_000 + "\n"):
        async with upstream() as (fake, endpoint):
            fake.script(Behaviour(raw=raw))
            assert (await failure_of(endpoint)).error_class is ErrorClass.INVALID_OUTPUT


async def test_json_of_an_unexpected_shape_says_nothing_and_breaks_nothing() -> None:
    odd = [
        '{"choices": [null]}',
        '{"choices": {}}',
        '{"choices": [{"delta": "x"}]}',
        '{"usage": 3, "model": 4}',
    ]
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(text="Fine.", raw="".join(f"data: {one}\n\n" for one in odd)))
        reply = await reply_of(endpoint)
    assert (reply.text, reply.failure) == ("Fine.", None)


async def test_figures_of_an_unexpected_shape_break_nothing() -> None:
    odd = [
        '{"usage": {"prompt_tokens": NaN, "completion_tokens": 1e999}}',
        '{"usage": {"prompt_tokens": -4, "prompt_tokens_details": {"cached_tokens": "x"}}}',
        '{"choices": [{"delta": {}, "finish_reason": ["length"]}]}',
        '{"choices": [{"delta": {}, "finish_reason": {"a": 1}}]}',
    ]
    async with upstream() as (fake, endpoint):
        for one in odd:
            fake.script(Behaviour(text="Fine.", usage=False, raw=f"data: {one}\n\n"))
            reply = await reply_of(endpoint)
            assert (reply.text, reply.finish, reply.failure) == ("Fine.", "stop", None)
            assert all(chunk.usage.prompt_tokens == 0 for chunk in reply.chunks if chunk.usage)


async def test_a_web_page_is_not_a_reply() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(body="<html>Welcome</html>", headers={"content-type": "text/html"}))
        failure = await failure_of(endpoint)
    assert failure.error_class is ErrorClass.INVALID_OUTPUT
    assert "address" in failure.hint


@BOTH
async def test_an_empty_reply_is_invalid_output_and_worth_another_try(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(Behaviour(tokens=0), Behaviour(text=" \n"), Behaviour(tokens=0, thinking="Hmm."))
        for _ in range(3):
            failure = await failure_of(endpoint)
            assert (failure.error_class, failure.retryable) == (ErrorClass.INVALID_OUTPUT, True)


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        ({"message": "slow down", "code": 429}, ErrorClass.RATE_LIMITED),
        ({"message": "no credit", "code": "402"}, ErrorClass.QUOTA),
        ({"message": "exceeds the available context size", "code": 400}, ErrorClass.CONTEXT_OVERFLOW),
        ("it just broke", ErrorClass.CONNECTION),
    ],
)
async def test_an_error_inside_a_stream_is_that_error(error: object, error_class: ErrorClass) -> None:
    async with upstream() as (fake, endpoint):
        raw = f"data: {httpx.Response(200, json={'error': error}).text}\n\n"
        fake.script(Behaviour(raw=raw))
        reply = await reply_of(endpoint)
    assert reply.text.startswith("w0")
    assert reply.failure is not None
    assert reply.failure.error_class is error_class


async def test_an_error_line_of_an_old_llama_cpp_is_understood() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(raw='error: {"error": {"code": 500, "message": "it broke"}}\n\n'))
        assert (await failure_of(endpoint)).error_class is ErrorClass.CONNECTION


async def test_an_error_inside_ollamas_stream_is_that_error() -> None:
    async with upstream("ollama") as (fake, endpoint):
        fake.script(Behaviour(raw='{"error": "llama runner process has terminated"}\n'))
        failure = await failure_of(endpoint)
    assert failure.error_class is ErrorClass.CONNECTION
    assert "runner" in failure.detail


async def test_a_content_filter_is_a_refusal_that_is_not_repeated() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(finish="content_filter"))
        failure = await failure_of(endpoint)
    assert (failure.error_class, failure.retryable) == (ErrorClass.REFUSED, False)


async def test_a_reply_without_end_is_cut_off() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(tokens=1, raw="x" * 9_000_000))
        failure = await failure_of(endpoint)
    assert failure.error_class is ErrorClass.INVALID_OUTPUT
    assert "8 MB" in failure.message


async def test_a_huge_error_body_is_shown_in_part() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(answers(500, "é" * 1_000_000))
        failure = await failure_of(endpoint)
    assert len(failure.detail.encode()) <= 2048


async def test_an_error_whose_body_never_comes_is_a_timeout(idle: MockClock) -> None:
    async with upstream(patience=HASTY) as (fake, endpoint):
        fake.script(Behaviour(status=500, body="{}", headers={"content-length": "999"}, stall_after=-1))
        assert (await failure_of(endpoint)).error_class is ErrorClass.TIMEOUT


async def test_a_very_long_reply_is_read_whole() -> None:
    async with upstream() as (fake, endpoint):
        fake.script(Behaviour(text=f"{'w' * 49} " * 2_000))
        reply = await reply_of(endpoint)
    assert (len(reply.text), reply.failure) == (100_000, None)


async def test_ollama_without_the_model_says_how_to_get_it() -> None:
    async with upstream("ollama") as (fake, endpoint):
        fake.routes["/api/show"] = (404, {"error": "model 'fake-model' not found"})
        with pytest.raises(errors.EndpointFailed, match="404") as failed:
            await endpoint.probe()
    assert "ollama pull" in failed.value.hint


async def test_a_request_with_unsayable_text_is_sent_without_it() -> None:
    unsayable = HELLO.messages[0].model_copy(update={"content": "Hi\ud83d\x00 there"})
    async with upstream() as (fake, endpoint):
        await reply_of(endpoint, HELLO.model_copy(update={"messages": (unsayable,)}))
    assert fake.requests[0].json["messages"][0]["content"] == "Hi there"


@BOTH
async def test_a_kept_line_that_hangs_up_before_a_word_is_replaced(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(says("First."), drops(after=BEFORE_HEADERS), says("Third."))
        first, second = await reply_of(endpoint), await reply_of(endpoint)
    assert (first.text, second.text, second.failure) == ("First.", "Third.", None)
    assert len(fake.requests) == 3


@BOTH
async def test_a_line_of_its_own_that_hangs_up_is_a_failure(speech: Speech) -> None:
    async with upstream(speech) as (fake, endpoint):
        fake.script(drops(after=BEFORE_HEADERS), says("Never asked."))
        failure = await failure_of(endpoint)
    assert failure.error_class is ErrorClass.CONNECTION
    assert len(fake.requests) == 1
