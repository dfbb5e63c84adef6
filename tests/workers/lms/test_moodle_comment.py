"""A comment is sent once, and found again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.failing_server import Fault
from tests.support.moodle import ANA, MODULE, MoodleSite
from tests.support.servers import ROOT
from workers.deliveries.return_text import mark_of
from workers.lms.errors import LmsError, Trouble
from workers.lms.moodle import Moodle
from workers.lms.moodle_comment import CommentPlace, add_comment, find_comment


@pytest.fixture
def place(site: MoodleSite) -> CommentPlace:
    return CommentPlace(module=MODULE, hand_in=site.hand_in(ANA, "One.", at=1))


def test_comment_is_found_by_its_mark(site: MoodleSite, moodle: Moodle, place: CommentPlace) -> None:
    mark, other = mark_of(uuid4()), mark_of(uuid4())
    assert find_comment(moodle, place, mark=mark) is None
    added = add_comment(moodle, place, text=f"Your feedback is ready.\n({mark})")
    for _ in range(40):
        add_comment(moodle, place, text="A word of a teacher.")
    assert find_comment(moodle, place, mark=mark) == added
    assert find_comment(moodle, place, mark=other) is None


def test_lost_answer_leaves_a_comment_that_is_found(site: MoodleSite, moodle: Moodle, place: CommentPlace) -> None:
    mark = mark_of(uuid4())
    site.fail("core_comment_add_comments", Fault(after_the_work=True, breaks_off=True))
    with pytest.raises(LmsError):
        add_comment(moodle, place, text=mark)
    assert find_comment(moodle, place, mark=mark) == 1


def test_hand_in_that_is_gone_is_final(moodle: Moodle) -> None:
    with pytest.raises(LmsError) as caught:
        add_comment(moodle, CommentPlace(module=MODULE, hand_in=999), text="x")
    assert (caught.value.trouble, caught.value.is_final) == (Trouble.GONE, True)


def test_no_code_can_write_a_grade() -> None:
    sources = [path for room in ("workers", "models", "ingest", "outgoing") for path in (ROOT / room).rglob("*.py")]
    assert len(sources) > 100
    assert [str(path) for path in sources if "save_grade" in path.read_text("utf-8")] == []
