"""History: which of what was recorded still counts."""

from store.events.payload import Payload
from store.events.references import RunId


class OutcomeSuperseded(Payload):
    """A stage was run again for the same trigger: what its earlier run had recorded no longer counts."""

    kind = "outcome.superseded"
    superseded_run_id: RunId
