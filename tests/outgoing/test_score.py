"""Test the one score there is: every body says `scoreGiven`, and nothing else makes a request to `/scores`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgoing.score import CANVAS, Score, scores_url
from tests.support.servers import ROOT

# The rooms that are the service. `standalone` has an LMS of the demo's own, which takes scores.
SERVICE = ("ingest", "workers", "models", "outgoing", "documents", "monitoring")
ZONES = st.sampled_from((UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-9, minutes=-30))))
TIMES = st.datetimes(timezones=ZONES, min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@given(subject=st.text(), at=TIMES)
def test_every_body_has_a_score_and_its_maximum(subject: str, at: datetime) -> None:
    body = json.loads(Score(subject=subject, at=at).to_body())
    assert body.pop("timestamp") == Score(subject=subject, at=at).timestamp
    assert body == {
        "userId": subject, "scoreGiven": 1, "scoreMaximum": 1, "activityProgress": "Completed", "gradingProgress": "FullyGraded",
        CANVAS: {"new_submission": False},
    }  # fmt: skip


@given(at=TIMES)
def test_time_has_milliseconds_and_a_zone(at: datetime) -> None:
    timestamp = Score(subject="4", at=at).timestamp
    assert TIME.fullmatch(timestamp)
    assert abs((datetime.fromisoformat(timestamp) - at.astimezone(UTC)).total_seconds()) < 0.001


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has a zone"):
        Score(subject="4", at=datetime(2026, 11, 29))


@pytest.mark.parametrize(
    ("line_item", "scores"),
    [
        ("https://lms/lineitems/3/lineitem?type_id=1", "https://lms/lineitems/3/lineitem/scores?type_id=1"),
        ("https://lms/api/lti/courses/7/line_items/3", "https://lms/api/lti/courses/7/line_items/3/scores"),
        ("https://lms/items/3/?a=/scores&b=%2F", "https://lms/items/3/scores?a=/scores&b=%2F"),
    ],
)
def test_scores_go_beside_the_line_item(line_item: str, scores: str) -> None:
    assert scores_url(line_item) == scores


def test_nothing_else_makes_a_score() -> None:
    """Whoever wants to send one has to use `Score`: these words stand in its file only."""
    words = re.compile(r"scoreGiven|/scores\b|lis\.v1\.score|scoreMaximum|mod_assign_save_grade")
    found = {
        str(path.relative_to(ROOT)): sorted(set(words.findall(path.read_text(encoding="utf-8"))))
        for room in SERVICE for path in (ROOT / room).rglob("*.py")
    }  # fmt: skip
    assert {path: said for path, said in found.items() if said} == {
        "outgoing/score.py": ["/scores", "lis.v1.score", "scoreGiven", "scoreMaximum"],
        # What a platform is asked to make room for; it says nothing about a student.
        "ingest/lms/deep_links.py": ["scoreMaximum"],
    }
