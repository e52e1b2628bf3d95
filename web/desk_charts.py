"""Small charts of the last hour, a bar or a point for each minute; each says in words what it shows."""

from collections.abc import Sequence

from markupsafe import Markup

from store.figures import Standing, percentile

WIDTH, HEIGHT = 180, 36
STEP = WIDTH / 60


def throughput(one: Standing) -> Markup:
    """Runs done in each minute as bars, attempts that failed on top of them."""
    most = max((minute.done + minute.failed for minute in one.minutes), default=0)
    told = f"In the last hour {counted(one.done, 'run')} done, {counted(one.failed, 'attempt')} failed."
    if not most:
        return _chart(told, "")
    done = "".join(_bar(number, 0, minute.done, most) for number, minute in enumerate(one.minutes))
    failed = "".join(
        _bar(number, minute.done, minute.failed, most) for number, minute in enumerate(one.minutes)
    )
    return _chart(told, f'<path class="done" d="{done}"/><path class="failed" d="{failed}"/>')


def waits(one: Standing) -> Markup:
    return _spans("waited", [minute.waits for minute in one.minutes], one.waits)


def times(one: Standing) -> Markup:
    return _spans("ran", [minute.times for minute in one.minutes], one.times)


def events(by_minute: Sequence[int]) -> Markup:
    """Events recorded in each minute."""
    told = f"In the last hour {counted(sum(by_minute), 'event')}, at most {max(by_minute)} in a minute."
    most = max(by_minute) or 1
    bars = "".join(_bar(number, 0, events, most) for number, events in enumerate(by_minute))
    return _chart(told, f'<path class="done" d="{bars}"/>')


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def span(ms: float | None) -> str:
    """A length of time, short enough for a column."""
    if ms is None:
        return "–"
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")):
        if ms >= size:
            return f"{ms / size:.0f} {unit}" if ms >= 10 * size else f"{ms / size:.1f} {unit}"
    return f"{ms:.0f} ms"


def size(number: int) -> str:
    """A number of bytes."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _spans(verb: str, by_minute: Sequence[Sequence[int]], whole: Sequence[int]) -> Markup:
    """A stroke from the median to the 95th percentile of each minute, a dot at the median."""
    found = [(number, percentile(m, 50), percentile(m, 95)) for number, m in enumerate(by_minute)]
    points = [(number, p50, p95) for number, p50, p95 in found if p50 is not None and p95 is not None]
    if not points:
        return _chart(f"Nothing {verb} in the last hour.", "")
    most = max(p95 for _, _, p95 in points) or 1
    told = f"Half {verb} at most {span(percentile(whole, 50))}, 95 % at most {span(percentile(whole, 95))}."
    strokes = "".join(f"M{_x(n):.1f} {_y(p50, most):.1f}V{_y(p95, most):.1f}" for n, p50, p95 in points)
    dots = "".join(f"M{_x(n) - 1:.1f} {_y(p50, most):.1f}h2" for n, p50, _ in points)
    return _chart(told, f'<path class="span" d="{strokes}"/><path class="median" d="{dots}"/>')


def _chart(told: str, drawn: str) -> Markup:
    return Markup(  # noqa: S704 - made of numbers and our own words alone
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{told}"><path class="zero" d="M0 {HEIGHT - 0.5}H{WIDTH}"/>{drawn}</svg>'
    )


def _bar(number: int, below: int, amount: int, most: int) -> str:
    if not amount:
        return ""
    bottom, top = _y(below, most), _y(below + amount, most)
    return f"M{number * STEP + 0.3:.1f} {bottom:.1f}V{top:.1f}h{STEP - 0.6:.1f}V{bottom:.1f}z"


def _x(number: int) -> float:
    return (number + 0.5) * STEP


def _y(amount: int, most: int) -> float:
    return HEIGHT - 1 - amount * (HEIGHT - 4) / most
