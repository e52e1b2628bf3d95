"""Log lines: structured, on standard error, quiet unless something failed.

`FABULA_LOG` says from which level on, `FABULA_LOG_FORMAT=json` one JSON object a line. Lines carry run and
chat ids and never a text of a story. No line holds a key: whatever is handed to `hide` is blotted out of
every line, whoever wrote it.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from pipeline.config import Config
from store.errors import Invalid

LEVEL, FORMAT = "FABULA_LOG", "FABULA_LOG_FORMAT"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FORMATS = ("text", "json")
HIDDEN = "•••"
SHORTEST_KEY = 4


class Blot:
    """Takes keys out of what is about to be written."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def hide(self, config: Config) -> None:
        """From now on no line holds a key or the token of this configuration."""
        profiles = (config.narrator, config.classifier, config.fallback, config.embed)
        secrets = [getattr(one, "api_key", None) for one in profiles] + [config.token]
        found = [secret.get_secret_value().strip() for secret in secrets if secret is not None]
        self._keys.update(key for key in found if len(key) >= SHORTEST_KEY)

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {name: self._without_keys(value) for name, value in line.items()}

    def _without_keys(self, value: object) -> object:
        if not isinstance(value, str | int | float | bool | None):
            value = str(value)
        if isinstance(value, str):
            for key in self._keys:
                value = value.replace(key, HIDDEN)
        return value


BLOT = Blot()
"""Logging is of the whole process, and so is what it must not say."""


def configure(environ: Mapping[str, str]) -> None:
    """Set the process's log up as the environment says.

    Raises:
        Invalid: the level or the format is none.
    """
    level = _one_of(LEVEL, environ.get(LEVEL, "").upper() or "WARNING", LEVELS)
    shape = _one_of(FORMAT, environ.get(FORMAT, "").lower() or "text", FORMATS)
    colours = sys.stderr.isatty() and not environ.get("NO_COLOR")
    lines: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if shape == "json"
        else structlog.dev.ConsoleRenderer(colors=colours)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            BLOT,
            lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.getLogger("huey").setLevel(logging.CRITICAL)


def _one_of(name: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise Invalid(f"{name}={given!r} is none.", hint=f"Set it to one of {', '.join(known).lower()}.")
    return given
