"""Walk through the administration of the running system with a real browser, on a desktop, on a phone, and without JavaScript."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.one_machine import ESSAY, Standalone, ask
from tests.support.races import eventually
from tests.support.walker import DESKTOP, PHONE, needs_browser, walk

pytestmark = [needs_browser, pytest.mark.slow(reason="starts the system and a browser")]


def roster(folder: Path, mark: str) -> list[Path]:
    """Write the three files of a roster and return them."""
    rows = {
        "users": f"sourcedId,role,givenName,familyName,email\n{mark}-1,student,Grace,Hopper {mark},grace-{mark}@demo.example\n",
        "classes": f"sourcedId,title\n{mark}-c,Poetry {mark}\n",
        "enrollments": f"classSourcedId,userSourcedId,role\n{mark}-c,{mark}-1,student\n",
    }
    files = [folder / f"{name}.csv" for name in rows]
    for file, text in zip(files, rows.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def refuse(machine: Standalone, mark: str) -> str:
    """Let the LMS deliver an essay for an assignment that nobody has made yet; return the id of the assignment."""
    homework = f"hw-{mark}"
    data = {
        "title": f"Late <b>{mark}</b>", "text": ESSAY, "student": {"external_id": f"{mark}-1"},
        "assignment": {"external_id": homework},
    }  # fmt: skip
    assert machine.deliver(data).status == 422
    return homework


def admin_headers(machine: Standalone) -> dict[str, str]:
    """Sign the admin in at the API."""
    who = {"org": machine.known["org"], **machine.known["admin"]}
    token = ask("POST", f"{machine.api}/v1/auth/login", body=who).body["access_token"]
    return {"Authorization": f"Bearer {token}"}


def connect_lms(machine: Standalone) -> list[str]:
    """Connect a Moodle and a Canvas that do not exist, and an LTI platform; return the addresses of their pages."""
    pages = []
    for kind in ("moodle", "canvas"):
        site = {"site": f"https://{kind}.school.example", "token": "0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e"}
        body = {"name": kind.capitalize(), "kind": kind, kind: site}
        made = ask("POST", f"{machine.api}/v1/sources", body=body, headers=admin_headers(machine))
        pages.append(f"/admin/sources/{made.body['id']}")
    made = ask("POST", f"{machine.api}/v1/platforms", body={"name": "Open edX"}, headers=admin_headers(machine))
    return [*pages, f"/admin/platforms/{made.body['id']}"]


def make_assignment(machine: Standalone, homework: str) -> None:
    """Make what was missing, as an educator does."""
    headers = admin_headers(machine)
    course = ask("GET", f"{machine.api}/v1/courses", headers=headers).body["items"][0]["id"]
    body = {"course_id": course, "title": "Homework", "external_id": homework}
    assert ask("POST", f"{machine.api}/v1/assignments", body=body, headers=headers).status == 201


@pytest.mark.parametrize(
    ("size", "device", "scripts"),
    [(DESKTOP, "desktop", True), (PHONE, "phone", True), (PHONE, "phone-without-scripts", False)],
)
def test_admin_imports_a_roster_and_carries_out_a_refused_delivery(
    machine: Standalone, chromium: Browser, tmp_path: Path, size: tuple[int, int], device: str, scripts: bool
) -> None:
    mark = uuid4().hex[:8]
    with walk(chromium, machine.api, size=size, scripts=scripts) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["admin"])
        page.get_by_role("link", name="Roster", exact=True).click()
        page.get_by_label("The files").set_input_files(roster(tmp_path, mark))
        page.get_by_role("button", name="Try it out").click()
        expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        page.get_by_role("button", name="Import it").click()
        expect(page.get_by_role("heading", name="The roster is imported")).to_be_visible()
        page.get_by_role("link", name="Go to the people").click()
        expect(page.get_by_text(f"Grace Hopper {mark}")).to_be_visible()

        homework = refuse(machine, mark)
        page.get_by_role("link", name="Overview", exact=True).click()
        expect(page.get_by_text("Last refused:")).to_be_visible()
        walker.picture(f"admin-{device}")
        page.get_by_role("link", name="Demo LMS").click()
        page.locator(".rows li a").first.click()
        expect(page.locator("pre")).to_contain_text(f"Late <b>{mark}</b>")
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        walker.picture(f"admin-delivery-{device}")
        make_assignment(machine, homework)
        page.get_by_role("button", name="Carry it out again").click()
        expect(page.get_by_role("status")).to_have_text("Carried out again.")
        expect(page.locator(".state")).to_have_text("Accepted")


def open_form(page: Page, name: str) -> Locator:
    """Open the form under this summary, which is open already where the list is empty, and return it."""
    form = page.locator("details", has=page.get_by_text(name, exact=True))
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


@pytest.mark.parametrize(("size", "scripts"), [(DESKTOP, True), (PHONE, False)])
def test_admin_makes_a_webhook_and_sees_why_nothing_arrives(
    machine: Standalone, chromium: Browser, size: tuple[int, int], scripts: bool
) -> None:
    with walk(chromium, machine.api, size=size, scripts=scripts) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["admin"])
        page.get_by_role("link", name="Webhooks", exact=True).click()
        form = open_form(page, "Make a webhook")
        form.get_by_label("Name").fill("Our <b>system</b>")
        form.get_by_label("Address").fill("http://127.0.0.1:9/hooks")  # nobody answers there
        form.get_by_label("A teacher released feedback").uncheck()
        form.get_by_role("button", name="Make").click()
        secret = page.locator(".secret").inner_text()
        assert not scripts or walker.findings() == []
        page.get_by_role("link", name="I have copied it").click()
        expect(page.get_by_role("heading", name="Our <b>system</b>")).to_be_visible()
        assert secret not in page.content()
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("It is sent now. Load this page again to see the answer.")).to_be_visible()

        def says_why() -> bool:
            page.reload()
            return page.get_by_text("Your system could not be reached").is_visible()

        eventually(says_why, what="the worker's attempt")
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        page.get_by_role("link", name="Switch off").click()
        page.get_by_role("button", name="Switch off").click()
        expect(page.get_by_text("An administrator switched it off.")).to_be_visible()
        expect(page.get_by_text("It was not sent: the webhook is switched off.")).to_be_visible()
        assert not scripts or walker.findings() == []
        page.get_by_role("link", name="Webhooks", exact=True).click()
        expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []


@pytest.mark.parametrize(("size", "scripts"), [(DESKTOP, True), (PHONE, False)])
def test_admin_connects_an_lms_with_its_own_form_and_tries_a_sample(
    machine: Standalone, chromium: Browser, size: tuple[int, int], scripts: bool
) -> None:
    with walk(chromium, machine.api, size=size, scripts=scripts) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["admin"])
        page.get_by_role("link", name="Sources", exact=True).click()
        form = open_form(page, "Connect an LMS that sends webhooks in its own form")
        form.get_by_label("Name", exact=True).fill("Own LMS")
        form.get_by_label("Header with the signature").fill("X-Sign")
        form.get_by_label("Text of the essay").fill("/essay")
        form.get_by_label("Id of the student").fill("student")
        form.get_by_role("button", name="Connect").click()
        expect(page.get_by_role("alert")).to_contain_text("Id of the student: must be a JSON pointer")
        assert [error[-26:] for error in walker.errors] == ["422 (UNPROCESSABLE ENTITY)"]
        walker.errors.clear()
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        page.get_by_label("Id of the student").fill("/student")
        page.locator("form", has=page.locator("#header")).get_by_role("button", name="Connect").click()
        page.get_by_role("link", name="I have copied it").click()
        page.get_by_role("link", name="Change", exact=True).click()
        expect(page.get_by_label("Text of the essay")).to_have_value("/essay")
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.get_by_role("link", name="Try it out").click()
        page.get_by_label("What your LMS sends").fill(
            '{"essay": "Phones <script>window.ran=1</script>", "student": 17}'
        )
        page.get_by_role("button", name="Try it out").click()
        expect(page.locator(".state")).to_have_text("Accepted")
        assert not scripts or page.evaluate("window.ran") is None
        assert walker.is_as_wide_as_the_screen()
        assert not scripts or walker.findings() == []
        page.get_by_role("link", name="Own LMS").click()
        page.get_by_role("link", name="Make a new secret").click()
        expect(page.get_by_role("heading", name="Make a new secret")).to_be_visible()
        assert not scripts or walker.findings() == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_no_page_has_a_finding_or_is_wider_than_the_screen(
    machine: Standalone, chromium: Browser, size: tuple[int, int]
) -> None:
    refuse(machine, uuid4().hex[:8])
    with walk(chromium, machine.api, size=size) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["admin"])
        paths = page.locator(".parts a").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
        assert len(paths) >= 11
        source = f"/admin/sources/{machine.known['source']['id']}"
        firsts = []
        for path in ("/admin/people", "/admin/courses", f"{source}/deliveries"):
            walker.goto(path)
            firsts.append(page.locator(".rows li a").first.get_attribute("href"))
        person, course, delivery = firsts
        walker.goto("/admin/keys")
        key = page.locator(".rows a").first.get_attribute("href")
        paths += [person, f"{person}/role", f"{person}/disable", f"{person}/end-sessions", course, f"{course}/delete"]
        paths += [source, f"{source}/rotate", f"{source}/delete", f"{source}/deliveries", delivery, key]
        paths += ["/admin/approvals/ask?action=remove_org", "/admin/people?role=student", *connect_lms(machine)]
        for path in paths:
            walker.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert walker.findings() == [], path
            assert walker.is_as_wide_as_the_screen(), path


def test_admin_changes_a_setting_after_a_look_and_sees_a_key_once(machine: Standalone, chromium: Browser) -> None:
    with walk(chromium, machine.api) as walker:
        page = walker.page
        walker.sign_in("demo", machine.known["admin"])
        walker.goto("/admin/settings")
        page.get_by_label("Budget for AI in a month, in US dollars").fill("250")
        page.get_by_role("button", name="Look at the changes").click()
        expect(page.locator("ins")).to_contain_text("$250.00")
        assert walker.findings() == []
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_role("status")).to_have_text("Saved.")
        walker.goto("/admin")
        expect(page.get_by_text("of $250.00")).to_be_visible()
        assert walker.findings() == []
        walker.goto("/admin/keys")
        page.get_by_text("Make a key").click()
        page.get_by_label("Name", exact=True).fill("A program")
        page.get_by_role("button", name="Make", exact=True).click()
        secret = page.locator(".secret").inner_text()
        assert secret.startswith("ec_live_")
        assert walker.findings() == []
        page.get_by_role("link", name="I have copied it").click()
        expect(page.get_by_text("A program")).to_be_visible()
        assert secret not in page.content()
