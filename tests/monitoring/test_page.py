"""Test the monitor's page: what it says of a reading, what it remembers, and that it is safe to serve and to read."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from monitoring import page
from monitoring.attention import CONDITIONS, find_attention
from monitoring.history import MINUTES, History, Reading
from monitoring.server import CLIENTS
from monitoring.sparkline import draw
from monitoring.words import duration
from tests.monitoring.conftest import Monitor
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT

WELL = """
pg_up 1
redis_up 1
essaycoach_web_ready 1
essaycoach_redis_usable{reason="memory"} 1
essaycoach_redis_depth{queue="interactive"} 0
essaycoach_queue_oldest_age_seconds{queue="interactive"} 2
essaycoach_queue_oldest_age_seconds{queue="bulk"} 900
essaycoach_queue_depth{queue="interactive",state="queued"} 3
essaycoach_queue_depth{queue="interactive",state="running"} 4
essaycoach_program_processes{program="web"} 2
essaycoach_program_processes{program="worker"} 1
essaycoach_program_processes{program="clock"} 1
essaycoach_program_processes{program="monitor"} 1
essaycoach_program_progress_age_seconds{program="worker"} 3
essaycoach_leases_overdue 0
essaycoach_provider_pause_seconds{provider="anthropic"} 0
essaycoach_provider_pause_seconds{provider="local"} 0
essaycoach_ai_requests_total{provider="local"} 10
essaycoach_feedback_seconds_bucket{queue="interactive",le="60.0"} 0
essaycoach_feedback_seconds_count{queue="interactive"} 0
essaycoach_duty_age_seconds{duty="backup"} 3600
essaycoach_duty_age_seconds{duty="drill"} 86400
essaycoach_duty_failed{duty="backup"} 0
essaycoach_data_free_bytes 50
essaycoach_data_size_bytes 100
essaycoach_partition_rows_in_default{table="feedback"} 0
essaycoach_probe_up{probe="tables"} 1
pg_stat_activity_count{usename="ec_ingest"} 20
pg_settings_max_connections 100
pg_settings_superuser_reserved_connections 3
"""
# For each alert the line of WELL that is replaced, or the new one.
FAULTS = [
    ("PostgresDown", "pg_up 0"),
    ("WebDown", "essaycoach_web_ready 0"),
    ("WorkersGone", 'essaycoach_program_processes{program="worker"} 0'),
    ("WorkersStuck", 'essaycoach_program_progress_age_seconds{program="worker"} 181'),
    ("ClockSilent", 'essaycoach_program_processes{program="clock"} 0'),
    ("ClockSilent", 'essaycoach_program_progress_age_seconds{program="clock"} 61'),
    ("LeasesOverdue", "essaycoach_leases_overdue 18"),
    ("InteractiveWorkWaits", 'essaycoach_queue_oldest_age_seconds{queue="interactive"} 61'),
    ("BulkWorkWaits", 'essaycoach_queue_oldest_age_seconds{queue="bulk"} 3601'),
    ("DeliveriesWait", "essaycoach_delivery_oldest_age_seconds 901"),
    ("LmsWorkWaits", 'essaycoach_lms_oldest_age_seconds{what="returns"} 901'),
    ("ProviderPaused", 'essaycoach_provider_pause_seconds{provider="anthropic"} 44'),
    ("ConnectionsNearlyUsed", 'pg_stat_activity_count{usename="ec_ingest"} 80'),
    ("DiskNearlyFull", "essaycoach_data_free_bytes 9"),
    ("RedisDown", "redis_up 0"),
    ("RedisRefuses", 'essaycoach_redis_usable{reason="memory"} 0'),
    ("StandbyLags", 'pg_standby_lag_seconds{application_name="s1"} 31'),
    ("BackupOld", 'essaycoach_duty_age_seconds{duty="backup"} 100000'),
    ("DrillOld", 'essaycoach_duty_age_seconds{duty="drill"} 4000000'),
    ("DutyFailed", 'essaycoach_duty_failed{duty="backup"} 1'),
    ("DefaultPartitionNotEmpty", 'essaycoach_partition_rows_in_default{table="feedback"} 2'),
    ("ProbeDown", 'essaycoach_probe_up{probe="tables"} 0'),
]  # fmt: skip


class Scraped:
    """A history of scrapes that the test writes, at times that the test chooses."""

    def __init__(self) -> None:
        self.text = WELL
        self.at = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
        self.history = History(lambda: text_string_to_metric_families(self.text), now=lambda: self.at)

    def set(self, line: str) -> None:
        """Replace the line of the same name and labels, or add it."""
        name = line.rpartition(" ")[0]
        kept = [one for one in self.text.splitlines() if one.rpartition(" ")[0] != name]
        self.text = "\n".join([*kept, line, ""])

    def essays(self, *, finished: int, late: int = 0) -> None:
        self.set(f'essaycoach_feedback_seconds_count{{queue="interactive"}} {finished}')
        self.set(f'essaycoach_feedback_seconds_bucket{{queue="interactive",le="60.0"}} {finished - late}')

    def minute(self) -> None:
        self.history.keep()
        self.at += timedelta(minutes=1)

    def shown(self) -> str:
        """Return the text of the page, without its tags."""
        return re.sub(r"<[^>]*>", " ", page.render(self.history.reading()).partition("</style>")[2])


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def alerts(reading: Reading) -> list[str]:
    return [one.alert for one in find_attention(reading)]


def test_page_of_a_healthy_system_says_that_all_is_well(scraped: Scraped) -> None:
    scraped.minute()
    scraped.essays(finished=40)
    shown = scraped.shown()
    assert "All is well" in shown
    assert "needs attention" not in shown
    for words in (
        "100.0 %",
        "100 %",
        "within 60 s, of 40 essays",
        "2 s",
        "3 passes wait, 4 running",
        "4 of 4",
        "web 2, worker 1",
    ):
        assert (words in shown) is (words != "100.0 %"), words
    assert "60 minutes ago" in shown
    assert "24 hours ago" in shown


@pytest.mark.parametrize(("alert", "line"), FAULTS, ids=[line for _, line in FAULTS])
def test_each_fault_is_named_with_its_alert_and_marks_a_tile(scraped: Scraped, alert: str, line: str) -> None:
    scraped.set(line)
    assert alerts(scraped.history.reading()) == [alert]
    shown = page.render(scraped.history.reading())
    assert "1 thing needs attention" in shown
    assert f"docs/alerts.md#{alert.lower()}" in shown
    marked = shown.count("</article>") and shown.count(">needs attention<")
    assert marked == (0 if alert in {"DutyFailed", "ProbeDown"} else 1)


def test_what_wakes_somebody_stands_first(scraped: Scraped) -> None:
    scraped.set("redis_up 0")
    scraped.set("essaycoach_leases_overdue 1")
    assert alerts(scraped.history.reading()) == ["LeasesOverdue", "RedisDown"]
    assert "1 pass of dead workers still count" in scraped.shown()
    assert "2 things need attention" in scraped.shown()


def test_every_condition_is_an_alert_with_the_same_severity() -> None:
    groups = yaml.safe_load((ROOT / "monitoring/alerts.yml").read_text())["groups"]
    severities = {rule["alert"]: rule["labels"]["severity"] for group in groups for rule in group["rules"]}
    assert {one.alert for one in CONDITIONS} - set(severities) == set()
    assert [one.alert for one in CONDITIONS if one.pages is not (severities[one.alert] == "page")] == []
    assert {alert for alert, _ in FAULTS} | {"FeedbackSlow"} == {one.alert for one in CONDITIONS}


def test_late_feedback_of_the_last_hour_is_told(scraped: Scraped) -> None:
    scraped.essays(finished=1000, late=900)
    scraped.minute()
    scraped.essays(finished=1100, late=914)
    assert alerts(scraped.history.reading()) == []
    assert "86 %" in scraped.shown()
    scraped.at += timedelta(minutes=1)
    scraped.essays(finished=1100, late=920)
    assert alerts(scraped.history.reading()) == ["FeedbackSlow"]


def test_one_late_essay_in_thousands_is_not_shown_as_none(scraped: Scraped) -> None:
    scraped.minute()
    scraped.essays(finished=5000, late=1)
    assert "99.9 %" in scraped.shown()


def test_missing_numbers_are_unknown_and_not_faults(scraped: Scraped) -> None:
    scraped.text = "pg_up 0\nredis_up 0\n"
    assert alerts(scraped.history.reading()) == ["PostgresDown", "RedisDown"]
    assert scraped.shown().count("not measured") == 6


def test_no_backup_and_no_drill_yet_need_attention(scraped: Scraped) -> None:
    scraped.text = "\n".join(line for line in WELL.splitlines() if "duty_age" not in line)
    assert alerts(scraped.history.reading()) == ["BackupOld", "DrillOld"]


def test_history_keeps_an_hour_and_no_more(scraped: Scraped) -> None:
    for _ in range(MINUTES * 2):
        scraped.minute()
    reading = scraped.history.reading()
    assert len(reading.points) == MINUTES + 1
    assert reading.at - reading.points[0].at == timedelta(minutes=MINUTES)
    assert "Lines show the last hour." in scraped.shown()


def test_after_a_start_the_page_says_since_when(scraped: Scraped) -> None:
    for _ in range(5):
        scraped.minute()
    assert "what was measured since 09:00 UTC" in scraped.shown()


def test_reading_is_shared_for_five_seconds(scraped: Scraped) -> None:
    first = scraped.history.reading()
    scraped.at += timedelta(seconds=4)
    assert scraped.history.reading() is first
    scraped.at += timedelta(seconds=1)
    assert scraped.history.reading() is not first


def test_line_of_a_total_shows_its_rise_and_leaves_gaps(scraped: Scraped) -> None:
    for finished in (10, 12, None, 20, 26):
        if finished is None:
            scraped.text = "\n".join(line for line in scraped.text.splitlines() if "_count" not in line)
        else:
            scraped.essays(finished=finished)
        scraped.minute()
    series = next(one for one in page.NOW if one.title == "Served in time").series
    assert series is not None
    reading = scraped.history.reading()
    assert [value for _, value in reading.line(series)] == [2, None, None, 6, 0]
    drawn = draw(reading.line(series), until=reading.at, shows="essays")
    assert drawn.count('class="stroke"') == 2
    assert 'aria-label="essays: lowest 0, highest 6, now 0."' in drawn


def test_essay_of_the_last_seconds_is_not_taken_for_many_a_minute(scraped: Scraped) -> None:
    scraped.essays(finished=10)
    scraped.minute()
    scraped.essays(finished=11)
    scraped.history.keep()
    scraped.at += timedelta(seconds=6)
    scraped.essays(finished=12)
    (series,) = (one.series for one in page.NOW if one.title == "Served in time")
    assert series is not None
    reading = scraped.history.reading()
    assert reading.rise("finished") == 2
    assert max(value for _, value in reading.line(series) if value is not None) == 1


def test_text_of_a_label_is_escaped(scraped: Scraped) -> None:
    scraped.set('essaycoach_duty_failed{duty="<b>x</b>"} 1')
    assert "<b>" not in page.render(scraped.history.reading())


def test_runbooks_are_linked_where_they_are_published(scraped: Scraped) -> None:
    scraped.set("redis_up 0")
    shown = page.render(scraped.history.reading(), runbooks="https://docs.example.org/alerts/")
    assert '<a href="https://docs.example.org/alerts/#redisdown" rel="noreferrer">' in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "40 ms"),
        (2, "2 s"),
        (2.46, "2.5 s"),
        (90, "90 s"),
        (120, "2 minutes"),
        (93600, "26 hours"),
        (259200, "3 days"),
    ],
)
def test_durations_are_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_texts_have_contrast_in_light_and_in_dark() -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text."""
    style = (ROOT / "monitoring/page.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in style.split("@media")[:2])
    for colours in (light, dark):
        assert len(colours) == 11
        for ground in ("ground", "card"):
            for text in ("text", "quiet", "line", "ticket", "page", "good"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground, colours)
        for kind in ("ticket", "page"):
            for text in (kind, "quiet"):
                assert contrast(colours[text], colours[f"{kind}-ground"]) >= 4.5, (text, kind, colours)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.fixture
def monitor(start_monitor: Callable[..., Monitor]) -> Monitor:
    """A monitor whose servers are down, so that it starts at once."""
    running = start_monitor(
        DATABASE_URL=f"postgresql://ec_monitor@127.0.0.1:{free_port()}/nothing",
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    )
    running.scrape()
    return running


def test_monitor_serves_the_page_safely_and_nothing_else(monitor: Monitor) -> None:
    status, headers, body = _request(monitor, "GET", "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "PostgreSQL does not answer" in body
    assert 'http-equiv="refresh" content="30"' in body
    assert "<script" not in body
    addresses = re.findall(r"""(?:src|href|url)[=(]["']?([^"')]*)""", body)
    assert sorted(one.partition(",")[0] for one in addresses) == ["/metrics", "data:image/svg+xml"]
    [style] = re.findall(r"<style>(.*?)</style>", body, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    for method, path, expected in (
        ("HEAD", "/", 200), ("HEAD", "/metrics", 200), ("GET", "/nothing", 404), ("GET", "/metrics/", 404),
        ("HEAD", "/favicon.ico", 404), ("POST", "/", 405), ("PUT", "/metrics", 405), ("OPTIONS", "/", 405),
    ):  # fmt: skip
        status, headers, body = _request(monitor, method, path)
        assert (status, headers["X-Content-Type-Options"]) == (expected, "nosniff"), (method, path)
        assert headers["Content-Security-Policy"] == page.CONTENT_SECURITY_POLICY
        assert headers["Server"] == "essaycoach"
        assert int(headers["Content-Length"]) > 0
        assert (body == "") is (method == "HEAD")
        assert (headers["Allow"] == "GET, HEAD") is (expected == 405)


def test_clients_that_stall_do_not_hold_up_a_scrape(monitor: Monitor) -> None:
    """Some send nothing, some half a request, and one more than there is room for is turned away at once."""
    with _stalled_clients(monitor, CLIENTS - 1) as stalled:
        for one in stalled[::2]:
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        assert monitor.scrape().one("pg_up") == 0
    eventually(lambda: _one_too_many_is_turned_away(monitor), what="the refusal of one client too many")
    eventually(lambda: _is_answered(monitor), what="the answer when there is room again")


@contextmanager
def _stalled_clients(monitor: Monitor, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as open_sockets:
        yield [
            open_sockets.enter_context(socket.create_connection(("127.0.0.1", monitor.port), timeout=20))
            for _ in range(count)
        ]


def _one_too_many_is_turned_away(monitor: Monitor) -> bool:
    """Fill every place anew: on a busy machine the first clients are let go before the last one has come."""
    with _stalled_clients(monitor, CLIENTS):
        return _is_turned_away(monitor)


def _is_answered(monitor: Monitor) -> bool:
    try:
        return monitor.scrape().one("pg_up") == 0
    except (urllib.error.URLError, ConnectionError):
        return False


def _is_turned_away(monitor: Monitor) -> bool:
    with socket.create_connection(("127.0.0.1", monitor.port), timeout=20) as one:
        one.settimeout(1)
        try:
            return one.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def _request(monitor: Monitor, method: str, path: str) -> tuple[int, dict[str, str], str]:
    request = urllib.request.Request(f"http://127.0.0.1:{monitor.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()
