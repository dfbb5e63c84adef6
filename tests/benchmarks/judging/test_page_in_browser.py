"""Fill in the page of a sheet in a real browser, as a teacher does, save it, and read the saved file back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.judging.filled import Verdict, read_filled
from tests.support.browser import CHROMIUM, Browser
from tests.support.judging import ESSAYS, read_csv, write_sheet

pytestmark = [
    pytest.mark.slow(reason="starts a browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome (Debian: apt-get install chromium)"),
]


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Give the path of a sheet without a suffix."""
    return write_sheet(tmp_path)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Give a browser that saves into the folder of the test."""
    running = Browser(tmp_path)
    yield running
    running.close()


def save(browser: Browser, sheet: Path) -> Path:
    browser.click("#save")
    browser.wait_for("Browser.downloadProgress", state="completed")
    return sheet.with_name(f"{sheet.name}-judged.csv")


def focused(browser: Browser) -> str:
    return str(browser.run("document.activeElement.closest('.card')?.id"))


def test_sheet_is_filled_with_the_mouse_and_saved(sheet: Path, browser: Browser) -> None:
    browser.open(sheet.with_suffix(".html"))
    browser.click('#E1-C1 input[data-question="verdict"][value="yes"]')
    browser.click('#E1-C1 input[data-question="first_suggestion_right"][value="none"]')
    browser.click('#E1-C3 input[value="no"]')
    browser.click("#E1-C3 textarea")
    browser.type('=cmd|"x"; no,\nnot so')
    browser.click('#E1-N input[value="partly"]')
    assert browser.run("document.getElementById('count').textContent") == "3 of 7 judged"

    path = save(browser, sheet)

    assert "4 without an answer" in browser.run("document.getElementById('said').textContent")
    rows, said = read_filled(path)
    found = {row.item: (row.verdict, row.suggestion_right) for row in rows if row.verdict}
    assert found == {"E1-C1": (Verdict.YES, False), "E1-C3": (Verdict.NO, None), "E1-N": (Verdict.PARTLY, None)}
    assert said == ["rows 3, 5–6, 8: “verdict” is empty"]
    header, *saved = read_csv(path)
    assert saved[2][header.index("note")] == '\'=cmd|"x"; no, not so'


def test_page_saves_the_same_table_as_the_program(sheet: Path, browser: Browser) -> None:
    browser.open(sheet.with_suffix(".html"))
    path = save(browser, sheet)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfitem,")
    assert read_csv(path) == read_csv(sheet.with_suffix(".csv"))


def test_sheet_is_filled_with_the_keyboard_alone(sheet: Path, browser: Browser) -> None:
    browser.open(sheet.with_suffix(".html"))
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.run("document.getElementById('next').focus()")
    browser.press("Enter")
    assert focused(browser) == "E1-C1"
    browser.press("2", "4", "j")
    assert focused(browser) == "E1-C2"
    assert (
        browser.run("[...document.querySelectorAll('mark.now')].map((one) => one.textContent).join('')")
        == "freind like"
    )
    browser.press("3", "6", "k", "1")
    browser.press("j", "j", "1")
    # Keys do nothing to the answers while a note is written.
    browser.run("document.querySelector('#E1-C3 textarea').focus()")
    browser.press("3", "j")
    assert browser.run("document.querySelector('#E1-C3 textarea').value") == "3j"
    rows, _ = read_filled(save(browser, sheet))
    found = {row.item: (row.verdict, row.suggestion_right) for row in rows if row.verdict}
    assert found == {"E1-C1": (Verdict.YES, True), "E1-C2": (Verdict.NO, False), "E1-C3": (Verdict.YES, None)}


def test_answers_come_back_after_the_page_was_closed_until_they_are_cleared(sheet: Path, browser: Browser) -> None:
    page = sheet.with_suffix(".html")
    browser.open(page)
    browser.click('#E2-C1 input[data-question="verdict"][value="no"]')
    browser.click("#E2-C1 textarea")
    browser.type("Two places.")
    save(browser, sheet)
    browser.open(page)
    assert browser.run("document.querySelector('#E2-C1 [data-question=verdict]:checked').value") == "no"
    assert browser.run("document.querySelector('#E2-C1 textarea').value") == "Two places."
    browser.run("window.confirm = () => true; document.getElementById('clear').click()")
    browser.open(page)
    assert browser.run("document.querySelectorAll('input:checked').length") == 0
    assert browser.run("document.querySelector('#E2-C1 textarea').value") == ""


def test_page_fits_every_window_and_asks_for_nothing(sheet: Path, browser: Browser) -> None:
    for width in (320, 390, 1280):
        browser.open(sheet.with_suffix(".html"), width=width)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert (
            browser.run("Math.min(...[...document.querySelectorAll('.choice')].map((one) => one.offsetHeight))") >= 40
        )
    # The browser shows CR LF as one line end; every other letter is as it was handed in.
    shown = browser.run(
        "[...document.querySelectorAll('.text')].map((one) => { const all = one.cloneNode(true);"
        " all.querySelectorAll('.number').forEach((link) => link.remove()); return all.textContent; })"
    )
    assert shown == [str(essay["text"]).replace("\r\n", "\n") for essay in ESSAYS]
    assert browser.problems() == []
    assert {address.split(":")[0] for address in browser.requests} == {"file"}
    assert len(browser.requests) == 3
