"""Where Fabula keeps things: one data folder, named by --data, FABULA_DATA or simply ./data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataPaths:
    folder: Path
    database: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def secrets(self) -> Path:
        """API keys and the access token; readable by its owner alone."""
        return self.folder / "secrets.toml"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"


def data_paths(given: Path | None, environ: Mapping[str, str]) -> DataPaths:
    """--data wins over FABULA_DATA over ./data; CHAT_DB_PATH moves the database file alone."""
    folder = given or Path(environ.get("FABULA_DATA") or "data")
    database = environ.get("CHAT_DB_PATH")
    return DataPaths(folder, Path(database) if database else folder / "chat.db")
