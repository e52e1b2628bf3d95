"""Rows as SQLite gives them: typed by the schema, not by Python, and narrowed by whoever reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]


def rows(db: apsw.Connection, sql: str, values: Values = ()) -> list[Row]:
    return db.execute(sql, values).fetchall()


def row(db: apsw.Connection, sql: str, values: Values = ()) -> Row | None:
    """The first row, or None."""
    return db.execute(sql, values).fetchone()
