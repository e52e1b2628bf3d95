"""Reading a streamed answer line by line: bounded in time and size, and clean of what no text may hold."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import trio

from pipeline.inference import errors

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits in seconds: to connect, to the first piece of an answer, and from piece to piece."""

    connect_s: float = 5.0
    first_s: float = 120.0
    between_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Wire:
    """One endpoint's connection: where, with which headers, and how patiently."""

    name: str
    base_url: str
    client: httpx.AsyncClient
    headers: Mapping[str, str]
    patience: Patience

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        """An answer whose status is a success; everything else is an EndpointFailed."""
        timeout = httpx.Timeout(self.patience.first_s, connect=self.patience.connect_s)
        request = self.client.build_request(
            "POST", f"{self.base_url}{path}", json=dict(body), headers=dict(self.headers), timeout=timeout
        )
        try:
            response = await self.client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise errors.from_transport(self.name, self.base_url, error) from error
        try:
            if response.status_code != 200:
                raise await self._refusal(response)
            yield response
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await response.aclose()

    async def _refusal(self, response: httpx.Response) -> errors.EndpointFailed:
        try:
            body = (await response.aread())[: errors.SHOWN_BODY_CHARS].decode(errors="replace")
        except httpx.HTTPError as error:
            body = f"(its explanation could not be read: {error})"
        return errors.from_status(self.name, response.status_code, body, response.headers)

    async def lines(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """The lines of a streamed answer, empty ones left out."""
        async with self.post(path, body) as response:
            limit, size = self.patience.first_s, 0
            arriving = response.aiter_lines()
            while (line := await self._next(arriving, limit)) is not None:
                size += len(line)
                if size > MAX_ANSWER_BYTES:
                    raise errors.garbled(self.name, f"more than {MAX_ANSWER_BYTES} bytes")
                if line:
                    limit = self.patience.between_s
                    yield line

    async def _next(self, arriving: AsyncIterator[str], limit_s: float) -> str | None:
        try:
            with trio.fail_after(limit_s):
                return await anext(arriving, None)
        except trio.TooSlowError as error:
            raise errors.timed_out(self.name, f"nothing for {limit_s:g} s") from error
        except httpx.HTTPError as error:
            raise errors.from_transport(self.name, self.base_url, error) from error

    async def answer(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole JSON answer."""
        async with self.post(path, body) as response:
            try:
                return dict((await response.aread(), response.json())[1])
            except httpx.HTTPError as error:
                raise errors.from_transport(self.name, self.base_url, error) from error
            except (ValueError, TypeError) as error:
                raise errors.garbled(self.name, response.text) from error


def clean(text: str) -> str:
    """Text without NUL and lone surrogates, which no database, page or log can hold."""
    return _UNSTORABLE.sub("", text)
