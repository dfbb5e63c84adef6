"""The page docs/rehearsal.html, and the table of docs/rehearsal.md."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from benchmarks.day.charts import charts
from benchmarks.day.figures import Spread, busiest_minute, errors, of_queue, readings, spread, waits
from benchmarks.day.promises import Promise, promises
from benchmarks.day.rehearse import Day
from benchmarks.report import ROOT, WIDTH, Environment, duration

PAGE = ROOT / "docs" / "rehearsal.html"
DOCUMENT = ROOT / "docs" / "rehearsal.md"
START, END = "<!-- rehearsal -->", "<!-- /rehearsal -->"
SPREAD_HEAD = ("", "essays", "p50", "p90", "p99", "longest")
HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>Rehearsal of a school district's day</title>
<style>
:root {{ color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #8a9199; --line: #d5d9de;
  --one: #0b62c4; --two: #b3450b; --three: #6b7280; --four: #a01261; --five: #4b7a12; --bad: #b00020; --good: #1a6e2e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e9ec; --paper: #16191d; --faint: #7d858d; --line: #363c43;
  --one: #6cb2ff; --two: #ffa061; --three: #a3abb3; --four: #ff8fc7; --five: #a5d65c; --bad: #ff8a8a; --good: #7fd694; }} }}
body {{ margin: 0 auto; max-width: 62rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0; }}
th, td {{ border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }}
.wide {{ overflow-x: auto; }}
.kept {{ color: var(--good); font-weight: 600; }} .broken {{ color: var(--bad); font-weight: 600; }}
svg {{ width: 100%; height: auto; margin: .5rem 0; }}
</style>
</head>
<body>
<h1>Rehearsal of a school district's day</h1>
<p>{summary}</p>
<h2>Promises</h2>
{promises}
<h2>The day</h2>
<p>The hours below are those of the compressed day; times in seconds and rates are real. Hours after 24 are the time in which
the last essays were finished.</p>
{charts}
<h2>What people did</h2>
{done}
<h2>How long people and imports waited</h2>
{spreads}
<h2>Answers that were no success</h2>
{errors}
<h2>What the alerts did</h2>
<p>{alerts_note}</p>
{alerts}
<h2>What the monitor counted</h2>
{monitor}
<h2>What it cost</h2>
{cost}
</body>
</html>
"""
ALERTS_NOTE = (
    "A real Prometheus and a real Alertmanager watched, with the rules of the alert drill: what takes an hour in "
    "monitoring/alerts.yml takes a minute here, and limits are lower (feedback counts as slow after 5 s instead of 60 s). So an "
    "alert below says what the rules see, not that somebody would have been called."
)


def write(day: Day, environment: Environment, *, page: Path = PAGE, document: Path = DOCUMENT) -> list[Promise]:
    """Write the page and the table of the document, and return the promises."""
    found = promises(day)
    page.write_text(_html(day, found, environment), encoding="utf-8")
    before, rest = document.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    document.write_text(f"{before}{START}\n{_markdown(day, found, environment)}\n{END}{after}", encoding="utf-8")
    return found


def _summary(day: Day, environment: Environment) -> str:
    plan, versions = day.plan, day.counted.versions
    return (
        f"{plan.schools} schools, {plan.students:,} students, a day in {plan.minutes:g} minutes (seed {plan.seed}, rate {plan.rate:g}): "
        f"{len(versions):,} essays, {len(of_queue(day, 'bulk')):,} of them imported, and {len(day.samples):,} requests. "
        f"The last essay was final {max(0.0, day.ended - day.began - plan.seconds):.0f} s after midnight. In its best minute the "
        f"machine finished {busiest_minute(day)} essays. Claude was a fake that takes {plan.latency_seconds:g} s, the local grammar engine "
        f"{'read beside it' if plan.mix else 'was off'}, imports went {'in batches' if plan.batches else 'one by one'}. "
        f"Commit {environment.commit}, {datetime.now(UTC):%Y-%m-%d} (UTC), {environment.machine}."
    )


def _done(day: Day) -> list[tuple[str, str]]:
    seen, asked = day.record.seen, Counter(one.kind for one in day.samples)
    rows = [
        ("essays handed in by people, revisions included", len(of_queue(day, "interactive"))),
        ("revisions", seen["revisions"]),
        ("webhook deliveries that were sent again on purpose", seen["repeated deliveries"]),
        ("sign-ins", asked["sign in"]),
        ("polls", asked["poll"]),
        ("held polls (Prefer: wait)", asked["wait"]),
        ("feedback read by its student", seen["feedback read"]),
        ("students who stopped looking before the end", seen["patience ended"]),
        ("reviews by teachers", asked["release"]),
        ("comments decided", seen["decisions"]),
        ("essays released", seen["released"]),
    ]
    return [(name, f"{times:,}") for name, times in rows]


def _spreads(day: Day) -> list[tuple[str, ...]]:
    rows = []
    for queue, name in (("interactive", "people"), ("bulk", "imports")):
        versions = of_queue(day, queue)
        rows.append(_spread_row(f"{name}: hand-in to first claim", spread(waits(versions))))
        rows.append(_spread_row(f"{name}: hand-in to final", spread(readings(versions))))
    for kind, name in (
        ("poll", "a poll"),
        ("hand in", "a hand-in"),
        ("webhook", "a webhook"),
        ("read", "reading feedback"),
    ):
        rows.append(
            _spread_row(
                f"time of {name}", spread([one.seconds for one in day.samples if one.kind == kind and one.status])
            )
        )
    return rows


def _spread_row(name: str, found: Spread) -> tuple[str, ...]:
    return (name, f"{found.count:,}", *(duration(value) for value in found.quantiles), duration(found.most))


def _html(day: Day, found: list[Promise], environment: Environment) -> str:
    cost, tokens = day.counted.cost, day.vendor_tokens
    alerts = [
        (
            one.name,
            day.clock(one.fired),
            "still fires" if one.resolved is None else f"after {one.resolved - one.fired:.0f} s",
            one.notified or (f"silenced by {', '.join(one.silenced_by)}" if one.silenced_by else "nobody"),
        )
        for one in day.alerts or []
    ]
    return HTML.format(
        summary=escape(_summary(day, environment)),
        promises=_promises_table(found),
        charts="\n".join(charts(day)),
        done=_html_table(("what", "times"), _done(day)),
        spreads=_html_table(SPREAD_HEAD, _spreads(day)),
        errors=_html_table(
            ("asked for", "answer", "times"), [(kind, answer, f"{times:,}") for kind, answer, times in errors(day)]
        ),
        alerts_note=ALERTS_NOTE if day.alerts is not None else "Prometheus is not installed, so no rule was evaluated.",
        alerts=_html_table(("alert", "fired at", "resolved", "told"), alerts),
        monitor=_html_table(("metric", "sum"), [(name, f"{total:,.0f}") for name, total in day.monitor.items()]),
        cost=_html_table(
            ("", "by the ledger", "by the provider"),
            [
                ("calls", f"{cost.calls:,}", f"{day.vendor_calls:,}"),
                (
                    "input tokens",
                    f"{cost.input_tokens:,}",
                    f"{tokens['input'] + tokens['cache_write'] + tokens['cache_read']:,}",
                ),
                ("output tokens", f"{cost.output_tokens:,}", f"{tokens['output']:,}"),
                ("dollars", f"{cost.micro_dollars / 1e6:.2f}", "–"),
                (
                    "dollars for 1,000 essays",
                    f"{cost.micro_dollars / 1e3 / max(1, len(day.counted.versions)):.2f}",
                    "–",
                ),
            ],
        ),
    )


def _promises_table(found: Iterable[Promise]) -> str:
    rows = "".join(
        f'<tr><td>{escape(one.text)}</td><td class="{"broken" if one.kept is False else "kept" if one.kept else "open"}">'
        f"{one.verdict}</td><td>{escape(one.measured)}</td><td><code>{escape(one.document)}</code></td></tr>\n"
        for one in found
    )
    head = "<tr><th>promise</th><th>verdict</th><th>measured</th><th>document</th></tr>\n"
    return f'<div class="wide"><table>\n{head}{rows}</table></div>'


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>None.</p>"
    lines = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _markdown(day: Day, found: Iterable[Promise], environment: Environment) -> str:
    lines = [
        "",
        textwrap.fill(_summary(day, environment), WIDTH, break_on_hyphens=False),
        "",
        "| promise | verdict | measured |",
        "|---|---|---|",
    ]
    lines += [f"| {one.text} | {one.verdict} | {one.measured} |" for one in found]
    lines += ["", f"| {' | '.join(SPREAD_HEAD)} |", "|---" * len(SPREAD_HEAD) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in _spreads(day)]
    return "\n".join([*lines, ""])
