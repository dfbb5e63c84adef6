"""The rehearsal of a day: its model, the verdicts about its promises, and a small one from start to page."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.day.client import Sample
from benchmarks.day.count import Cost, Counted, Version
from benchmarks.day.district import school_sizes
from benchmarks.day.model import DEADLINE, HandIn, arrivals, draw_day, hand_in_rate
from benchmarks.day.people import Record
from benchmarks.day.promises import Promise, promises
from benchmarks.day.rehearse import Day, Plan
from tests.conftest import Report
from tests.support.servers import ROOT

KEPT_LEAST = 12
MOST_BYTES = 300_000


def a_day() -> Day:
    """Return a day on which two essays were handed in and all went well."""
    versions = [
        Version(
            id=name, queue="interactive", status="completed", number=1, received=100.0, completed=103.0, claimed=100.1, killed=True
        )
        for name in ("one", "two")
    ]  # fmt: skip
    cost = Cost(calls=6, input_tokens=60, output_tokens=6, micro_dollars=600)
    return Day(
        plan=Plan(minutes=1), began=90.0, ended=150.0,
        record=Record(
            acknowledged={"a": {"one"}, "b": {"two"}}, started=2,
            seen=Counter({"repeated deliveries": 2, "reads of held feedback": 1, "quotes": 3}),
        ),
        samples=[Sample("hand in", 100.0, 0.01, 202), Sample("poll", 101.0, 0.01, 503, "temporarily-unavailable")],
        counted=Counted(
            versions=versions, missing=0, still_open=0, two_ids_for_one_key=0, equal_texts=0, extra_results=0, crashes=0, cost=cost
        ),
        alerts=[], worker_killed=101.0, postgres_restarted=110.0, monitor={}, vendor_calls=6, vendor_tokens={},
    )  # fmt: skip


def broken(day: Day) -> list[str]:
    """Return the texts of the promises that the day broke."""
    return [one.text for one in promises(day) if one.kept is False]


def test_same_seed_draws_the_same_day_and_another_seed_another() -> None:
    one, again, other = (draw_day(seed=seed, hand_ins=300, reviews=20) for seed in (7, 7, 8))
    assert one == again
    assert one != other
    assert all(earlier.hour <= later.hour for earlier, later in pairwise(one))


def test_arrivals_follow_the_model() -> None:
    rate = hand_in_rate(1000)
    assert sum(rate(minute / 60) for minute in range(24 * 60)) / 60 == pytest.approx(1000, rel=0.01)
    hours = [hour for seed in range(20) for hour in arrivals(rate, random.Random(seed))]
    # 20,000 are expected; four standard deviations are 566.
    assert len(hours) == pytest.approx(20_000, abs=566)
    last_hour = sum(DEADLINE - 1 <= hour <= DEADLINE for hour in hours)
    expected = sum(rate(DEADLINE - minute / 60) for minute in range(60)) / 60 * 20
    assert last_hour == pytest.approx(expected, rel=0.1)
    assert last_hour > 3 * sum(20 <= hour <= 21 for hour in hours)
    lesson = [hour % 1 for hour in hours if 9 <= hour < 12]
    assert sum(part >= 50 / 60 for part in lesson) / len(lesson) == pytest.approx(0.375, abs=0.03)


def test_every_student_has_a_school_and_schools_differ() -> None:
    sizes = school_sizes(200, 20_000)
    assert sum(sizes) == 20_000
    assert len(sizes) == 200
    assert sizes[0] > 20 * min(sizes) > 0


def test_share_of_students_who_revise_is_that_of_the_model() -> None:
    day = [one for one in draw_day(seed=1, hand_ins=4000, reviews=1) if isinstance(one, HandIn)]
    assert sum(one.revises for one in day) / len(day) == pytest.approx(0.25, abs=0.03)


def test_a_good_day_breaks_no_promise() -> None:
    assert broken(a_day()) == []
    assert sum(one.kept is True for one in promises(a_day())) >= KEPT_LEAST


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"missing": 1}, "Every essay that was answered with 202"),
        ({"still_open": 1}, "Every essay that was answered with 202"),
        ({"equal_texts": 1}, "Each pass has at most one effect"),
        ({"extra_results": 1}, "Each pass has at most one effect"),
        ({"cost": Cost(calls=5, input_tokens=0, output_tokens=0, micro_dollars=0)}, "The ledger has every call"),
    ],
)
def test_what_the_database_holds_breaks_its_promise(changes: dict[str, object], text: str) -> None:
    day = a_day()
    (found,) = broken(replace(day, counted=replace(day.counted, **changes)))  # type: ignore[arg-type]
    assert found.startswith(text)


def test_another_5xx_and_a_slow_503_break_their_promises() -> None:
    day = a_day()
    day.samples.extend((Sample("poll", 101.0, 0.01, 500), Sample("poll", 101.0, 2.5, 503)))
    assert len(broken(day)) == 2


def test_essay_that_was_never_accepted_breaks_a_promise() -> None:
    day = a_day()
    day.record.started += 1
    assert len(broken(day)) == 1


def verdicts_of(printed: str) -> dict[str, str]:
    """Return the verdict of each promise that the command printed."""
    words = [
        one.verdict for one in (Promise(text="", document="", kept=kept, measured="") for kept in (True, False, None))
    ]
    return {
        line[12:].strip(): line[:12].strip() for line in printed.splitlines() if line[:12].strip() in words
    }  # fmt: skip


@pytest.mark.slow(reason="rehearses a day of 45 seconds on a machine of its own")
def test_small_day_loses_and_doubles_nothing_and_is_shown_on_a_page(tmp_path: Path, report: Report) -> None:
    page = tmp_path / "day.html"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.day", "--small", "-o", str(page)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}, capture_output=True, text=True,
        check=False,  # a promise about times may be broken on a busy machine
    )  # fmt: skip
    verdicts = verdicts_of(done.stdout)
    assert "lost 0" in done.stdout, done.stdout + done.stderr
    assert "doubled 0" in done.stdout, done.stdout
    expected = [one.text for one in promises(a_day())]
    assert list(verdicts) == expected
    text = page.read_text(encoding="utf-8")
    tree = ET.fromstring(text)
    cells = {"".join(cell.itertext()) for cell in tree.iter("td")}
    document = page.with_suffix(".md").read_text(encoding="utf-8")
    for promise in expected:
        assert promise in cells
        assert f"| {promise} | {verdicts[promise]} |" in document
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}svg"))) == 6
    assert not [one for one in tree.iter() if one.tag.endswith("script")]
    assert page.stat().st_size < MOST_BYTES
    report(f"a small day: {dict(Counter(verdicts.values()))}")
    # Times are not judged here: a busy machine is slow, and loses nothing all the same.
    kept = [text for text, verdict in verdicts.items() if verdict == "kept"]
    assert len(kept) >= 8, done.stdout
