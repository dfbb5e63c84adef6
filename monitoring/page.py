"""The monitor's page: today's health at a glance, drawn by the server, without a script and without a request to anybody."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from urllib.parse import quote

from monitoring.attention import Attention, find_attention
from monitoring.history import Reading
from monitoring.sparkline import draw
from monitoring.tiles import NOW, UPKEEP, Tile
from monitoring.words import amount

_FOLDER = Path(__file__).parent
_PAGE = Template((_FOLDER / "page.html").read_text(encoding="utf-8"))
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# The page may use its own style and icon, and nothing else: no script, no request, no frame around it.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_TICK, _STROKE = "M14 25l7 7 13-15", "M24 13v13M24 34.5v.5"
_COLOURS = {"good": "#17764a", "ticket": "#8a5300", "page": "#b3261e"}


def render(reading: Reading, *, runbooks: str | None = None) -> str:
    """Return the page. `runbooks` is the address of the published docs/alerts.md; without it the page names the file."""
    attention = find_attention(reading)
    state = "page" if any(one.pages for one in attention) else "ticket" if attention else "good"
    sign = _STROKE if attention else _TICK
    sentence = _sentence(len(attention))
    return _PAGE.substitute(
        title=f"{sentence} · EssayCoach",
        icon=quote(_icon(_COLOURS[state], sign)),
        style=_STYLE,
        state=state,
        sign=sign,
        sentence=sentence,
        when=f"EssayCoach, {reading.at.day} {reading.at:%B %Y, %H:%M:%S} UTC",
        attention=_list(attention, runbooks=runbooks),
        now="".join(_tile(tile, reading, attention) for tile in NOW),
        upkeep="".join(_tile(tile, reading, attention) for tile in UPKEEP),
        span=_span(reading),
    )


def _sentence(count: int) -> str:
    if not count:
        return "All is well"
    return "1 thing needs attention" if count == 1 else f"{count} things need attention"


def _icon(colour: str, sign: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><circle cx="24" cy="24" r="22" fill="{colour}"/>'
        f'<path d="{sign}" fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _list(attention: Sequence[Attention], *, runbooks: str | None) -> str:
    if not attention:
        return ""
    lines = "".join(
        f'<li class="{_kind(one)}"><strong>{html.escape(one.sentence)}</strong>'
        f'<span class="quiet">{one.alert}, {"wakes somebody" if one.pages else "for working hours"} · {_runbook(one, runbooks)}</span></li>'
        for one in attention
    )
    return f'<ul class="attention">{lines}</ul>'


def _runbook(one: Attention, runbooks: str | None) -> str:
    """Return the link to what to do, or the file and heading when nobody said where the documents are published."""
    if runbooks is None:
        return f"what to do: {one.runbook}"
    address = html.escape(f"{runbooks}#{one.alert.lower()}", quote=True)
    return f'<a href="{address}" rel="noreferrer">what to do</a>'


def _kind(one: Attention) -> str:
    return "page" if one.pages else "ticket"


def _tile(tile: Tile, reading: Reading, attention: Sequence[Attention]) -> str:
    text = tile.describe(reading)
    concerned = [one for one in attention if one.alert in tile.alerts]
    marked = f" marked {'page' if any(one.pages for one in concerned) else 'ticket'}" if concerned else ""
    mark = '<span class="mark">needs attention</span>' if concerned else ""
    line = ""
    if tile.series is not None:
        points = reading.line(tile.series)
        highest = max((value for _, value in points if value is not None), default=None)
        top = "" if highest is None else f"highest {amount(highest)}"
        line = (
            draw(points, until=reading.at, shows=tile.series.shows)
            + f'<p class="legend" aria-hidden="true"><span>{tile.series.shows}</span><span>{top}</span></p>'
        )
    return (
        f'<article class="tile{marked}"><h3>{tile.title}{mark}</h3><p class="value">{html.escape(text.value)}</p>'
        f'<p class="note">{html.escape(text.note)}</p>{line}</article>'
    )


def _span(reading: Reading) -> str:
    """Return what time the lines show: the last hour, or less after a start of the monitor."""
    since: datetime = reading.points[0].at
    if reading.at - since >= timedelta(minutes=58):
        return "the last hour"
    return f"what was measured since {since:%H:%M} UTC, when the monitor was started"
