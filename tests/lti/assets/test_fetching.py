"""Test what a worker does about a notice: fetch, choose and store the essay, and report once what became of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models import essays, files
from models.jobs import RowTable
from models.platforms import Platform as Hosted
from outgoing.lti import is_own_site
from tests.lti.conftest import Platform, connect
from tests.support.asset_platform import AssetPlatform, run_asset_platform
from tests.support.asset_work import give_feedback, newest, returned, take_in, tell, work
from tests.support.schools import session_of

TEXT = b"<p>They <b>was</b> late.</p>"


def writing(platform: Platform) -> dict[str, Any]:
    [(submission,)] = platform.api.database.sql("select id from submissions order by id desc limit 1")
    with session_of(platform.api.school, "ada"):
        return essays.fetch_writing(submission, org=platform.api.school.org)


def test_typed_text_is_the_essay_and_one_report_goes_back(platform: Platform, lms: AssetPlatform) -> None:
    asset = lms.asset(TEXT)
    assert take_in(platform, lms.notice(asset)) == ("accepted", None, 1)
    found = writing(platform)
    assert (found["text"], found["title"]) == ("They was late.", "My favourite place")
    assert lms.reports == {}

    give_feedback(platform)
    assert returned(platform) == [("done", None, asset["asset_id"])]
    [report] = lms.taken_reports
    assert report == {
        "assetId": asset["asset_id"], "type": "essaycoach", "timestamp": report["timestamp"], "processingProgress": "Processed",
        "priority": 0, "title": "EssayCoach", "comment": "Your feedback on version 1 is ready.", "visibleToOwner": True,
    }  # fmt: skip
    assert report["timestamp"].endswith("Z")
    assert lms.scopes == [f"https://purl.imsglobal.org/spec/lti/scope/{name}" for name in ("asset.readonly", "report")]


def test_person_is_forgotten_in_the_arrival_and_known_by_the_next_launch(
    platform: Platform, lms: AssetPlatform
) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT)))
    [(place,)] = platform.api.database.sql("select place from arrivals")
    assert "person" not in place
    page = platform.open("4").page
    assert page is not None
    assert platform.api.database.sql(
        "select count(distinct l.user_id) from lms_people as l join essays as e on e.user_id = l.user_id"
    ) == [(1,)]


def test_redirect_is_followed_without_the_token(platform: Platform, lms: AssetPlatform) -> None:
    lms.redirects = True
    content = b"This is my essay, in a file that lies elsewhere."
    assert (
        take_in(platform, lms.notice(lms.asset(content, filename="Mia.TXT", content_type="text/plain")))[0]
        == "accepted"
    )
    [seen] = lms.store.headers_seen
    assert "authorization" not in {name.lower() for name in seen}
    [(submission,)] = platform.api.database.sql("select id from submissions")
    with session_of(platform.api.school, "ada"):
        original = files.fetch_original(submission, org=platform.api.school.org)
    assert (original.name, original.content) == ("essay.txt", content)


def test_longest_document_is_the_essay_and_gets_the_report(platform: Platform, lms: AssetPlatform) -> None:
    note = lms.asset(b"See my file.", filename="note.txt", content_type="text/plain")
    essay = lms.asset(
        b"This is my essay, and it has many more words than the note.", filename="a.txt", content_type="text/plain"
    )
    picture = lms.asset(b"\x89PNG", filename="photo.png", content_type="image/png")
    take_in(platform, lms.notice(picture, note, essay))
    give_feedback(platform)
    assert [report["assetId"] for report in lms.taken_reports] == [essay["asset_id"]]


def test_next_hand_in_is_version_two(platform: Platform, lms: AssetPlatform) -> None:
    first, second = lms.asset(TEXT), lms.asset(b"<p>They were late.</p>")
    take_in(platform, lms.notice(first, submission="s:1"))
    take_in(platform, lms.notice(second, submission="s:2"))
    assert platform.api.database.sql("select version from submissions order by id") == [(1,), (2,)]
    give_feedback(platform)
    assert {report["assetId"]: report["comment"] for report in lms.taken_reports} == {
        first["asset_id"]: "Your feedback on version 1 is ready.",
        second["asset_id"]: "Your feedback on version 2 is ready.",
    }


def bomb() -> bytes:
    """Return a DOCX whose text is a thousand times larger than it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w:document>" + b" " * 60_000_000 + b"</w:document>")
    return packed.getvalue()


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
REFUSED: dict[str, tuple[Callable[[AssetPlatform], dict[str, Any]], str, str]] = {
    "a picture": (lambda lms: lms.asset(b"x", filename="a.png", content_type="image/png"), "file_unsupported", "UNSUPPORTED_ASSET_TYPE"),
    "half a file": (lambda lms: lms.asset(b"PK\x03\x04 half", filename="a.docx", content_type=DOCX), "file_unreadable", "UNSUPPORTED_ASSET_TYPE"),
    "no words": (lambda lms: lms.asset(b"<p> </p>"), "no_text", "ASSET_TOO_SMALL"),
    "too many words": (lambda lms: lms.asset(b"w " * 60_000, content_type="text/plain"), "essay_too_long", "ASSET_TOO_LARGE"),
    "too large": (lambda lms: lms.asset(b"x", filename="a.docx", size=21 * 1024 * 1024), "file_too_large", "ASSET_TOO_LARGE"),
    "on another site": (lambda lms: lms.asset(b"x", url="https://files.example/x"), "address_refused", "DOWNLOAD_FAILED"),
    "without TLS": (lambda lms: lms.asset(b"x", url="http://lms.example/x"), "address_refused", "DOWNLOAD_FAILED"),
    "in a private network": (lambda lms: lms.asset(b"x", url="https://10.0.0.8/x"), "address_refused", "DOWNLOAD_FAILED"),
}  # fmt: skip


def check_refusal(platform: Platform, lms: AssetPlatform, asset: dict[str, Any], *, error: str, code: str) -> None:
    assert take_in(platform, lms.notice(asset)) == ("refused", error, 1)
    [report] = lms.taken_reports
    assert (report["assetId"], report["processingProgress"], report["errorCode"], report["visibleToOwner"]) == (
        asset["asset_id"], "Failed", code, False,
    )  # fmt: skip
    assert report["comment"]
    assert platform.api.database.sql("select count(*) from submissions") == [(0,)]


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_reported(platform: Platform, lms: AssetPlatform, case: str) -> None:
    make, error, code = REFUSED[case]
    check_refusal(platform, lms, make(lms), error=error, code=code)


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("https://north.instructure.example/assets/1", True), ("https://canvas.north.example/assets/1", True), ("https://sso.canvas.example/x", True),
        ("https://instructure.example.evil.example/x", False), ("https://canvas.south.example/x", False), ("https://files.north.example/x", True),
    ],
)  # fmt: skip
def test_sites_of_a_platform_are_its_own_and_those_an_admin_has_entered(url: str, is_own: bool) -> None:
    hosted = Hosted(
        id=UUID(int=1), org=UUID(int=2), state="active", issuer="https://canvas.instructure.example", client_id="1",
        authorization_url="https://sso.canvas.example/a", token_url="https://sso.canvas.example/t", token_audience=None,
        jwks_url="https://sso.canvas.example/k", deployments=["1"], frame_origins=["https://canvas.north.example"],
        registration_ends_at=None, created_at=datetime.now(UTC), scores="none",
    )  # fmt: skip
    assert is_own_site(hosted, url) is is_own


@pytest.mark.slow(reason="makes and reads a file that unpacks to 60 MB")
def test_bomb_is_reported(platform: Platform, lms: AssetPlatform) -> None:
    asset = lms.asset(bomb(), filename="a.docx", content_type=DOCX)
    check_refusal(platform, lms, asset, error="file_too_large", code="ASSET_TOO_LARGE")


def test_token_goes_to_no_other_site(platform: Platform, lms: AssetPlatform) -> None:
    lms.redirects = True
    take_in(platform, lms.notice(lms.asset(TEXT, url="https://files.example/x")))
    assert lms.scopes == ["https://purl.imsglobal.org/spec/lti/scope/report"]


@pytest.mark.parametrize(
    "to", ["https://169.254.169.254/latest", "http://lms.example/x", "https://[x", "file:///etc/passwd"]
)
def test_redirect_to_what_is_never_called_is_refused(
    platform: Platform, lms: AssetPlatform, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    lms.redirects = True
    monkeypatch.setattr(lms.store, "address_of", lambda *_: to)
    assert take_in(platform, lms.notice(lms.asset(TEXT)))[:2] == ("refused", "address_refused")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, "lms_access_refused"),
        (403, "lms_access_refused"),
        (429, "lms_busy"),
        (500, "lms_failed"),
    ],
)
def test_document_that_is_not_given_is_asked_for_again(
    platform: Platform, lms: AssetPlatform, status: int, error: str
) -> None:
    lms.answers["/assets"] = [status]
    assert take_in(platform, lms.notice(lms.asset(TEXT))) == ("queued", error, 1)
    work(platform, RowTable.ARRIVALS)
    assert newest(platform) == ("accepted", None, 2)


def test_document_that_moves_on_and_on_is_not_followed(platform: Platform, lms: AssetPlatform) -> None:
    lms.answers["/assets"] = [302] * 4
    assert take_in(platform, lms.notice(lms.asset(TEXT))) == ("queued", "lms_unreadable", 1)


@pytest.mark.parametrize("change", [{"sha256_checksum": "00" * 32}, {"size": 3}])
def test_half_a_document_is_fetched_again(platform: Platform, lms: AssetPlatform, change: dict[str, Any]) -> None:
    assert take_in(platform, lms.notice(lms.asset(TEXT, **change))) == ("queued", "lms_file_incomplete", 1)
    platform.api.database.sql("update arrivals set attempt = 9 returning 1")
    work(platform, RowTable.ARRIVALS)
    assert newest(platform) == ("gave_up", "lms_file_incomplete", 10)
    assert [report["errorCode"] for report in lms.taken_reports] == ["DOWNLOAD_FAILED"]


def test_document_that_is_gone_is_given_up_and_a_second_notice_brings_it(
    platform: Platform, lms: AssetPlatform
) -> None:
    lms.answers["/assets"] = [404]
    asset = lms.asset(TEXT)
    assert take_in(platform, lms.notice(asset)) == ("gave_up", "lms_gone", 1)
    assert lms.taken_reports[0]["errorCode"] == "DOWNLOAD_FAILED"
    assert take_in(platform, lms.notice(asset)) == ("accepted", None, 1)
    give_feedback(platform)
    assert [report["processingProgress"] for report in lms.reports.values()] == ["Processed"]


def test_refusal_is_told_before_it_is_stored_and_once(platform: Platform, lms: AssetPlatform) -> None:
    lms.answers["/reports"] = [503]
    asset = lms.asset(b"<p> </p>")
    assert take_in(platform, lms.notice(asset)) == ("queued", "lms_busy", 1)
    work(platform, RowTable.ARRIVALS)
    assert newest(platform) == ("refused", "no_text", 2)
    assert len(lms.taken_reports) == 1


def test_refusal_that_the_lms_does_not_take_is_stored_all_the_same(platform: Platform, lms: AssetPlatform) -> None:
    lms.answers["/reports"] = [404]
    assert take_in(platform, lms.notice(lms.asset(b"<p> </p>"))) == ("refused", "no_text", 1)


def test_teacher_who_tries_it_out_is_told(platform: Platform, lms: AssetPlatform) -> None:
    platform.open("2")
    assert take_in(platform, lms.notice(lms.asset(TEXT), subject="2")) == ("refused", "not_a_student", 1)
    assert [report["errorCode"] for report in lms.taken_reports] == ["NOT_TAKEN"]


def test_rows_of_a_platform_that_is_switched_off_wait(platform: Platform) -> None:
    with run_asset_platform() as lms:
        other = connect(platform.api, lms)
        tell(other, lms.notice(lms.asset(TEXT)))
        platform.api.client.delete(f"/v1/platforms/{other.id}", headers=platform.api.signed_in("ada"))
        work(other, RowTable.ARRIVALS)
        assert newest(other)[0] == "queued"
        assert lms.scopes == []
