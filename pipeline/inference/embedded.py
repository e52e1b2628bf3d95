"""The embedded model: llama.cpp in a child process on a loopback port, so that a first run needs nothing.

Everything a request needs is OpenAI's protocol; what is added here is that the server behind it is ours, dies
with us, and comes back when it dies alone.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import trio

from pipeline.inference import errors
from pipeline.inference.dialects import LLAMA_CPP
from pipeline.inference.embedded_server import SLOTS
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.gguf import ModelFile
from pipeline.inference.lines import Patience, Wire
from pipeline.inference.llama_process import Life, LlamaProcess, Stamina
from pipeline.inference.metering import Meter, unmetered
from pipeline.inference.openai import OpenAIEndpoint
from pipeline.inference.types import Capabilities, Chunk, Heard, M, Request, Sent, ignored, unheard
from store.errors import ErrorClass, alone

DEFAULT_CONTEXT = 4096
"""For each slot of the bundled model. Two cores read some 200 tokens a second: a full window of 4,096 is
twenty seconds, of 8,192 forty; and two windows of 8,192 would take another 180 MB."""
OWN_MODEL_CONTEXT = 8192
"""For each slot of a model somebody chose for this machine."""
REAP_S = 1.0
FIRST_TOKEN_S = 600.0
"""A child that hangs is noticed by its death, so a large model on a small machine may read for long."""


@dataclass
class EmbeddedLlama:
    """An endpoint that keeps its own server running."""

    name: str
    model: str
    process: LlamaProcess
    client: httpx.AsyncClient
    patience: Patience
    meter: Meter = unmetered
    _known: tuple[Life, OpenAIEndpoint] | None = field(default=None, repr=False)

    @classmethod
    @asynccontextmanager
    async def started(
        cls,
        file: ModelFile,
        client: httpx.AsyncClient,
        patience: Patience,
        *,
        name: str = "embedded",
        context_tokens: int = DEFAULT_CONTEXT,
        stamina: Stamina | None = None,
        meter: Meter = unmetered,
    ) -> AsyncIterator["EmbeddedLlama"]:
        """Start the server, wait until it answers, keep it alive for the block, end it after.

        Raises:
            EndpointFailed: it does not start; the detail has its last words.
        """
        window = min(context_tokens, file.trained_context or context_tokens)
        process = LlamaProcess(file, window, stamina or Stamina())
        patient = replace(patience, first_s=max(patience.first_s, FIRST_TOKEN_S))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(process.run)
                await process.current()
                yield cls(name, file.name, process, client, patient, meter)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            one = alone(group)  # what keeps the child running never fails, so it is the block's own
            raise one from one.__cause__

    async def generate(self, request: Request, sent: Sent = ignored) -> AsyncGenerator[Chunk, None]:
        """The reply, chunk by chunk; closing the generator ends the request in the child."""
        server = await self.server()
        try:
            async with aclosing(server.generate(request, sent)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except EndpointFailed as error:
            raise await self._told(error) from error

    async def decide(self, request: Request, schema: type[M], heard: Heard = unheard) -> M:
        """A decision as a validated model; the default for an EndpointFailed is the caller's."""
        try:
            return await (await self.server()).decide(request, schema, heard)
        except EndpointFailed as error:
            raise await self._told(error) from error

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Never: a chat model's vectors rank worse than full text alone."""
        raise EndpointFailed(
            "The embedded model does not make embeddings.",
            hint="Configure an endpoint with an embedding model.",
            error_class=ErrorClass.REFUSED,
            retryable=False,
        )

    async def probe(self) -> Capabilities:
        """What the running server says it has."""
        return replace(await (await self.server()).probe(), shares_cpu=True)

    async def count_tokens(self, text: str) -> int | None:
        """Exact, by the model's own tokenizer."""
        return await (await self.server()).count_tokens(text)

    async def server(self) -> OpenAIEndpoint:
        """The endpoint of the child that is alive now, waiting while it starts."""
        life = await self.process.current()
        if self._known is None or self._known[0] is not life:
            wire = Wire(self.name, f"{life.address}/v1", self.client, life.key, self.patience, self.meter)
            endpoint = OpenAIEndpoint(
                self.name, self.model, wire, self.process.context_tokens, LLAMA_CPP, slots=SLOTS
            )
            self._known = (life, endpoint)
        return self._known[1]

    async def _told(self, error: EndpointFailed) -> EndpointFailed:
        """On loopback, to a process of ours, a broken connection is a crash and nothing else. Its sockets
        close a moment before it can be reaped; who asks again must not meet the dead one."""
        if error.error_class is not ErrorClass.CONNECTION:
            return error
        if self._known is not None:
            with trio.move_on_after(REAP_S):
                await self._known[0].process.wait()
        return errors.crashed(self.model, f"it died during the request: {error.detail}")
