"""Embed: the meaning of what was remembered, so that it is found by more than its words.

A memory written or edited arrives; its text's vector goes into the cache beside the log, and one
`memory.embedded` leaves that names it. Where there is no embedder nothing leaves: the words remain.
"""

from pipeline.context import Context
from pipeline.inference.minilm import EmbedderUnusable
from pipeline.stage import Emits, stage
from store import embeddings, memories
from store.errors import NotFound
from store.events import Event, MemoryEdited, MemoryEmbedded, MemoryWritten
from store.txn import Txn


@stage("embed", on=(MemoryWritten, MemoryEdited), timeout_s=None)
async def embed(event: Event[MemoryWritten | MemoryEdited], ctx: Context) -> Emits:
    embedder = ctx.endpoints.embedder
    changed = event.payload
    memory_id = changed.memory_id if isinstance(changed, MemoryEdited) else event.id
    try:
        text = memories.memory(ctx.db, memory_id).recorded
    except NotFound:
        return  # what it came from no longer counts
    if embedder is None:
        return
    digest = embeddings.digest_of(text)
    if embeddings.cached(ctx.db, text, embedder.model) is None:
        try:
            [numbers] = await embedder.embed([text])
        except EmbedderUnusable as error:
            ctx.endpoints.without_embedder(error)
            return
        known = embeddings.embedding(embedder.model, numbers)

        def keep(txn: Txn) -> None:
            embeddings.keep(txn.connection, [(digest, known)])

        await ctx.store.writer.submit(keep)
    yield MemoryEmbedded(memory_id=memory_id, model=embedder.model, digest=digest)
