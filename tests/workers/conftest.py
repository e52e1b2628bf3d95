"""The command line on a data folder of its own, in this process: each start would take a second."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from store.errors import FabulaError
from tests.processes import FakeProcess, fake_process, narrate_with
from workers.cli import app

Fabula = Callable[..., Result]


@pytest.fixture
def fake() -> Iterator[FakeProcess]:
    with fake_process() as process:
        yield process


@pytest.fixture
def fabula(fake: FakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fabula:
    """Runs a command on a chat 2 of you and Ada, in which one exchange was played."""
    monkeypatch.setenv("FABULA_EMBED", "off")
    narrate_with(tmp_path, fake.base_url)

    def run(*arguments: object, answer: str = "") -> Result:
        typed = [str(one) for one in arguments]
        return CliRunner().invoke(app, [*typed, "--data", str(tmp_path)], input=answer)

    assert run("bot", "new", "Ada").exit_code == 0
    assert run("chat", "new", 1).stdout == "2\n"
    fake.script({"text": "The lamp is [red]lit[/red]."})
    assert run("say", 2, "Only me.").exit_code == 0
    return run


def refusal(result: Result) -> FabulaError:
    error: BaseException | None = result.exception
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, FabulaError), result.output
    return error
