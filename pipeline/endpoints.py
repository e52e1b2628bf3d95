"""The endpoints a program uses, and what a person should know about them.

An endpoint may take a moment to be ready (the embedded model loads in a child process), so stages wait for
it here instead of the program waiting at its start. Another may take over at any time: runs borrow the
narrator, so the one before stays open until the last reply it has begun is finished.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import apsw
import trio

from pipeline.inference.embedder import Embedder
from pipeline.inference.endpoints import Profile
from pipeline.inference.metering import Meter, unmetered
from pipeline.inference.openai import model_name
from pipeline.inference.types import Capabilities, Endpoint, Sampler
from pipeline.opened import Opened, Seat, hold
from pipeline.precedence import Precedence
from pipeline.prompt.assembly import Layout
from pipeline.prompt.budget import Budgets
from store import embeddings
from store.errors import FabulaError
from store.recall import TEXT_WEIGHT

EMBEDDED = "embedded"
BUNDLED = Profile(name=EMBEDDED, kind="embedded")
"""What narrates where nothing else is named: the small model that is installed with Fabula."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the endpoint that the page says plainly."""

    what: str
    do: str
    can_be_put_away: bool = False
    """Whether it may be left unsaid once it is known."""


TINY = Notice(
    "This is the embedded model, SmolLM2 with 135 million parameters: it shows that everything works,"
    " but it is tiny and its prose is poor.",
    "Start a model server on this machine and look again, or name the address of one; on the command line,"
    " fabula connect URL does the same. For a model file of your own, start Fabula with --model PATH.gguf.",
    can_be_put_away=True,
)


@dataclass
class Endpoints:
    """Who narrates, with which sampler and budgets. `intended` narrates, is being opened, or has failed; in
    a process that only serves it is what a worker would begin with."""

    sampler: Sampler = field(default_factory=Sampler)
    budgets: Budgets = field(default_factory=Budgets)
    intended: Profile | None = None
    failure: FabulaError | None = None
    layout: Literal["auto", "cache", "classic"] = "auto"
    classifying: Seat = field(default_factory=Seat)
    """Who answers structured decisions; while nobody is, the narrator does."""
    falling_back: Seat = field(default_factory=Seat)
    """Who is asked once more when a decision is refused."""
    embedder: Embedder | None = None
    """Who embeds memories; None when they are found by their words alone."""
    text_weight: float = TEXT_WEIGHT
    """How much words weigh against meaning; belongs to the embedder."""
    embedder_notice: Notice | None = None
    """Why memories are found by their words alone, where that is not what the person chose."""
    meter: Meter = unmetered
    """Told of every exchange with a model."""
    deciding: Precedence = field(default_factory=Precedence)
    """Whose turn it is; those that wait for theirs do not spend their ten seconds waiting."""
    _narrator: Opened | None = None
    _nursery: trio.Nursery | None = None
    _settled: trio.Event = field(default_factory=trio.Event)

    def layout_for(self, capabilities: Capabilities) -> Layout:
        """How a prompt for this endpoint is laid out."""
        if self.layout != "auto":
            return self.layout
        return "cache" if capabilities.caches_prefix else "classic"

    @property
    def ready(self) -> bool:
        return self._narrator is not None

    @property
    def model(self) -> str:
        """The narrator's model, as its endpoint names it; empty until it is ready."""
        return (model_name(self._narrator.endpoint.model) or "") if self._narrator is not None else ""

    @property
    def narrating_now(self) -> tuple[str, Capabilities]:
        """The narrator's model and what it can do, as far as they are known without waiting for it."""
        opened = self._narrator
        return (opened.endpoint.model, opened.capabilities) if opened is not None else ("", Capabilities())

    @property
    def notice(self) -> Notice | None:
        """What every page says of the narrator; nothing where all is well."""
        if self.failure is not None:
            return Notice(self.failure.message, self.failure.hint)
        one = self.intended
        return TINY if one is not None and one.kind == "embedded" and not one.model_path else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold whatever is open, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    async def begin(self, profile: Profile) -> None:
        """Let this one narrate from the start, unless another was chosen while it was being opened. That it
        cannot be had is told to whoever waits for it."""
        self.intended = profile
        try:
            opened = await self.open(profile)
        except FabulaError as error:
            if not self.ready:
                self.failure = error
                self._settled.set()
            return
        if self.ready:
            opened.retire()
        else:
            self.use(opened)

    async def open(self, profile: Profile, *, must_answer: bool = True) -> Opened:
        """Open an endpoint and ask it what it is. One that need not answer now is taken to have no more than
        the standard until it is opened anew.

        Raises:
            FabulaError: it could not be started, or does not answer.
        """
        if self._nursery is None:
            raise FabulaError("No endpoint can be opened: the program is not running.")
        opened: Opened = await self._nursery.start(hold, profile, self.meter, must_answer)
        return opened

    def use(self, opened: Opened) -> None:
        """From now on this one narrates. Replies that another has begun are finished by it."""
        before, self._narrator = self._narrator, opened
        self.intended, self.failure = opened.profile, None
        self._settled.set()
        if before is not None:
            before.retire()

    def narrating(self) -> AbstractContextManager[None]:
        """Around the writing of a reply: bookkeeping steps back where it would slow it down."""
        return self.deciding.ahead()

    def one_processor(self) -> bool:
        """Whether narration and decisions compute on the same cores, our own."""
        narrates_here = self._narrator is not None and self._narrator.capabilities.shares_cpu
        classifier = self.classifying.opened
        return narrates_here and (classifier is None or classifier.capabilities.shares_cpu)

    def answering(self, db: apsw.Connection) -> str:
        """The model whose vectors a search compares: one at a time, the same in every process. Empty where
        there is no embedder: words alone."""
        if self.embedder is None:
            return ""
        now = embeddings.answering(db)
        return now.model if now is not None else self.embedder.model

    def without_embedder(self, failure: FabulaError) -> None:
        """The embedder cannot be used: from now on full text only, and the page says so."""
        self.embedder = None
        detail = failure.detail.strip().rpartition("\n")[2]
        self.embedder_notice = Notice(
            failure.message, f"{failure.hint} ({detail})" if detail else failure.hint
        )

    @asynccontextmanager
    async def classifier(self) -> AsyncIterator[Endpoint]:
        """Who answers structured decisions: the narrator, unless another is set up for it."""
        with self.classifying.lent() as classifier:
            if classifier is not None:
                yield classifier
                return
        async with self.narrator() as (endpoint, _):
            yield endpoint

    @asynccontextmanager
    async def narrator(self) -> AsyncIterator[tuple[Endpoint, Capabilities]]:
        """The narrating endpoint, as soon as it is ready; it stays open for the block. One that could not be
        had is asked again, so that a run's next attempt finds a server that was started meanwhile.

        Raises:
            FabulaError: it could not be started.
        """
        await self._settled.wait()
        if self._narrator is None and self.intended is not None:
            await self.begin(self.intended)
        if self._narrator is None:
            raise self.failure or FabulaError("No endpoint is set up to narrate.")
        with self._narrator.lent() as lent:
            yield lent
