"""Re-embedding: a vector of one model for every memory that lacks one.

The work is what is missing, so a run that was killed is gone on with by running it again. Vectors of other
models stay where they are; a search only ever compares those of one. Nothing is recorded in the log: nothing
is looked for by its `memory.embedded`, only by what the cache holds.
"""

from collections.abc import Callable
from functools import partial

from pipeline.inference.embedder import Embedder
from store import embeddings, memories
from store.embeddings import Embedding
from store.store import Store
from store.txn import Txn

AT_ONCE = 64
Progress = Callable[[int, int], None]
"""Told how many memories of how many have been looked at."""


async def reembed(
    store: Store, embedder: Embedder, *, afresh: bool = False, progress: Progress = lambda _done, _of: None
) -> int:
    """Embed what lacks a vector of this embedder's model, or `afresh` everything; returns how many texts.

    Raises:
        EndpointFailed, EmbedderUnusable: what was done until then is kept.
    """
    if afresh:
        await store.writer.submit(lambda txn: embeddings.forget(txn.connection, embedder.model))
    total = await store.read(memories.count)
    done = embedded = last_id = 0
    while page := await store.read(partial(memories.all_after, memory_id=last_id, limit=AT_ONCE)):
        last_id = page[-1].id
        said = [memory.said for memory in page]
        lacking = await store.read(partial(embeddings.lacking, texts=said, model=embedder.model))
        if lacking:
            vectors = await embedder.embed(list(lacking.values()))
            made = [embeddings.embedding(embedder.model, numbers) for numbers in vectors]
            await _keep(store, list(zip(lacking, made, strict=True)))
        done, embedded = done + len(page), embedded + len(lacking)
        progress(done, max(total, done))
    return embedded


async def _keep(store: Store, known: list[tuple[str, Embedding]]) -> None:
    def step(txn: Txn) -> None:
        embeddings.keep(txn.connection, known)

    await store.writer.submit(step)
