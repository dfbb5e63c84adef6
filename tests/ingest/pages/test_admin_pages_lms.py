"""Test the pages for an LMS with a form of its own and for Moodle's plugin, and the list of what could not be sent back."""

from __future__ import annotations

import hmac
import json
from typing import Any
from uuid import UUID

import pytest

from ingest.web.mapping import Mapping
from models import db, essays, returns
from models.essays import Draft
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.support.pages import Page, PageReader
from tests.support.schools import session_of

SOURCES = "/admin/sources"
FORM = {
    "name": "Own LMS", "header": "X-Hub-Signature-256", "prefix": "sha256=", "algorithm": "sha512", "encoding": "base64",
    "timestamp_header": "", "event_id": "/event/id", "event_type": "/event/name", "event_types": "essay_submitted\r\nessay_changed",
    "member:text": "/essay/html", "member:student/external_id": "/user/id", "member:student/name": "", "creates_courses": "1",
    "networks": "192.0.2.0/24", "secret": "",
}  # fmt: skip
MAPPING: dict[str, Any] = {
    "signature": {"header": "X-Hub-Signature-256", "prefix": "sha256=", "algorithm": "sha512", "encoding": "base64", "timestamp_header": None},
    "event_id": "/event/id", "event_type": "/event/name", "event_types": ["essay_submitted", "essay_changed"],
    "members": {"text": "/essay/html", "student/external_id": "/user/id"},
}  # fmt: skip
OWN_SECRET = "made-by-the-LMS-itself"
TOKEN = "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"


@pytest.fixture
def ada(signed_in: SignedIn) -> PageReader:
    reader = signed_in("ada")
    reader.get(SOURCES)
    return reader


def connect(ada: PageReader, **changes: str) -> str:
    """Make a custom source by the page, and return the path of its page."""
    page = ada.post(SOURCES, **{**FORM, **changes})
    assert page.status in (200, 201), page.text
    if page.status == 200:
        return str(page.answer.request.path)
    return page.attributes("p > a.button", "href")[0]


def stored(api: ApiUnderTest, path: str) -> tuple[str, dict[str, Any], bool]:
    [(kind, mapping, creates)] = api.database.sql(
        "select kind, mapping, creates_courses from sources where id = %s", path[-36:]
    )
    return kind, mapping, creates


def refusal(page: Page) -> str:
    assert page.status == 422
    [said] = page.words(".notice.bad")
    return said


def test_lms_with_its_own_form_is_connected(shared_api: ApiUnderTest, ada: PageReader) -> None:
    page = ada.post(SOURCES, **FORM)
    assert page.answer.headers["Cache-Control"] == "no-store"
    [secret] = page.words(".secret")
    source = page.attributes("p > a.button", "href")[0]
    assert f"/v1/webhooks/{source[-36:]}" in page.text
    assert stored(shared_api, source) == ("custom", MAPPING, True)
    least = connect(ada, algorithm="sha256", encoding="hex", event_type="", event_types="", event_id="", prefix="")
    made = shared_api.client.post(
        "/v1/sources", headers=shared_api.signed_in("ada"),
        json={"name": "Own LMS", "kind": "custom", "creates_courses": True,
              "mapping": {"signature": {"header": FORM["header"]}, "members": MAPPING["members"]}},
    )  # fmt: skip
    assert stored(shared_api, least) == stored(shared_api, f"/{made.json['id']}")
    for path in (SOURCES, source, f"{source}/mapping", f"{source}/try", f"{source}/rotate"):
        assert secret not in ada.get(path).answer.text


def test_secret_that_the_lms_made_is_taken_and_never_shown(shared_api: ApiUnderTest, ada: PageReader) -> None:
    source = connect(ada, secret=OWN_SECRET)
    page = ada.post(f"{source}/rotate", secret=OWN_SECRET[::-1])
    assert (page.status, page.words(".notice.good")) == (200, ["Saved."])
    assert refusal(ada.post(f"{source}/rotate", secret="short")).startswith("Secret of your LMS: must have at least 16")
    page = ada.post(SOURCES, **{**FORM, "header": "no header", "secret": OWN_SECRET})
    assert refusal(page).startswith("Header with the signature: must be the name of a header")
    assert OWN_SECRET not in page.answer.text
    assert page.attributes("#prefix", "value") == ["sha256="]  # the rest is still there
    page = ada.post(f"{SOURCES}/{shared_api.school.source}/rotate", secret=OWN_SECRET)
    assert "is made by us for this kind of source" in refusal(page)
    assert len(ada.post(f"{source}/rotate").words(".secret")) == 1


@pytest.mark.parametrize(("wrong", "words"), [
    ({"member:text": ""}, "Where each part of a hand-in stands: must say where text is"),
    ({"member:student/name": "user"}, "Name of the student: must be a JSON pointer, such as /data/essay/text"),
    ({"event_types": ""}, "Type of the event, Types that hand in: must have event_type and event_types, or neither"),
    ({"algorithm": "md5"}, "Algorithm: must be one of"),
    ({"header": "", "prefix": "x" * 21}, ("Some fields are not acceptable Header with the signature: must be the name of a header, such as "
     "X-Hub-Signature-256 What stands before it: must have at most 20 characters")),
])  # fmt: skip
def test_mapping_is_changed_and_a_wrong_one_is_refused_by_the_names_of_its_fields(
    shared_api: ApiUnderTest, ada: PageReader, wrong: dict[str, str], words: str
) -> None:
    source = connect(ada, event_types="essay_submitted")
    before = stored(shared_api, source)
    assert refusal(ada.post(f"{source}/mapping", **{**FORM, **wrong})).startswith(words)
    assert refusal(ada.post(SOURCES, **{**FORM, **wrong})).startswith(words)
    assert stored(shared_api, source) == before
    page = ada.get(f"{source}/mapping")
    assert page.attributes("#member-text", "value") == ["/essay/html"]
    assert page.words("#event_types") == ["essay_submitted"]
    ada.post(f"{source}/mapping", **FORM)
    assert Mapping(**stored(shared_api, source)[1]) == Mapping(**MAPPING)


def test_refused_form_names_its_fields_and_not_members_of_the_api(ada: PageReader) -> None:
    wrong = {**FORM, "name": " ", "networks": "192.0.2.0/24\r\nhere"}
    said = refusal(ada.post(SOURCES, **wrong))
    assert "Name: must not be blank" in said
    assert "Networks 2: must be a network or an address" in said
    assert refusal(ada.post(connect(ada), name="Own", networks="here")).startswith("Networks 1: must be")
    moodle = {"name": "Moodle", "site": "http://moodle.example", "token": TOKEN}
    assert refusal(ada.post(SOURCES, **moodle)).startswith("Address of the Moodle: must begin with https://")
    canvas = {"name": "Canvas", "canvas_site": "https://school.instructure.com", "token": "short"}
    assert refusal(ada.post(SOURCES, **canvas)).startswith("Token: must have at least")
    assert refusal(ada.post("/admin/keys", name="Key", scopes="read", networks="here")).startswith("Networks 1: ")
    [platform] = ada.post("/admin/platforms", name="LMS").attributes("p > a.button", "href")
    said = refusal(ada.post(platform, name="LMS", frame_origins="https://lms.example\r\nlms.example"))
    assert said.startswith("Sites that may show EssayCoach in a frame 2: must be the origin")


def test_mapping_of_another_kind_is_not_found(shared_api: ApiUnderTest, ada: PageReader) -> None:
    path = f"{SOURCES}/{shared_api.school.source}/mapping"
    assert ada.get(path).status == 404
    assert ada.post(path, csrf=ada.get(SOURCES).hidden("csrf"), **FORM).status == 404
    assert shared_api.database.sql("select mapping from sources where id = %s", shared_api.school.source) == [(None,)]


def test_sample_shows_what_it_would_become_and_is_not_stored(shared_api: ApiUnderTest, ada: PageReader) -> None:
    source = connect(ada, **{"member:title": "/essay/name", "member:submitted_at": "/at"})
    rows = "select (select count(*) from submissions), (select count(*) from inbound_events), (select count(*) from audit_log)"
    before = shared_api.database.sql(rows)

    def tried(**said: object) -> Page:
        return ada.post(
            f"{source}/try", sample=json.dumps({"event": {"name": "essay_submitted"}, "user": {"id": 17}, **said})
        )

    page = tried(essay={"html": "<p>They were <b>late</b>.</p>", "name": "A <i>letter</i>"}, at="yesterday")
    assert (page.words(".state"), page.words("main section pre")) == (["Accepted"], ["They were late."])
    assert page.words("dd") == ["17", "A <i>letter</i>"]
    assert "What would not be used: /at" in page.text
    page = tried(essay={"html": "</pre><script>window.ran=1</script>"})
    assert [one.attrs["src"].split("/")[1] for one in page.all("script")] == ["static"]
    page = tried(essay={})
    assert (page.words(".state"), page.words("main section code")) == (["Refused"], ["/essay/html"])
    page = tried(event={"name": "<b>quiz</b>"})
    assert (page.words(".state"), page.words("main section code")) == (["Ignored"], ["<b>quiz</b>"])
    for broken in ("{", "", "[" * 2000):
        assert ada.post(f"{source}/try", sample=broken).words(".state") == ["Refused"], broken
    page = ada.get(f"{source}/try")
    [encoding] = page.attributes("main form.card", "enctype")
    # As many bytes as a delivery may have; three for each of them would be too many.
    fields = {"csrf": page.hidden("csrf"), "sample": "é" * 500_000}
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}\r\n' for name, said in fields.items()]
    sent = ("".join(parts) + "--x--\r\n").encode()
    page = Page(ada.client.post(f"{source}/try", data=sent, content_type=f"{encoding}; boundary=x"))
    assert page.words(".state") == ["Refused"]
    data = {"title": "Phones", "file_id": source[-36:], "student": {"external_id": "17"}}
    event = json.dumps({"type": "submission.created", "timestamp": "2026-01-01T00:00:00Z", "data": data})
    page = ada.post(f"{SOURCES}/{shared_api.school.source}/try", sample=event)
    assert (page.words(".state"), page.all("main section pre")) == (["Accepted"], [])
    page = ada.post(f"{SOURCES}/{shared_api.school.source}/try", sample=json.dumps({**json.loads(event), "data": {}}))
    assert page.words("main section p")[-1] == "Some fields are not acceptable"
    assert ada.post(f"{source}/try", sample="</textarea><script>").words("#sample") == ["</textarea><script>"]
    assert shared_api.database.sql(rows) == before


def test_what_a_wrong_mapping_ignored_is_carried_out_again_on_its_page(
    shared_api: ApiUnderTest, ada: PageReader
) -> None:
    source = connect(ada, secret=OWN_SECRET, algorithm="sha256", encoding="hex", event_types="handed_in")
    body = json.dumps({"event": {"name": "essay_submitted", "id": 1}, "essay": {"html": "Phones."}, "user": {"id": 17}})
    signature = hmac.new(OWN_SECRET.encode(), body.encode(), "sha256").hexdigest()
    headers = {FORM["header"]: f"sha256={signature}", "Content-Type": "application/json"}
    ada.post(source, name="Own LMS")  # from everywhere
    answer = shared_api.client.post(f"/v1/webhooks/{source[-36:]}", data=body, headers=headers)
    assert (answer.status_code, answer.json["ignored"][:6]) == (200, "events")
    [delivery] = ada.get(f"{source}/deliveries?outcome=ignored").attributes(".rows.card a", "href")
    ada.post(f"{source}/mapping", **{**FORM, "algorithm": "sha256", "encoding": "hex"})
    [replay] = ada.get(delivery).attributes("main form.card", "action")
    assert ada.post(replay).words(".state") == ["Accepted"]
    assert ada.get(delivery).attributes("main form.card", "action") == []


def test_moodle_whose_plugin_tells_us_is_connected(shared_api: ApiUnderTest, ada: PageReader) -> None:
    form = {"name": "Moodle", "site": "https://moodle.plugin.example", "token": TOKEN, "tells_us": "1"}
    secret = "whsec_" + "A" * 43 + "="
    assert "must begin with whsec_, as the plugin shows it" in refusal(ada.post(SOURCES, **form, secret=OWN_SECRET))
    assert shared_api.database.sql("select from sources where kind = 'moodle_webhookengine'") == []
    page = ada.post(SOURCES, **form, secret=secret)
    [(source,)] = shared_api.database.sql("select id from sources where kind = 'moodle_webhookengine'")
    assert page.status == 200
    assert f"/v1/webhooks/{source}" in page.text
    assert secret not in page.answer.text
    assert refusal(ada.post(SOURCES, **{**form, "tells_us": ""}, secret=secret)).startswith(
        "Secret of the plugin: is for a Moodle whose plugin"
    )
    assert len(ada.post(SOURCES, **form).words(".secret")) == 1
    asked = ada.post(SOURCES, **{**form, "tells_us": ""}).answer.request.path
    assert ada.get(f"{asked}/rotate").status == 404  # it signs nothing
    assert ada.post(f"{SOURCES}/{source}/rotate", secret=secret[:-2] + "B=").words(".notice.good") == ["Saved."]
    assert ada.get(f"{SOURCES}/{source}/try").status == 422  # it sends no essays
    assert "Nothing is taken from this source" in ada.get(f"{SOURCES}/{source}/delete").text


def test_page_of_a_moodle_says_how_often_we_look_and_where_students_read(
    shared_api: ApiUnderTest, ada: PageReader
) -> None:
    ada.post(SOURCES, name="Moodle", site="https://moodle.often.example", token=TOKEN)
    [(source,)] = shared_api.database.sql("select id from moodle_sites where site = 'https://moodle.often.example'")
    path, form = f"{SOURCES}/{source}", {"name": "Moodle", "returns": "link", "courses": ""}
    assert ada.get(path).attributes("#interval_seconds", "value") == ["300"]
    wished = {"interval_seconds": "60", "pages_url": "https://essays.school.example"}
    assert ada.post(path, **form, **wished).words(".notice.good") == ["Saved."]
    page = ada.get(path)
    assert {name: page.attributes(f"#{name}", "value") for name in wished} == {
        name: [value] for name, value in wished.items()
    }
    refused = refusal(ada.post(path, **form, interval_seconds="5", pages_url=""))
    assert refused.startswith("Seconds between two looks: ")
    assert refusal(ada.post(path, **form, interval_seconds="often", pages_url="")) == (
        "Seconds between two looks: must be a whole number"
    )
    ada.post(path, **form, interval_seconds="60", pages_url="")
    assert shared_api.database.sql("select pages_url, interval_seconds from moodle_sites where id = %s", source) == [
        (None, 60)
    ]


def test_admin_lets_go_of_the_account_of_a_canvas_that_was_bound_wrongly(
    shared_api: ApiUnderTest, ada: PageReader
) -> None:
    ada.post(SOURCES, name="Canvas", canvas_site="https://bound.instructure.com", token=TOKEN)
    account = (
        "update canvas_sites set root_account_uuid = 'theirs' where site = 'https://bound.instructure.com' returning id"
    )
    [(source,)] = shared_api.database.sql(account)
    path, form = f"{SOURCES}/{source}", {"name": "Canvas", "returns": "link"}
    assert ada.get(path).attributes("#root_account_uuid", "value") == ["theirs"]
    assert "Account whose events count: " in refusal(ada.post(path, **form, root_account_uuid="not one"))
    ada.post(path, **form, root_account_uuid="")
    assert shared_api.database.sql("select root_account_uuid from canvas_sites where id = %s", source) == [(None,)]


def fail_return(api: ApiUnderTest, channel: str, error: str) -> str:
    """Let the feedback on a new essay come to nothing on its way back; return the id of the essay."""
    with session_of(api.school, "alice"):
        draft = Draft(title=HOSTILE_TEXTS[0], text="Phones was distracting.", source="app")
        receipt = essays.receive(api.school.alice, draft, org=api.school.org)
    api.database.sql(
        """
        insert into returns (org_id, source_id, submission_id, channel, state, finished_at, attempt, error)
        values (%s, %s, %s, %s, 'gave_up', now(), 8, %s) returning id
        """,
        api.school.org, api.school.source, receipt.submission, channel, error,
    )  # fmt: skip
    return str(receipt.essay)


def test_feedback_that_could_not_be_sent_back_is_listed_and_sent_again(
    shared_api: ApiUnderTest, ada: PageReader
) -> None:
    school, path = shared_api.school, f"{SOURCES}/{shared_api.school.source}"
    fail_return(shared_api, "lti_score", "not_wanted")
    essay = fail_return(shared_api, "lti_score", "lms_token_refused")
    newest = fail_return(shared_api, "moodle_comment", "lms_unreachable")
    page = ada.get(path)
    links = page.attributes('a[href^="/desk/essays/"]', "href")
    assert links == [f"/desk/essays/{newest}?draft=1", f"/desk/essays/{essay}?draft=1"]
    assert page.words('a[href^="/desk/essays/"]') == [HOSTILE_TEXTS[0]] * 2
    for words in (
        "The LMS does not accept the token. Make a new token in the LMS and enter it here.",
        "The LMS cannot be reached. Check that its address opens in a browser. Then try again.",
    ):
        assert words in page.text
    german = ada.get(path, **{"Accept-Language": "de"}).text
    assert (
        "Das LMS ist nicht erreichbar. Prüfen Sie, ob sich seine Adresse im Browser öffnet. Versuchen Sie es" in german
    )
    assert ada.get(links[0]).status == 200
    # A damaged title leaves the rest as it is.
    [(title,)] = shared_api.database.sql("select title from essays where id = %s", newest)
    damage = "update essays set title = %s where id = %s returning 1"
    shared_api.database.sql(damage, bytes(title)[:-1] + bytes([bytes(title)[-1] ^ 1]), newest)
    assert ada.get(path).words('a[href^="/desk/essays/"]') == ["…", HOSTILE_TEXTS[0]]
    shared_api.database.sql(damage, title, newest)
    with session_of(school, "ada"):
        [only] = returns.list_failed(school.source, org=school.org, limit=1)
        assert only.essay == UUID(newest)
        # Those that nobody wanted do not keep the others waiting.
        queued = db.row("select resend_returns(%s, null, 1) as queued", (school.source,))
        assert queued == {"queued": 1}
        assert [one.essay for one in returns.list_failed(school.source, org=school.org, limit=9)] == [UUID(newest)]
    with session_of(shared_api.other, "ada"):
        assert returns.list_failed(school.source, org=shared_api.other.org, limit=9) == []
        assert returns.list_failed(school.source, org=school.org, limit=9) == []
    ada.get(path)
    ada.post(f"{path}/again")
    assert ada.get(path).attributes('a[href^="/desk/essays/"]', "href") == []
    found = shared_api.database.sql("select distinct state from returns where source_id = %s", school.source)
    assert found == [("queued",)]
