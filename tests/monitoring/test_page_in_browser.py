"""Look at the monitor's page in a real browser, beside a whole system that is well, and then has two faults.

The hour that the lines show is pretended: a minute passes with each reading; what is read is real.
`SCREENSHOTS=1 make test-slow T=tests/monitoring/test_page_in_browser.py` writes the pictures of the documents.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from monitoring.history import MINUTES, History
from monitoring.server import make_app, start_server
from tests.support.browser import CHROMIUM, Browser
from tests.support.one_machine import Standalone, ask, standalone
from tests.support.races import eventually
from tests.support.servers import ROOT

pytestmark = [
    pytest.mark.slow(reason="starts a whole system and a browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome (Debian: apt-get install chromium)"),
]

# How many essays are handed in after each minute of the hour: a lesson ends in the middle of it.
ESSAYS = [
    round(1.2 + 2.4 * math.exp(-(((minute - 34) / 9) ** 2)) + 0.6 * math.sin(minute * 1.9)) for minute in range(MINUTES)
]


class PretendedHour:
    """A history of what the monitor of a running system says, with a clock that the test turns."""

    def __init__(self, machine: Standalone) -> None:
        self.machine = machine
        self.ahead = timedelta(minutes=-MINUTES)
        self.history = History(self._scrape, now=lambda: datetime.now(UTC) + self.ahead)

    def _scrape(self) -> Iterator[object]:
        return text_string_to_metric_families(ask("GET", self.machine.known["metrics"]).body)

    def pass_by(self) -> None:
        """Let an hour pass, in which essays are handed in and read."""
        for minute in range(MINUTES):
            self.history.keep()
            self.ahead += timedelta(minutes=1)
            self.machine.final(*(self.machine.hand_in() for _ in range(ESSAYS[minute])), within_seconds=90)


@pytest.fixture(scope="module")
def machine() -> Iterator[Standalone]:
    with standalone(WORKER_THREADS="4", WEB_PROCESSES="1") as machine:
        machine.pretend_duty("backup", hours_ago=7)
        machine.pretend_duty("drill", hours_ago=60)
        yield machine


@pytest.fixture(scope="module")
def page(machine: Standalone) -> Iterator[str]:
    """The address of the page, when an hour has passed."""
    hour = PretendedHour(machine)
    hour.pass_by()
    server, thread = start_server(0, "127.0.0.1", make_app(CollectorRegistry(), hour.history))
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    running = Browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


def sentence(browser: Browser, page: str) -> str:
    browser.open(page)
    return str(browser.run("document.querySelector('h1').textContent"))


def keep_picture(browser: Browser, name: str) -> None:
    """Write a picture of the documents, if somebody asked for it."""
    if os.environ.get("SCREENSHOTS"):
        (ROOT / "docs" / name).write_bytes(browser.picture())


def test_healthy_system_is_shown_calmly_in_every_window(page: str, browser: Browser, tmp_path: Path) -> None:
    for scheme in ("dark", "light"):
        browser.prefer(scheme)
        for width in (320, 390, 768, 1280):
            browser.open(page, width=width)
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.problems() == []
    assert sentence(browser, page) == "All is well"
    assert browser.run("document.querySelectorAll('.line .stroke').length") == 6
    keep_picture(browser, "health-well.png")
    assert {address.partition(":")[0] for address in browser.requests} <= {"http", "data"}
    assert {address for address in browser.requests if address.startswith("http")} == {page}


def test_tiles_are_read_out_with_their_lines(page: str, browser: Browser) -> None:
    """What assistive technology gets: headings, and an image with words for each line."""
    browser.open(page)
    tree = browser.send("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    headings = [name for role, name in named if role == "heading"]
    assert {"All is well", "Now", "Upkeep", "Served in time", "Last drill"} <= set(headings)
    assert len(headings) == 12
    images = [name for role, name in named if role == "image"]
    assert len(images) == 6
    assert all(": lowest " in name for name in images)


@contextmanager
def two_faults(machine: Standalone) -> Iterator[None]:
    """Freeze Redis, and pause the provider."""
    redis = psutil.Process(machine.pids["redis"])
    machine.execute(
        "insert into provider_pauses (provider, reason, until) values ('local', 'server_error', now() + interval '300 s')"
    )
    redis.suspend()
    try:
        yield
    finally:
        redis.resume()
        machine.execute("delete from provider_pauses")


def test_faults_are_named_and_their_tiles_marked(machine: Standalone, page: str, browser: Browser) -> None:
    with two_faults(machine):
        eventually(lambda: sentence(browser, page) == "2 things need attention", what="both faults")
        assert browser.run("[...document.querySelectorAll('.marked h3')].map((one) => one.firstChild.data)") == [
            "Redis",
            "AI provider",
        ]
        assert "docs/alerts.md#redisdown" in browser.run("document.querySelector('.attention').textContent")
        keep_picture(browser, "health-faults.png")
    eventually(lambda: sentence(browser, page) == "All is well", what="the end of both faults")
