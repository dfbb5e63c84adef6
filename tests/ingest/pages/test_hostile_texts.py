"""Test that texts of essays, titles and comments that would run as script are shown as text, by markup and in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models import connections, db, endpoints, essays, feedback, passes
from models.essays import Draft
from models.feedback import Author, CommentDraft
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.gunicorn_server import run_gunicorn
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.support.schools import PASSWORD, connect_as, session_of
from tests.support.walker import browser, needs_browser, walk

TEXT = "\n".join(HOSTILE_TEXTS)


@pytest.fixture(scope="module")
def pages_of_hostile_texts(shared_api: ApiUnderTest) -> list[str]:
    """Give the paths of an essay full of hostile texts, with one comment for each, and of a list with hostile titles."""
    school = shared_api.school
    with session_of(school, "zoe"):
        for number, part in enumerate(HOSTILE_TEXTS[at : at + 6] for at in range(0, len(HOSTILE_TEXTS), 6)):
            title = " ".join(part)[:500]
            essays.receive(
                school.zoe, Draft(title=title, text=TEXT, source="app", external_id=f"h{number}"), org=school.org
            )
        receipt = essays.receive(school.zoe, Draft(title="\u202eT", text=TEXT, source="app"), org=school.org)
    connect_as("ec_worker", shared_api.database)
    with db.session(org=school.org):
        task = essays.fetch_task(receipt.submission, org=school.org)
        found = db.row("select id from passes where submission_id = %s and name = 'grammar'", (receipt.submission,))
        assert found is not None
        held = passes.claim(found["id"], org=school.org, lease_seconds=60)
        assert held is not None
        hostile = HOSTILE_TEXTS[:3]
        summary = feedback.seal_summary(
            held, key=task.key, strengths=hostile, next_steps=hostile, not_checked=HOSTILE_TEXTS[:9]
        )
        passes.finish(held, provider="local", model="rules", comments=len(HOSTILE_TEXTS), summary=summary)
        feedback.store(
            held, author=Author(user=task.user, audience=task.audience, essay=task.essay, characters=task.characters),
            key=task.key, provider="local", model="rules", comments=list(_comments()), results=[],
        )  # fmt: skip
    connect_as("ec_ingest", shared_api.database)
    path = f"/essays/{receipt.essay}"
    return [path, f"{path}/next", "/essays", "/essays?limit=1"]


@pytest.fixture(scope="module")
def admin_pages_of_hostile_texts(shared_api: ApiUnderTest, pages_of_hostile_texts: list[str]) -> list[str]:
    """Give the paths of webhooks, of a source with a mapping, and of one that could not send essays back, full of hostile texts."""
    school, paths = shared_api.school, ["/admin/webhooks", f"/admin/sources/{shared_api.school.source}"]
    shared_api.database.sql(
        """
        insert into returns (org_id, source_id, submission_id, channel, state, finished_at, error)
        select org_id, %s, id, 'lti_score', 'gave_up', now(), 'crashed' from submissions where user_id = %s returning id
        """,
        school.source, school.zoe,
    )  # fmt: skip
    with session_of(school, "ada"):
        for text in HOSTILE_TEXTS[:: len(HOSTILE_TEXTS) // endpoints.MOST_ENDPOINTS + 1]:
            url = f"https://lms.example/{text}"
            endpoint, _ = endpoints.add_endpoint(text, org=school.org, url=url, events=endpoints.EVENTS)
            mapping = {
                "signature": {"header": "X", "prefix": text[:20]}, "event_id": f"/{text}", "event_type": f"/{text}", "event_types": [text],
                "members": {"text": "/text", "student/external_id": f"/{text}"},
            }  # fmt: skip
            source, _ = connections.add_source(text, org=school.org, kind="custom", mapping=mapping)
            paths += [f"/admin/webhooks/{endpoint}", f"/admin/webhooks/{endpoint}/rotate", f"/admin/sources/{source}"]
            paths += [f"/admin/sources/{source}/mapping", f"/admin/sources/{source}/try"]
    return paths


def _comments() -> Iterator[CommentDraft]:
    start = 0
    for text in HOSTILE_TEXTS:
        yield CommentDraft(
            type="agreement", kind="issue", severity="minor", match="exact", span=(start, start + len(text)), quote=text,
            message=f"{text} {start}", next_step=text, suggestions=(text,), confidence=0.9, confidence_basis="measured",
            origin="model", criterion=None,
        )  # fmt: skip
        start += len(text) + 1


def test_markup_has_no_element_and_no_attribute_that_a_text_named(
    pages_of_hostile_texts: list[str], signed_in: SignedIn
) -> None:
    reader = signed_in("zoe")
    page = reader.get(pages_of_hostile_texts[0])
    assert page.status == 200
    ours = {"html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "nav", "form", "input", "button",
            "main", "p", "h1", "h2", "section", "span", "ul", "ol", "li", "mark", "details", "summary", "q", "label", "ins",
            "textarea", "time", "footer", "select", "option", "strong", "noscript"}  # fmt: skip
    for path in pages_of_hostile_texts:
        page = reader.get(path)
        elements = page.all("*")
        assert {one.name for one in elements} <= ours, path
        attributes = {name for one in elements for name in one.attrs}
        assert not {
            name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "src", "hx-get")
        } - {"src"}
        assert {one.attrs["src"].split("/")[1] for one in elements if "src" in one.attrs} <= {"static"}
        assert all(one.attrs.get("href", "/").startswith(("/", "#")) for one in elements), path


def test_every_text_is_shown_as_it_is(pages_of_hostile_texts: list[str], signed_in: SignedIn) -> None:
    reader = signed_in("zoe")
    page = reader.get(pages_of_hostile_texts[0])
    lines = ["".join(strip.query("mark")[0].to_text(separator="", strip=False)) for strip in page.all(".strip")]
    assert lines == list(HOSTILE_TEXTS)
    assert len(page.all(".comment")) == len(HOSTILE_TEXTS)
    page = reader.get(pages_of_hostile_texts[1])
    assert page.all("textarea")[0].to_text(separator="", strip=False) == TEXT


@pytest.mark.slow(reason="starts a server and a browser")
@needs_browser
def test_browser_runs_nothing_and_asks_nobody(
    shared_api: ApiUnderTest, pages_of_hostile_texts: list[str], tmp_path: Path
) -> None:
    who = {"email": shared_api.school.email("zoe"), "password": PASSWORD}
    with (
        run_gunicorn(shared_api.environment, log_file=tmp_path / "log") as server,
        browser() as started,
        walk(started, f"http://127.0.0.1:{server.port}") as walker,
    ):
        walker.sign_in("northside", who)
        for path in pages_of_hostile_texts:
            walker.goto(path)
            assert walker.page.evaluate("window.ran") is None
            assert walker.page.url.endswith(path)


@pytest.mark.slow(reason="starts a server and a browser")
@needs_browser
def test_browser_of_an_admin_runs_nothing_and_asks_nobody(
    shared_api: ApiUnderTest, admin_pages_of_hostile_texts: list[str], tmp_path: Path
) -> None:
    who = {"email": shared_api.school.email("ada"), "password": PASSWORD}
    with (
        run_gunicorn(shared_api.environment, log_file=tmp_path / "log") as server,
        browser() as started,
        walk(started, f"http://127.0.0.1:{server.port}") as walker,
    ):
        walker.sign_in("northside", who)
        for path in admin_pages_of_hostile_texts:
            walker.goto(path)
            assert walker.page.locator("h1").is_visible()
            if path.endswith("/try"):
                walker.page.fill("#sample", json.dumps({"text": TEXT}))
                walker.page.click("main form button")
                expect(walker.page.locator("main .state")).to_be_visible()
            assert walker.page.evaluate("window.ran") is None
            assert walker.page.url.endswith(path)
