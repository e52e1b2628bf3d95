"""A clock for tests in which a model falls silent."""

import pytest
from trio.testing import MockClock


@pytest.fixture
def idle() -> MockClock:
    """Time passes only while nobody has anything to do. Both ends of a connection are in this process, and
    what was sent is there before anybody is idle: silence reaches a limit, a slow machine does not."""
    return MockClock(autojump_threshold=0.05)
