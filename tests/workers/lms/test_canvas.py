"""The REST client of Canvas: what its errors mean, where the token goes, and how a file is fetched."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from outgoing.client import Client
from tests.support.canvas import ANA, ASSIGNMENT, COURSE, GROUP, SHARD, THROTTLED, TOKEN, CanvasSite, running_canvas
from tests.support.deliveries import THIS_MACHINE
from tests.support.failing_server import Fault
from workers.lms.canvas import Canvas
from workers.lms.canvas_comment import CommentPlace, add_comment, find_comment
from workers.lms.canvas_hand_ins import fetch_assignment, fetch_hand_in, find_course
from workers.lms.canvas_reading import HandIn
from workers.lms.errors import LmsError, Trouble

PLACE = CommentPlace(course=str(COURSE), assignment=str(ASSIGNMENT), user=str(ANA), attempt=1, to_group=False)


@pytest.fixture(scope="module")
def running() -> Iterator[CanvasSite]:
    with running_canvas() as site:
        yield site


@pytest.fixture
def site(running: CanvasSite) -> CanvasSite:
    """Give a Canvas in which Ana has handed in."""
    running.reset()
    running.hand_in(ANA, "<p>They was late.</p>", files={"essay.txt": b"They was late, and I waited."})
    return running


@pytest.fixture
def canvas(site: CanvasSite) -> Canvas:
    return Canvas(client=Client(allowed=THIS_MACHINE, seconds=5), site=site.url, token=TOKEN)


def hand_in(canvas: Canvas) -> HandIn:
    return fetch_hand_in(canvas, course=str(COURSE), assignment=str(ASSIGNMENT), user=str(ANA))


def test_hand_in_is_read_with_its_author_and_course(canvas: Canvas, site: CanvasSite) -> None:
    site.people[ANA]["sis_user_id"] = "ana-sis"
    found = hand_in(canvas)
    assert (found.attempt, found.is_submitted, found.content.text) == (1, True, "<p>They was late.</p>")
    assert (found.person_name, found.sis_id, found.course_name) == ("Ana Alder", "ana-sis", "Writing 101")
    assert [(file.name, file.size) for file in found.content.files] == [("essay.txt", 28)]
    assert fetch_assignment(canvas, course=str(COURSE), assignment=str(ASSIGNMENT)).title == "Essay one"


def test_course_is_found_by_the_assignment(canvas: Canvas) -> None:
    assert find_course(canvas, assignment=str(ASSIGNMENT)) == str(COURSE)
    assert find_course(canvas, assignment=str(SHARD + ASSIGNMENT)) == str(COURSE)
    with pytest.raises(LmsError) as refused:
        find_course(canvas, assignment="99")
    assert refused.value.trouble == Trouble.GONE


@pytest.mark.parametrize(
    ("fault", "trouble", "is_final"),
    [
        (Fault(status=401, body=b"{}", headers={"WWW-Authenticate": "Bearer"}), Trouble.TOKEN_REFUSED, False),
        (Fault(status=401, body=b'{"errors":[{"message":"Insufficient scopes on access token."}]}'), Trouble.SCOPE_MISSING, False),
        (Fault(status=401, body=b'{"status":"unauthorized"}'), Trouble.RIGHTS_MISSING, False),
        (Fault(status=403, body=b'{"status":"unauthorized"}'), Trouble.RIGHTS_MISSING, False),
        (THROTTLED, Trouble.BUSY, False),
        (Fault(status=429, body=b"429 Too Many Requests (Rate Limit Exceeded)"), Trouble.BUSY, False),
        (Fault(status=404, body=b'{"errors":[{"message":"The specified resource does not exist."}]}'), Trouble.GONE, True),
        (Fault(status=400, body=b'{"errors":[{"message":"?"}]}'), Trouble.REQUEST_REFUSED, True),
        (Fault(status=302, headers={"Location": "/login"}), Trouble.UNREADABLE, False),
        (Fault(status=500), Trouble.FAILED, False),
        (Fault(status=503), Trouble.BUSY, False),
        (Fault(body=b"<html>Sign in</html>"), Trouble.UNREADABLE, False),
        (Fault(body=b"[" * 10_000), Trouble.UNREADABLE, False),
        (Fault(body=b'{"attempt": 1}'), Trouble.UNREADABLE, False),
        (Fault(breaks_off=True), Trouble.UNREACHABLE, False),
    ],
)  # fmt: skip
def test_each_error_has_its_meaning(
    canvas: Canvas, site: CanvasSite, fault: Fault, trouble: Trouble, is_final: bool
) -> None:
    site.fail("submission", fault)
    with pytest.raises(LmsError) as refused:
        hand_in(canvas)
    assert (refused.value.trouble, refused.value.is_final) == (trouble, is_final)


def test_slow_canvas_is_not_waited_for(site: CanvasSite) -> None:
    site.fail("submission", Fault(pause_seconds=30))
    canvas = Canvas(client=Client(allowed=THIS_MACHINE), site=site.url, token=TOKEN, ends_at=time.monotonic() + 0.2)
    for _ in range(2):
        with pytest.raises(LmsError) as refused:
            hand_in(canvas)
        assert refused.value.trouble == Trouble.UNREACHABLE


def test_wait_that_canvas_asks_for_is_kept(canvas: Canvas, site: CanvasSite) -> None:
    site.fail("submission", Fault(status=429, headers={"Retry-After": "120"}))
    with pytest.raises(LmsError) as refused:
        hand_in(canvas)
    assert refused.value.wait_seconds == 120


def fetch_essay(canvas: Canvas, *, size: int | None = None) -> bytes:
    [file] = hand_in(canvas).content.files
    return canvas.fetch_file(file.url, size=file.size if size is None else size)


@pytest.mark.parametrize("hops", [1, 3])
def test_file_is_fetched_from_the_store_without_the_token(canvas: Canvas, site: CanvasSite, hops: int) -> None:
    site.hops = hops
    assert fetch_essay(canvas) == b"They was late, and I waited."
    at_store = [one for one in site.sent if one.url.startswith(site.store_url)]
    assert len(at_store) == hops
    assert [one for one in at_store if "authorization" in one.headers] == []
    assert [one.headers["authorization"] for one in site.sent if one not in at_store] == [f"Bearer {TOKEN}"] * 2


def test_file_behind_too_many_redirects_is_not_fetched(canvas: Canvas, site: CanvasSite) -> None:
    site.hops = 4
    with pytest.raises(LmsError) as refused:
        fetch_essay(canvas)
    assert refused.value.trouble == Trouble.ADDRESS_REFUSED


@pytest.mark.parametrize(
    "location", ["https://10.0.0.7/essay", "http://school.example/essay", "ftp://school.example/x", ""]
)
def test_redirect_into_a_denied_network_or_out_of_tls_is_not_followed(
    canvas: Canvas, site: CanvasSite, location: str
) -> None:
    site.fail("store", Fault(status=302, headers={"Location": location}), *[Fault(status=302)] * 3)
    with pytest.raises(LmsError) as refused:
        fetch_essay(canvas)
    assert refused.value.trouble == Trouble.ADDRESS_REFUSED


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault(body=b"They was"), Trouble.FILE_INCOMPLETE),
        (Fault(breaks_off=True), Trouble.UNREACHABLE),
        (Fault(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"), Trouble.RIGHTS_MISSING),
    ],
)
def test_half_a_file_is_no_file(canvas: Canvas, site: CanvasSite, fault: Fault, trouble: Trouble) -> None:
    site.fail("store", fault)
    with pytest.raises(LmsError) as refused:
        fetch_essay(canvas)
    assert refused.value.trouble == trouble


def test_comment_is_found_by_its_mark_and_is_about_its_attempt(canvas: Canvas, site: CanvasSite) -> None:
    site.submissions[ANA].comments.append({"id": 77, "comment": "Well done.", "author_name": "Ed"})
    assert find_comment(canvas, PLACE, mark="essaycoach-1") is None
    added = add_comment(canvas, PLACE, text="It is ready.\n(essaycoach-1)", mark="essaycoach-1")
    assert find_comment(canvas, PLACE, mark="essaycoach-1") == added
    assert site.sent[-2].fields == {"comment[text_comment]": "It is ready.\n(essaycoach-1)", "comment[attempt]": "1"}


def test_comment_for_a_group_reaches_the_group(canvas: Canvas, site: CanvasSite) -> None:
    site.hand_in(ANA, group=GROUP)
    place = CommentPlace(course=str(COURSE), assignment=str(ASSIGNMENT), user=str(ANA), attempt=2, to_group=True)
    add_comment(canvas, place, text="(essaycoach-2)", mark="essaycoach-2")
    assert site.sent[-1].fields["comment[group_comment]"] == "true"


def test_token_is_in_no_address_error_log_line_or_repr(
    canvas: Canvas, site: CanvasSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.fail("submission", Fault(status=401, body=TOKEN.encode(), headers={"WWW-Authenticate": "Bearer"}))
    with pytest.raises(LmsError) as refused:
        hand_in(canvas)
    fetch_essay(canvas)
    assert TOKEN not in f"{refused.value!r} {refused.value} {canvas!r} {caplog.text}"
    assert [one for one in site.sent if TOKEN in one.url or TOKEN in str(one.fields)] == []


def test_token_goes_to_the_site_itself_only() -> None:
    """A port or a scheme of its own makes another site, and so does a name that begins with this one."""
    with running_canvas() as site:
        canvas = Canvas(client=Client(allowed=THIS_MACHINE, seconds=5), site=site.url, token=TOKEN)
        port = urlsplit(site.url).port
        for url in (f"http://localhost:{port}/files/1/download", f"{site.store_url}/hop/1/x"):
            with pytest.raises(LmsError):
                canvas.fetch_file(url, size=1)
        assert [one for one in site.sent if "authorization" in one.headers] == []
