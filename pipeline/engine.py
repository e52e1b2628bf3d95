"""The engine: the parts a page or a command needs, composed once and passed in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.corrections import Corrections
from pipeline.drafting import Drafting
from pipeline.endpoints import Endpoints
from pipeline.feed import Feed
from pipeline.longwork import LongWork
from pipeline.offer import Offer
from pipeline.passing import Passing
from pipeline.play import Play
from pipeline.plotting import Plotting
from pipeline.rewriting import Rewriting
from pipeline.tokens import TokenCounter
from store.store import Store


@dataclass
class Engine:
    """One process's view of Fabula. `working` says whether it also runs stages; `metrics` renders its
    Prometheus exposition; `trouble` lists why it is not ready, in a person's words."""

    store: Store
    feed: Feed
    play: Play
    endpoints: Endpoints
    offer: Offer
    working: bool
    metrics: Callable[[], bytes]
    trouble: Callable[[], list[str]]
    counter: TokenCounter
    snapshots: Path
    """Where chats are kept as files."""
    longwork: LongWork
    """Re-embedding, replays and checks: what takes minutes and is shown as it goes."""

    @property
    def drafting(self) -> Drafting:
        """The person's next line, drafted."""
        return Drafting(self.store.hot, self.endpoints, self.counter, working=self.working)

    @property
    def rewriting(self) -> Rewriting:
        """What a person does to turns that are already told."""
        return Rewriting(self.store, self.snapshots)

    @property
    def passing(self) -> Passing:
        """What a person does to go on elsewhere, or to let the story go on without them."""
        return Passing(self.store)

    @property
    def corrections(self) -> Corrections:
        """What a person sets right by hand."""
        return Corrections(self.store)

    @property
    def plotting(self) -> Plotting:
        """What a person does about the plot by hand."""
        return Plotting(self.store)
