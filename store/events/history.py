"""History: which of what was recorded still counts."""

from store.events.payload import Name, Payload
from store.events.references import EventId, RunId


class OutcomeSuperseded(Payload):
    """A stage was run again for the same trigger: what its earlier run had recorded no longer counts."""

    kind = "outcome.superseded"
    superseded_run_id: RunId


class ChangeUndone(Payload):
    """Something a person did is as if it had not been: a choice among turns, an edit, an earlier undoing."""

    kind = "change.undone"
    event_id: EventId


class BranchForked(Payload):
    """Another way the story may go; the event's own id is the branch's. It shares with its parent whatever
    comes of what was done there up to the event `at`."""

    kind = "branch.forked"
    parent_id: EventId
    at: EventId
    name: Name


class BranchSwitched(Payload):
    """The story goes on in this branch."""

    kind = "branch.switched"
    branch_id: EventId


class BranchRenamed(Payload):
    kind = "branch.renamed"
    branch_id: EventId
    name: Name
