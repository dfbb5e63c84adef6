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
