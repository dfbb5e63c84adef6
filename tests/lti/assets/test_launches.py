"""Test the launches of the Asset Processor: attach it, look at what is set, open a report; and how notices are ordered."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.lms.registration import about_us
from models import db, platforms
from standalone.lti_course import CLAIM, DEEP
from tests.lti.conftest import Platform, rows_of
from tests.support.asset_platform import ATTACH, EULA, NOTICE, REVIEW, SETTINGS, AssetPlatform
from tests.support.asset_work import take_in, tell
from tests.support.pages import Page, PageReader

SERVICE = CLAIM + "platformnotificationservice"
TEXT = b"<p>They was late.</p>"


def shown(platform: Platform, who: str, link: str) -> Page:
    page = platform.open(who, link).page
    assert page is not None
    return page


def handlers(platform: Platform) -> list[tuple[Any, ...]]:
    return platform.api.database.sql("select deployment, notice_type, handler from notice_handlers")


def test_teacher_attaches_it_with_one_button(platform: Platform, lms: AssetPlatform) -> None:
    reader = platform.open("2", ATTACH)
    assert reader.page is not None
    assert reader.page.words("h1") == ["EssayCoach in your assignment"]
    assert lms.orders == [{"notice_type": NOTICE, "handler": f"http://localhost/lti/notices/{platform.id}"}]
    sent = reader.post("/lti/asset-processor/attach", ticket=reader.page.hidden("ticket"))
    assert sent.attributes("form", "action") == [f"{lms.url}/chosen"]
    assert f"form-action {lms.url}" in sent.answer.headers["Content-Security-Policy"]
    lms.take_choice(sent.hidden("JWT"))
    item = lms.links.pop()
    assert (item["type"], item["title"], item["report"]) == (
        "ltiAssetProcessor", "EssayCoach", {"url": "http://localhost/lti/launch"},
    )  # fmt: skip
    assert set(item) == {"id", "type", "title", "text", "report"}


def test_notices_are_ordered_once(platform: Platform, lms: AssetPlatform) -> None:
    for link in (ATTACH, SETTINGS, ATTACH):
        assert "Try again" not in shown(platform, "2", link).text
    assert len(lms.orders) == 1
    assert handlers(platform) == [("1", NOTICE, f"http://localhost/lti/notices/{platform.id}")]
    assert lms.scopes == ["https://purl.imsglobal.org/spec/lti/scope/noticehandlers"]


def test_platform_that_has_forgotten_the_order_gets_it_again_a_day_later(
    platform: Platform, lms: AssetPlatform
) -> None:
    shown(platform, "2", SETTINGS)
    lms.orders.clear()
    platform.api.database.sql("update notice_handlers set registered_at = now() - interval '25 hours' returning 1")
    for _ in range(2):
        shown(platform, "2", SETTINGS)
    assert lms.orders == [{"notice_type": NOTICE, "handler": f"http://localhost/lti/notices/{platform.id}"}]


def test_order_that_fails_is_said_and_repeated(platform: Platform, lms: AssetPlatform) -> None:
    lms.answers["/notice-handlers"] = [500]
    reader = platform.open("2", ATTACH)
    assert reader.page is not None
    assert "it answered with status 500" in reader.page.text
    assert "Attach EssayCoach" not in reader.page.text
    assert handlers(platform) == []
    again = reader.post("/lti/asset-processor/order", ticket=reader.page.hidden("ticket"))
    assert "Attach EssayCoach" in again.text
    assert len(handlers(platform)) == 1


def test_settings_say_that_there_is_nothing_to_set(platform: Platform, lms: AssetPlatform) -> None:
    page = shown(platform, "2", SETTINGS)
    assert "There is nothing to set." in page.text
    assert page.all("main form") == []
    assert platform.api.database.sql("select activity, title, report_url from asset_activities") == [
        ("activity-1", "My favourite place", None)
    ]
    assert lms.orders


@pytest.mark.parametrize(
    ("service", "says"),
    [
        (None, "does not tell other programs"),
        ({"notice_types_supported": ["LtiHelloWorldNotice"]}, "does not tell other programs"),
        ({"platform_notification_service_url": "https://[x"}, "does not tell other programs"),
        ({"platform_notification_service_url": "https://elsewhere.example/handlers"}, "at another site"),
    ],
)  # fmt: skip
def test_notices_are_ordered_at_the_platform_only(
    platform: Platform, lms: AssetPlatform, service: dict[str, Any] | None, says: str
) -> None:
    lms.claims[SERVICE] = service and {**lms.notice_service(), **service}
    assert says in shown(platform, "2", ATTACH).text
    assert (lms.orders, lms.scopes) == ([], [])


def test_handler_is_where_the_platform_knows_us(platform: Platform, lms: AssetPlatform) -> None:
    """A browser names the host of its request, and could name another one."""
    lms.claims[CLAIM + "target_link_uri"] = "https://coach.example/lti/launch"
    assert "under another address" in shown(platform, "2", ATTACH).text
    assert lms.orders == []


@pytest.mark.parametrize("link", [ATTACH, SETTINGS])
def test_students_attach_nothing(platform: Platform, lms: AssetPlatform, link: str) -> None:
    before = rows_of(platform.api)
    assert shown(platform, "4", link).status == 403
    assert rows_of(platform.api) == before
    assert lms.orders == []


def test_terms_are_refused_plainly(platform: Platform) -> None:
    before = rows_of(platform.api)
    page = shown(platform, "4", EULA)
    assert page.status == 404
    assert "no terms" in page.text
    assert rows_of(platform.api) == before


def test_answer_goes_to_a_web_address_only(platform: Platform, lms: AssetPlatform) -> None:
    lms.claims[DEEP + "deep_linking_settings"] = {
        "deep_link_return_url": "javascript:alert(1)", "accept_types": ["ltiAssetProcessor"],
    }  # fmt: skip
    assert shown(platform, "2", ATTACH).status == 422


def test_page_of_another_teacher_is_refused(platform: Platform) -> None:
    reader = platform.open("2", ATTACH)
    assert reader.page is not None
    ticket = reader.page.hidden("ticket")
    student = PageReader(platform.api.app)
    student.sign_in(platform.api.school, "ed")
    student.get("/desk")
    assert student.post("/lti/asset-processor/attach", ticket=ticket).status == 403
    assert reader.post("/lti/asset-processor/attach", ticket=ticket[:-3] + "xxx").status == 403


def test_report_opens_the_students_own_feedback_and_the_desk(platform: Platform, lms: AssetPlatform) -> None:
    assert take_in(platform, lms.notice(lms.asset(TEXT)))[0] == "accepted"
    own = shown(platform, "4", REVIEW)
    assert own.status == 200
    assert "My favourite place" in own.words("h1")[0]
    assert "They was late." in own.text
    desk = shown(platform, "2", REVIEW)
    assert desk.status == 200
    assert "They was late." in desk.text
    assert shown(platform, "5", REVIEW).status == 404


def test_report_of_a_hand_in_that_is_not_here(platform: Platform, lms: AssetPlatform) -> None:
    assert shown(platform, "4", REVIEW).status == 404
    tell(platform, lms.notice(lms.asset(TEXT)))
    assert "has not read this hand-in yet" in shown(platform, "4", REVIEW).text
    platform.api.database.sql(
        "update arrivals set state = 'refused', finished_at = now(), error = 'no_text' returning 1"
    )
    assert "could not read this hand-in" in shown(platform, "4", REVIEW).text
    lms.claims[CLAIM + "submission"] = {"no": "id"}
    assert shown(platform, "4", REVIEW).status == 422


def test_teacher_of_another_course_sees_no_report(platform: Platform, lms: AssetPlatform) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT), subject="5"))
    lms.claims |= {
        CLAIM + "context": {"id": "another", "title": "Another course"},
        "sub": "77",
        "name": "Other Teacher",
    }
    assert shown(platform, "2", REVIEW).status == 404


def announced(platform: Platform, **configuration: Any) -> tuple[set[str], list[dict[str, Any]]]:
    with db.session(role="ec_auth"):
        known = platforms.find_active(platform.id)  # type: ignore[arg-type]
    with platform.api.app.test_request_context("/"):
        ours = about_us(known, configuration)
    messages = ours["https://purl.imsglobal.org/spec/lti-tool-configuration"]["messages"]
    kept = [{name: one[name] for name in ("type", "placements") if name in one} for one in messages]
    return {scope.rpartition("/")[2] for scope in ours["scope"].split()}, kept


def test_registration_announces_what_the_platform_lists(platform: Platform) -> None:
    """Canvas refuses a tool that announces messages or scopes that it does not list."""
    attaching = {"type": "LtiDeepLinkingRequest", "placements": ["ActivityAssetProcessor"]}
    plain = {"type": "LtiDeepLinkingRequest"}
    ours = {"contextmembership.readonly", "noticehandlers", "asset.readonly", "report"}
    opening = [{"type": "LtiReportReviewRequest"}, {"type": "LtiAssetProcessorSettingsRequest"}]
    assert announced(platform) == (ours, [plain, attaching, *opening])

    lists = "https://purl.imsglobal.org/spec/lti-platform-configuration"
    canvas = {
        lists: {
            "messages_supported": [
                {"type": "LtiDeepLinkingRequest", "placements": ["editor_button", "ActivityAssetProcessor"]}
            ]
        }
    }
    assert announced(platform, **canvas)[1] == [plain, attaching]
    moodle = {
        lists: {"messages_supported": [{"type": "LtiDeepLinkingRequest", "placements": []}]},
        "scopes_supported": ["https://purl.imsglobal.org/spec/lti-ags/scope/score"],
    }  # fmt: skip
    assert announced(platform, **moodle) == ({"contextmembership.readonly"}, [plain])
