"""A small line of the last hour as SVG, with the same in words."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from monitoring.words import amount

WIDTH, HEIGHT = 300, 44
# Room for the width of the line at the top and at the bottom.
EDGE = 2
HOUR = timedelta(hours=1)

Line = Sequence[tuple[datetime, float | None]]


def draw(line: Line, *, until: datetime, shows: str) -> str:
    """Return the SVG of the hour that ends at `until`, which lies at its right edge. A missing value leaves a gap."""
    values = [value for _, value in line if value is not None]
    top = max(values, default=0.0) or 1.0
    shapes = "".join(_shape(part) for part in _parts(line, until=until, top=top))
    words = html.escape(in_words(line, shows=shows), quote=True)
    return (
        f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{words}">'
        f'<path class="ground" d="M0 {HEIGHT - EDGE}H{WIDTH}"/>{shapes}</svg>'
    )


def in_words(line: Line, *, shows: str) -> str:
    """Return what a line shows, for those who do not see it."""
    values = [value for _, value in line if value is not None]
    if not values:
        return f"{shows}: not known yet."
    return f"{shows}: lowest {amount(min(values))}, highest {amount(max(values))}, now {amount(values[-1])}."


def _parts(line: Line, *, until: datetime, top: float) -> Iterator[list[tuple[float, float]]]:
    """Yield the points of each stretch without a gap."""
    part: list[tuple[float, float]] = []
    for at, value in line:
        across = WIDTH * (1 - (until - at) / HOUR)
        if value is None or across < 0:
            if part:
                yield part
            part = []
        else:
            part.append((across, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * value / top))
    if part:
        yield part


def _shape(part: list[tuple[float, float]]) -> str:
    if len(part) == 1:
        # A single point has no length; a short stroke shows it.
        across, down = part[0]
        part = [(across - 2, down), (across, down)]
    path = "L".join(f"{across:.1f} {down:.1f}" for across, down in part)
    area = f"M{part[0][0]:.1f} {HEIGHT - EDGE}L{path}L{part[-1][0]:.1f} {HEIGHT - EDGE}Z"
    return f'<path class="area" d="{area}"/><path class="stroke" d="M{path}"/>'
