"""What every benchmark returns, and the circumstances it was taken in."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version

import apsw
from pydantic import BaseModel

PACKAGES = ("fabula", "huey", "trio", "starlette", "hypercorn", "peewee")


class Report(BaseModel):
    """One benchmark's outcome; figures carry their unit in their name."""

    name: str
    figures: dict[str, float]
    context: dict[str, str | int | float]


def report(name: str, figures: dict[str, float], *, rounds: int) -> Report:
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    context: dict[str, str | int | float] = {
        "cpu": f"{os.cpu_count()} x {platform.machine()}",
        "versions": f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {versions}",
        "rounds": rounds,
    }
    return Report(
        name=name, figures={key: round(value, 4) for key, value in figures.items()}, context=context
    )


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which `percent` of a hundred lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
