"""The engine: the parts a page or a command needs, composed once and passed in."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.config_paths import DataPaths
from pipeline.corrections import Corrections
from pipeline.desk import Desk
from pipeline.drafting import Drafting
from pipeline.endpoints import Endpoints
from pipeline.estimate import Estimating
from pipeline.feed import Feed
from pipeline.habits import Habits
from pipeline.keeping import Keeping
from pipeline.longwork import LongWork
from pipeline.offer import Offer
from pipeline.passing import Passing
from pipeline.play import Play
from pipeline.plotting import Plotting
from pipeline.recollections import Recollections
from pipeline.rederiving import Rederiving
from pipeline.rewriting import Rewriting
from pipeline.scenes import Scenes
from pipeline.settings import Settings
from pipeline.stage import Pipeline
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
    pipeline: Pipeline
    paths: DataPaths
    longwork: LongWork
    """Re-embedding, replays and checks: what takes minutes and is shown as it goes."""
    habits: Habits
    """How the person plays."""

    @property
    def desk(self) -> Desk:
        """What a person does to stages and runs."""
        return Desk(self.store, self.pipeline)

    @property
    def drafting(self) -> Drafting:
        """The person's next line, drafted."""
        return Drafting(self.store.hot, self.endpoints, self.counter, working=self.working)

    @property
    def estimating(self) -> Estimating:
        """Where the tokens of the next prompt would go."""
        return Estimating(self.store, self.endpoints, self.counter, self.play.foreground, self.habits)

    @property
    def rewriting(self) -> Rewriting:
        """What a person does to turns that are already told."""
        return Rewriting(self.store, self.paths.snapshots, self.habits.marker)

    @property
    def rederiving(self) -> Rederiving:
        """What the stages made of a turn, and make of it anew."""
        return Rederiving(self.store, self.pipeline)

    @property
    def keeping(self) -> Keeping:
        """Snapshots and backups."""
        return Keeping(self.store, self.paths)

    @property
    def settings(self) -> Settings:
        """What config.toml says, and how it is changed."""
        return Settings(self.offer, self.habits)

    @property
    def passing(self) -> Passing:
        """What a person does to go on elsewhere, or to let the story go on without them."""
        return Passing(self.store)

    @property
    def corrections(self) -> Corrections:
        """What a person sets right of how things stand."""
        return Corrections(self.store)

    @property
    def recollections(self) -> Recollections:
        """What a person sets right of what somebody remembers."""
        return Recollections(self.store)

    @property
    def scenes(self) -> Scenes:
        """What a person says of scenes by hand."""
        return Scenes(self.store)

    @property
    def plotting(self) -> Plotting:
        """What a person does about the plot by hand."""
        return Plotting(self.store)
