"""The plots of the page, drawn by pygal as SVG without scripts. Their colours are the page's, in light and in dark."""

from __future__ import annotations

from typing import Any

import pygal
from pygal.style import Style

from benchmarks.day.client import Sample
from benchmarks.day.figures import Points, of_queue, over_the_day, per_minute, readings
from benchmarks.day.model import HAND_INS, hand_in_rate
from benchmarks.day.rehearse import HAND_INS_PER_SECOND, Day

LOOK: dict[str, Any] = {
    "background": "transparent",
    "plot_background": "transparent",
    "foreground": "var(--ink)",
    "foreground_strong": "var(--ink)",
    "foreground_subtle": "var(--faint)",
    "guide_stroke_color": "var(--faint)",
    "major_guide_stroke_color": "var(--faint)",
    "opacity": "1",
    "stroke_opacity": "1",
    "font_family": "inherit",
    "label_font_size": 12,
    "major_label_font_size": 12,
    "legend_font_size": 13,
    "title_font_size": 15,
}
LINES, MODEL, FAULTS = ("var(--one)", "var(--two)"), ("var(--three)",), ("var(--four)", "var(--five)")
DASHED: dict[str, Any] = {"stroke_style": {"dasharray": "5, 5"}}


def charts(day: Day) -> list[str]:
    """Return the plots in their order on the page."""
    people, bulk = of_queue(day, "interactive"), of_queue(day, "bulk")
    polls = [one for one in day.samples if one.kind == "poll"]
    held = [one for one in day.samples if one.kind == "wait"]
    submits = [one for one in day.samples if one.kind in ("hand in", "webhook")]
    ends = [one.completed for one in people if one.completed is not None]
    return [
        _plot(
            day, "Essays of people, a minute",
            ("handed in", per_minute(day, (one.received for one in people))), ("final", per_minute(day, ends)),
            model=_model(day),
        ),
        _plot(
            day, "Imported essays, a minute",
            ("handed in", per_minute(day, (one.received for one in bulk))),
            ("final", per_minute(day, (one.completed for one in bulk if one.completed is not None))),
        ),
        _plot(
            day, "From hand-in to feedback, essays of people, seconds",
            *(
                (f"p{share * 100:.0f}", over_the_day(day, [(one.received, readings([one])[0]) for one in people if readings([one])], share))
                for share in (0.5, 0.9)
            ),
        ),
        _plot(
            day, "Polls a minute",
            ("polls", per_minute(day, (one.at for one in polls))), ("held polls (Prefer: wait)", per_minute(day, (one.at for one in held))),
        ),
        _plot(
            day, "Time of a poll, milliseconds",
            ("p50", over_the_day(day, _milliseconds(polls), 0.5)), ("p99", over_the_day(day, _milliseconds(polls), 0.99)),
        ),
        _plot(
            day, "Time of a hand-in, milliseconds",
            ("p50", over_the_day(day, _milliseconds(submits), 0.5)), ("p99", over_the_day(day, _milliseconds(submits), 0.99)),
        ),
    ]  # fmt: skip


def _milliseconds(samples: list[Sample]) -> list[tuple[float, float]]:
    return [(one.at, 1000 * one.seconds) for one in samples if one.status]


def _model(day: Day) -> Points:
    """Return the hand-ins a minute of real time that the model asks for, without revisions."""
    rate = hand_in_rate(day.plan.rate * HAND_INS_PER_SECOND * day.plan.seconds)
    hours_a_minute = 24 / day.plan.minutes
    steps = 8 * len(HAND_INS)
    return [(24 * step / steps, rate(24 * step / steps) * hours_a_minute) for step in range(steps)]


def _plot(day: Day, title: str, *lines: tuple[str, Points], model: Points | None = None) -> str:
    colors = (*LINES[: len(lines)], *(() if model is None else MODEL), *FAULTS)
    plot = pygal.XY(
        style=Style(**LOOK, colors=colors), title=title, width=900, height=280, js=[], show_dots=False, legend_at_bottom=True,
        disable_xml_declaration=True, show_x_guides=False, include_x_axis=True, x_value_formatter=lambda hour: f"{hour:.0f} h",
        value_formatter=lambda value: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}", margin=12, max_scale=6,
    )  # fmt: skip
    latest = max((hour for _, points in lines for hour, _ in points), default=24.0)
    plot.xrange = (0, max(24.0, latest))
    plot.x_labels = list(range(0, int(latest) + 1, 2 if latest <= 30 else 6))
    for name, points in lines:
        plot.add(name, points, stroke_style={"width": 2})
    highest = max((value for _, points in lines for _, value in points), default=1.0) or 1.0
    if model is not None:
        plot.add("the model", model, **DASHED)
    faults = [
        (day.hour(day.worker_killed), "worker killed"),
        (day.hour(day.postgres_restarted), "PostgreSQL restarted"),
    ]
    for hour, name in faults:
        plot.add(name, [(hour, 0), (hour, highest)], **DASHED)
    plot.add_xml_filter(_without_scripts)
    return str(plot.render(is_unicode=True))


def _without_scripts(root: Any) -> Any:
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).rpartition("}")[2] == "script":
                parent.remove(child)
    return root
