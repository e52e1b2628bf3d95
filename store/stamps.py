"""Stamps: a moment as part of a file's name, UTC to the millisecond, in an order that sorts by name."""

from datetime import UTC, datetime, timedelta

PATTERN = r"\d{8}T\d{6}\.\d{3}Z"
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def stamp(ms: int) -> str:
    at = moment(ms)
    return f"{at:%Y%m%dT%H%M%S}.{ms % 1000:03d}Z"


def ms_of(stamped: str) -> int:
    """The moment of a stamp.

    Raises:
        ValueError: there is no such day or time.
    """
    at = datetime.strptime(stamped, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(milliseconds=1)
