"""One line for each promise of the documents that a day can keep or break."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.day.figures import estimates, hurried, of_queue, quantile, readings
from benchmarks.day.rehearse import Day
from benchmarks.report import duration

LEAST = 20
# docs/benchmarks.md, fairness.
MOST_SLOWER_BEHIND_AN_IMPORT = 2.0
RECOVERY_SECONDS = 60.0
AWAY_SECONDS = 2.0
TOLD_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A promise, the document that makes it, whether the day kept it (None: not measured), and what was measured."""

    text: str
    document: str
    kept: bool | None
    measured: str

    @property
    def verdict(self) -> str:
        """Return the verdict in words."""
        return {True: "kept", False: "BROKEN", None: "not measured"}[self.kept]


def promises(day: Day) -> list[Promise]:
    """Return every promise with its verdict."""
    return [
        *_of_essays(day),
        _worker_killed(day),
        *_postgres_restarted(day),
        *_of_readers(day),
        _behind_the_import(day),
        _told(day),
        _ledger(day),
        _alerts(day),
    ]


def _of_essays(day: Day) -> list[Promise]:
    counted, seen = day.counted, day.record.seen
    accepted, repeated = len(day.record.acknowledged), seen["repeated deliveries"]
    unread = sum(one.status in ("partial", "failed") for one in counted.versions)
    return [
        Promise(
            text="Every essay that was answered with 202 is there and reaches a final state.",
            document="docs/reliability.md",
            kept=counted.lost == 0,
            measured=f"{accepted:,} accepted, {counted.missing} missing, {counted.still_open} not final: lost {counted.lost}",
        ),
        Promise(
            text="Each pass has at most one effect, and no essay is stored twice.",
            document="docs/reliability.md",
            kept=counted.doubled == 0,
            measured=f"{counted.equal_texts} essays stored twice, {counted.extra_results} passes with other results than their "
            f"rows say, {counted.two_ids_for_one_key} keys with two essays: doubled {counted.doubled}",
        ),
        Promise(
            text="Every essay gets all three results, whatever breaks.",
            document="docs/reliability.md",
            kept=unread == 0,
            measured=f"{unread} ended partial or failed",
        ),
        Promise(
            text="A repeated delivery gets the answer of the first.",
            document="docs/handing-in.md",
            kept=counted.two_ids_for_one_key == 0 if repeated else None,
            measured=f"{repeated} repeated, {counted.two_ids_for_one_key} with another answer",
        ),
        Promise(
            text="Whoever repeats a request that was refused for a moment is accepted in the end.",
            document="docs/handing-in.md",
            kept=seen["never accepted"] == 0 and accepted == day.record.started,
            measured=f"{day.record.started - accepted} of {day.record.started:,} never accepted",
        ),
    ]


def _worker_killed(day: Day) -> Promise:
    hit = [one for one in day.counted.versions if one.killed]
    seconds = max((one.completed - day.worker_killed for one in hit if one.completed is not None), default=0.0)
    all_final = all(one.completed is not None for one in hit)
    return Promise(
        text=f"What a killed worker was reading is read again, within {RECOVERY_SECONDS:.0f} s.",
        document="docs/reliability.md",
        kept=all_final and seconds <= RECOVERY_SECONDS if hit else None,
        measured=f"{len(hit)} essays were being read; the last was final after {duration(seconds)}"
        if hit
        else "nothing was being read",
    )


def _postgres_restarted(day: Day) -> list[Promise]:
    wrong = [one for one in day.samples if one.status >= 500 and one.status != 503]
    unanswered = sum(one.status == 0 for one in day.samples)
    away = [one.seconds for one in day.samples if one.status == 503]
    slowest = max(away, default=0.0)
    return [
        Promise(
            text="Whatever breaks, web answers, and never with a 5xx but 503.",
            document="docs/reliability.md",
            kept=not wrong and not unanswered,
            measured=f"{len(away)} answers were 503, {len(wrong)} another 5xx, {unanswered} requests had no answer",
        ),
        Promise(
            text=f"While PostgreSQL is away, the answer is 503, within {AWAY_SECONDS:.0f} s.",
            document="docs/reliability.md",
            kept=slowest <= AWAY_SECONDS if away else None,
            measured=f"the slowest 503 took {duration(slowest)}" if away else "no request met the restart",
        ),
    ]


def _of_readers(day: Day) -> list[Promise]:
    seen = day.record.seen
    return [
        Promise(
            text="A student sees held feedback only after its release.",
            document="docs/feedback.md",
            kept=seen["held feedback shown"] == 0 if seen["reads of held feedback"] else None,
            measured=f"{seen['reads of held feedback']} tried, {seen['held feedback shown']} saw it before its release",
        ),
        Promise(
            text="Every quote stands in the text where its comment says.",
            document="docs/feedback.md",
            kept=seen["wrong quotes"] == 0 if seen["quotes"] else None,
            measured=f"{seen['quotes']:,} quotes compared, {seen['wrong quotes']} wrong",
        ),
    ]


def _behind_the_import(day: Day) -> Promise:
    bulk = of_queue(day, "bulk")
    ends = [one.completed for one in bulk if one.completed is not None]
    begin, end = min((one.received for one in bulk), default=0.0), max(ends, default=0.0)
    calm = [one for one in of_queue(day, "interactive") if not hurried(day, one)]
    behind = readings(one for one in calm if begin <= one.received <= end)
    quiet = readings(one for one in calm if not begin <= one.received <= end)
    ratio = quantile(behind, 0.5) / quantile(quiet, 0.5) if quiet and quantile(quiet, 0.5) else 0.0
    enough = min(len(behind), len(quiet)) >= LEAST
    return Promise(
        text=f"People come before imports: behind one, half of them wait at most {MOST_SLOWER_BEHIND_AN_IMPORT:.0f} times as long.",
        document="docs/reliability.md",
        kept=ratio <= MOST_SLOWER_BEHIND_AN_IMPORT if enough else None,
        measured=f"{duration(quantile(behind, 0.5))} while imported essays waited ({len(behind)} essays), "
        f"{duration(quantile(quiet, 0.5))} without ({len(quiet)}): {ratio:.2f}"
        if enough
        else f"{len(behind)} essays came while imported ones waited, {len(quiet)} came without",
    )


def _told(day: Day) -> Promise:
    found = [(estimate, left) for estimate, left in estimates(day) if left >= TOLD_SECONDS / 2]
    right = sum(abs(estimate - left) <= 0.3 * left for estimate, left in found)
    return Promise(
        text="In a rush, four of five essays are ready within ±30 % of the time that they were told half-way.",
        document="docs/benchmarks.md",
        kept=right >= 0.8 * len(found) if len(found) >= LEAST else None,
        measured=f"{right} of {len(found)} essays that took longer than {TOLD_SECONDS:.0f} s and were told",
    )


def _ledger(day: Day) -> Promise:
    booked, unbooked = day.counted.cost.calls, day.vendor_calls - day.counted.cost.calls
    return Promise(
        text="The ledger has every call to the provider, but for those that ran in a worker that was killed.",
        document="docs/feedback.md",
        kept=0 <= unbooked <= day.counted.crashes,
        measured=f"{day.vendor_calls:,} calls arrived, {booked:,} are in the ledger; {day.counted.crashes} passes lost their worker",
    )


def _alerts(day: Day) -> Promise:
    if day.alerts is None:
        return Promise(
            text="Alerts that fire resolve by themselves.",
            document="docs/alerts.md",
            kept=None,
            measured="Prometheus is not installed: make promtool",
        )
    open_alerts = [one.name for one in day.alerts if one.resolved is None]
    return Promise(
        text="Alerts that fire resolve by themselves.",
        document="docs/alerts.md",
        kept=not open_alerts,
        measured=f"{len(day.alerts)} fired, {len(open_alerts)} still fire {' '.join(open_alerts)}".rstrip(),
    )
