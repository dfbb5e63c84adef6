"""Small charts as SVG, drawn on the server: bars, stacked bars and a line, each with a table that says the same.

There is no style and no script in them, only presentation attributes, so a strict Content-Security-Policy lets them through. The
classes `series-1` … let a style sheet choose other colours. (docs/adr/0157-charts-of-our-own.md)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, BAR, GAP, LABEL, NUMBER = 640, 22, 8, 200, 60
LINE_HEIGHT, EDGE = 160, 24
# Told apart by their lightness too, for whoever sees no colours and in print.
COLOURS = ("#1f4e79", "#c55a11", "#7f7f7f", "#2e75b6", "#a9d18e", "#ffd966")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a chart shows: for each label one value a series. `key` is its id on the page."""

    key: str
    title: str
    says: str
    series: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[float, ...]]]


def bars(chart: Chart) -> Markup:
    """Return horizontal bars, the values of all series of a label beside each other in one bar."""
    scale = (WIDTH - LABEL - NUMBER) / (max((sum(values) for _, values in chart.rows), default=0) or 1)
    parts = [
        _row(label, values, top=number * (BAR + GAP), scale=scale) for number, (label, values) in enumerate(chart.rows)
    ]
    legend = _legend(chart, top=len(chart.rows) * (BAR + GAP))
    height = len(chart.rows) * (BAR + GAP) + (BAR if legend else 0)
    return _svg(chart, Markup("").join(parts) + legend, height=max(height, BAR))


def line(chart: Chart) -> Markup:
    """Return a line through the values of the first series, the labels from left to right."""
    values = [row[1][0] for row in chart.rows]
    most, step = max(values, default=0) or 1, (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    places = [
        (EDGE + number * step, EDGE + (LINE_HEIGHT - 2 * EDGE) * (1 - value / most))
        for number, value in enumerate(values)
    ]
    drawn = Markup('<polyline class="series-1" points="{}" fill="none" stroke="{}" stroke-width="2"/>').format(
        " ".join(f"{x:.1f},{y:.1f}" for x, y in places), COLOURS[0]
    )
    for (x, y), (label, row) in zip(places, chart.rows, strict=True):
        drawn += Markup('<circle class="series-1" cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"><title>{}: {}</title></circle>').format(
            x, y, COLOURS[0], label, number(row[0])
        )  # fmt: skip
    if chart.rows:
        bottom = LINE_HEIGHT - 4
        drawn += _text(chart.rows[0][0], x=EDGE, y=bottom) + _text(
            chart.rows[-1][0], x=WIDTH - EDGE, y=bottom, anchor="end"
        )
        drawn += _text(number(most), x=EDGE, y=EDGE - 8)
    return _svg(chart, drawn, height=LINE_HEIGHT)


def table(chart: Chart) -> Markup:
    """Return the same figures as a table."""
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in chart.series)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label, Markup("").join(Markup("<td>{}</td>").format(number(value)) for value in values)
        )
        for label, values in chart.rows
    )
    return Markup("<table><caption>{}</caption><thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table>").format(
        chart.title, heads, body
    )


def number(value: float) -> str:
    """Return a number as it is shown."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _row(label: str, values: tuple[float, ...], *, top: float, scale: float) -> Markup:
    drawn, x = _text(label, x=LABEL - 8, y=top + BAR * 0.7, anchor="end"), float(LABEL)
    for place, value in enumerate(values):
        drawn += Markup('<rect class="series-{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="{}"/>').format(
            place + 1, x, top, value * scale, BAR, COLOURS[place % len(COLOURS)]
        )
        x += value * scale
    return drawn + _text(" + ".join(number(value) for value in values), x=x + 6, y=top + BAR * 0.7)


def _legend(chart: Chart, *, top: float) -> Markup:
    if len(chart.series) < 2:
        return Markup("")
    drawn, step = Markup(""), (WIDTH - LABEL) / len(chart.series)
    for place, name in enumerate(chart.series):
        x = LABEL + place * step
        drawn += Markup('<rect class="series-{}" x="{:.1f}" y="{}" width="12" height="12" fill="{}"/>').format(
            place + 1, x, top, COLOURS[place % len(COLOURS)]
        ) + _text(name, x=x + 18, y=top + 11)
    return drawn


def _text(text: str, *, x: float, y: float, anchor: str = "start") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="13" fill="currentColor">{}</text>').format(
        x, y, anchor, text
    )


def _svg(chart: Chart, drawn: Markup, *, height: float) -> Markup:
    head = Markup('<title id="{0}-title">{1}</title><desc id="{0}-says">{2}</desc>').format(
        chart.key, chart.title, chart.says
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{0}-title {0}-says" viewBox="0 0 {1} {2:.0f}" width="100%">'
    ).format(escape(chart.key), WIDTH, height) + head + drawn + Markup("</svg>")  # fmt: skip
