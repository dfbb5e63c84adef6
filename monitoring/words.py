"""Numbers as a person reads them."""

from __future__ import annotations

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def duration(seconds: float) -> str:
    """Return a duration in its largest unit: "2.5 s", "40 s", "3 minutes", "26 hours"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    for size, unit in _UNITS:
        # 26 hours say more than a day.
        if seconds >= 2 * size:
            return number(seconds // size, unit, f"{unit}s")
    return f"{seconds:.0f} s"


def number(count: float, one: str, many: str) -> str:
    """Return a count with its noun: "1 pass", "2,000 passes"."""
    return f"{count:,.0f} {one if count == 1 else many}"


def percent(share: float) -> str:
    """Return a share in percent; one that is not quite all or nothing never reads as that."""
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{min(max(share, 0.001), 0.999) * 100:.{0 if 0.1 <= share <= 0.9 else 1}f} %"


def amount(value: float) -> str:
    """Return a number with at most one decimal place."""
    return f"{round(value, 1):,g}"
