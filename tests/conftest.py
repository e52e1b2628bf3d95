"""What every test may use: a fresh database file, copied from one that was migrated once."""

import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, Phase, settings

from store.database import connect, prepare

os.environ.setdefault("FABULA_EMBED", "off")
"""Programs that tests start do not load the embedding model; the tests about it ask for it by name."""
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Of the hundreds of programs that tests start, each would compile Fabula anew."""

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
ROOM_BYTES = 4 * 2**30
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
"""Thousands of small databases were synced to a disk that nobody reads again. No test asks what survives a
power cut, so they lie in memory where there is room, also those of the programs that tests start."""

settings.register_profile(
    "fabula",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""The same stories in each run: what fails, fails for everybody until it is mended, and what passes does not
fail tomorrow. New ones are looked for with `--hypothesis-profile=searching`."""
settings.register_profile("searching", settings.get_profile("fabula"), derandomize=False)
settings.register_profile(
    # ops.defects only asks whether a test fails, not for the smallest story that makes it
    "unshrunk",
    settings.get_profile("searching"),
    phases=(Phase.explicit, Phase.generate),
    database=None,
)
settings.load_profile("fabula")


OURS = ("store", "pipeline", "actors", "web", "workers", "ops")


def pytest_collection_finish() -> None:
    """Load every module of ours: hypothesis draws from the constants in what is loaded, and what it draws
    would hang on which tests a worker has run before."""
    for package in OURS:
        for module in pkgutil.walk_packages([package], f"{package}."):
            if not module.name.startswith("store.migrations."):
                importlib.import_module(module.name)


@pytest.fixture(scope="session", autouse=True)
def read_by_tests() -> None:
    """What the command line says is laid out for them, not for the terminal they are started in."""
    os.environ |= {"NO_COLOR": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with every migration applied; copy it, never write it."""
    path = tmp_path_factory.mktemp("migrated") / "chat.db"
    prepare(path)
    connection = connect(path, query_only=False)
    connection.execute("PRAGMA journal_mode = DELETE")  # a file that can be copied by itself
    connection.close()
    return path


KEPT_FRESH = 20
"""More than one example of a property uses at once; two thousand of them would fill the memory."""


@pytest.fixture
def fresh_path(migrated: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes one more fresh database file each time it is called, and lets those of long ago go."""
    made = 0

    def make() -> Path:
        nonlocal made
        made += 1
        shutil.rmtree(tmp_path / f"data{made - KEPT_FRESH}", ignore_errors=True)
        folder = tmp_path / f"data{made}"
        folder.mkdir()
        return Path(shutil.copy(migrated, folder / "chat.db"))

    return make


@pytest.fixture
def database(fresh_path: Callable[[], Path]) -> Iterator[apsw.Connection]:
    """A writing connection to a fresh database."""
    connection = connect(fresh_path(), query_only=False)
    yield connection
    connection.close()
