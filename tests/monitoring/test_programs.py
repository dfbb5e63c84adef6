"""Test what the monitor says of programs, of passes whose lease has ended, and of web seen from outside."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from models.version import version
from monitoring.web import PROBE_SECONDS, WebProbe
from tests.support.ports import free_port
from tests.support.races import eventually, promptly
from tests.support.servers import Database

WEB_PROGRAMS = ("web", "worker", "clock")


def beat(
    database: Database, program: str, *, seen: float = 1, still: float = 0, busy: int = 0, release: str = "0.1.0+0036"
) -> None:
    """Write the row of a process: seen so many seconds ago, and still for so long then."""
    database.sql(
        "insert into heartbeats (id, program, host, pid, version, started_at, seen_at, progress_at, threads_alive, threads_busy,"
        " has_work) select uuidv7(), %s, 'host-of-a-test', 4711, %s, t - interval '1 day', t, t - %s * interval '1 s', 16, %s, %s"
        " from (select now() - %s * interval '1 s' as t)", program, release, still, busy, busy > 0, seen,
    )  # fmt: skip


def test_programs_that_never_ran_have_metrics(scrape):
    seen = scrape()
    for program in WEB_PROGRAMS:
        assert seen.one("essaycoach_program_processes", program=program) == 0
        assert seen.one("essaycoach_program_heartbeat_age_seconds", program=program) > 0
        assert seen.one("essaycoach_program_progress_age_seconds", program=program) == 0
        for state in ("alive", "busy"):
            assert seen.one("essaycoach_program_threads", program=program, state=state) == 0
    assert seen.one("essaycoach_program_processes", program="monitor") == 1
    assert [one.labels for one in seen.all("essaycoach_program_version_info")] == [
        {"program": "monitor", "version": version()}
    ]


def test_process_lives_until_thirty_seconds_after_it_was_seen(database):
    """In one transaction, whose time stands still."""
    found = database.sql(
        "insert into heartbeats (id, program, host, pid, version, started_at, seen_at, progress_at, threads_alive, threads_busy,"
        " has_work) select uuidv7(), 'web', 'h', 1, age::text, t, t, t, 16, 0, false"
        " from unnest(array[29, 30, 31]) as age, lateral (select now() - age * interval '1 s' as t) as seen;"
        " select version, processes from monitor_programs() order by version"
    )
    assert found == [("29", 1), ("30", 0), ("31", 0)]


def test_processes_threads_and_versions_are_summed_over_the_living(scrape, database):
    def beat_and_scrape():
        database.sql("delete from heartbeats")
        beat(database, "web", busy=2)
        beat(database, "web", seen=20, busy=1, release="0.2.0+0040")
        beat(database, "web", seen=31, busy=9)
        beat(database, "clock", seen=300)
        return scrape()

    seen = promptly(beat_and_scrape, seconds=9)
    assert seen.one("essaycoach_program_processes", program="web") == 2
    assert seen.one("essaycoach_program_processes", program="clock") == 0
    assert seen.one("essaycoach_program_threads", program="web", state="alive") == 32
    assert seen.one("essaycoach_program_threads", program="web", state="busy") == 3
    assert 1 <= seen.one("essaycoach_program_heartbeat_age_seconds", program="web") < 10
    assert 300 <= seen.one("essaycoach_program_heartbeat_age_seconds", program="clock") < 310
    counts = {one.labels["version"]: one.value for one in seen.all("essaycoach_program_version_info", program="web")}
    assert counts == {"0.1.0+0036": 1, "0.2.0+0040": 1}
    assert not seen.all("essaycoach_program_version_info", program="clock")


def test_only_a_living_process_with_work_makes_no_progress(scrape, database):
    beat(database, "worker", still=400, busy=0)
    beat(database, "worker", still=5000, busy=4, seen=40)
    beat(database, "worker", still=3, busy=4)
    assert scrape().one("essaycoach_program_progress_age_seconds", program="worker") == pytest.approx(3)
    beat(database, "worker", still=250, busy=32)
    assert scrape().one("essaycoach_program_progress_age_seconds", program="worker") == pytest.approx(250)


def test_neither_host_nor_pid_stands_in_a_label(scrape, database):
    beat(database, "web")
    labels = {value for one in scrape().samples for value in one.labels.values()}
    assert not {value for value in labels if "host-of-a-test" in value or "4711" in value}


def scrape_leases(scrape, rows, **ended: tuple[float, ...]):
    """Return what a scrape says of passes whose leases ended so many seconds ago, by their queue."""

    def insert_and_scrape():
        rows.run("delete from essays")
        for queue, all_ended in ended.items():
            for one in all_ended:
                running(rows, ended=one, queue=queue)
        return scrape()

    return promptly(insert_and_scrape, seconds=9)


def running(rows, *, ended: float, queue: str = "interactive") -> None:
    """Insert a pass whose lease ended so many seconds ago."""
    rows.due(seconds_ago=ended + 20, queue=queue)
    rows.run(
        "update passes set state = 'running', attempt = 1, fence = 1, lease_until = now() - %s * interval '1 s' where state = 'queued'",
        ended,
    )  # fmt: skip


def test_an_ended_lease_waits_again_and_is_overdue_after_thirty_seconds(scrape, rows):
    seen = scrape_leases(scrape, rows, interactive=(-10,))
    assert (
        seen.one("essaycoach_leases_overdue")
        == seen.one("essaycoach_queue_oldest_age_seconds", queue="interactive")
        == 0
    )
    seen = scrape_leases(scrape, rows, interactive=(-10, 20))
    assert seen.one("essaycoach_leases_overdue") == 0
    assert 20 <= seen.one("essaycoach_queue_oldest_age_seconds", queue="interactive") < 30
    seen = scrape_leases(scrape, rows, interactive=(-10, 20, 240), bulk=(31,))
    assert seen.one("essaycoach_leases_overdue") == 2
    assert 240 <= seen.one("essaycoach_queue_oldest_age_seconds", queue="interactive") < 250
    assert 31 <= seen.one("essaycoach_queue_oldest_age_seconds", queue="bulk") < 41
    assert seen.one("essaycoach_queue_depth", queue="interactive", state="running") == 3


def test_the_queues_are_read_without_the_finished_passes(rows, database):
    submission = rows.passed()
    rows.run("set session_replication_role = replica")
    rows.run(
        "insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at, comments, summary)"
        " select org_id, uuidv7(), uuidv7(), user_id, audience_id, name, state, queue, finished_at, comments, summary"
        " from passes cross join generate_series(1, 20000) where submission_id = %s", submission,
    )  # fmt: skip
    rows.run("set session_replication_role = default")
    running(rows, ended=50)
    rows.run("analyze passes")
    plan = "\n".join(
        str(line) for (line,) in database.sql("explain (analyze, buffers, costs off) select * from monitor_queue")
    )
    assert "Seq Scan" not in plan, plan
    [first] = [int(part.split("=")[1].split()[0]) for part in plan.split("Buffers: shared ")[1:2] if "hit=" in part]
    assert first < 20, plan


class _Web(BaseHTTPRequestHandler):
    status, path_asked = 200, ""

    def do_GET(self) -> None:
        type(self).path_asked = self.path
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def web(status: int) -> Iterator[str]:
    """Run a server that answers with this status, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Answering", (_Web,), {"status": status})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def read(probe: WebProbe) -> tuple[float, float]:
    """Return whether web is ready and how many seconds the probe says that it took."""
    ready, took = (family.samples[0] for family in probe.read())
    assert (ready.name, took.name) == ("essaycoach_web_ready", "essaycoach_web_probe_seconds")
    return ready.value, took.value


def test_web_is_ready_when_every_address_answers_200():
    with web(200) as one, web(200) as other:
        ready, took = promptly(lambda: read(WebProbe([f"{one}/", f"{other}/behind"])), seconds=1)
        assert (ready, took < 1) == (1, True)


@pytest.mark.parametrize("status", [503, 302, 404, 204])
def test_one_address_that_is_not_ready_is_enough(status: int):
    with web(200) as good, web(status) as bad:
        assert read(WebProbe([good, bad]))[0] == 0


def test_nobody_there_and_something_else_there_are_not_ready():
    assert read(WebProbe([f"http://127.0.0.1:{free_port()}"]))[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.school.example ESMTP\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        assert read(WebProbe([f"http://127.0.0.1:{other.getsockname()[1]}"]))[0] == 0
        thread.join()


@pytest.mark.slow(reason="waits for time limits")
def test_a_silent_web_costs_two_seconds_and_one_thread_and_is_seen_again_when_it_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent, web(200) as good:
        dripping: list[socket.socket] = []

        def drip() -> None:
            connection, _ = silent.accept()
            dripping.append(connection)
            with connection:
                connection.sendall(b"HTTP/1.1 ")
                while not ended.wait(0.5):  # no pause is as long as the time limit of a socket
                    connection.sendall(b"2")

        ended = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        probe = WebProbe([f"http://127.0.0.1:{silent.getsockname()[1]}", good])
        started = time.monotonic()
        assert read(probe) == (0, PROBE_SECONDS)
        assert PROBE_SECONDS <= time.monotonic() - started < PROBE_SECONDS + 0.5
        assert [read(probe)[0] for _ in range(3)] == [0, 0, 0]
        eventually(lambda: [one.name for one in threading.enumerate()].count("probe-readyz") == 1)
        ended.set()
        thread.join()


@pytest.mark.slow(reason="starts the monitor")
def test_a_hanging_web_does_not_take_the_other_metrics_away(start_monitor, role_url, servers):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monitor = start_monitor(
            DATABASE_URL=role_url("ec_monitor"), REDIS_URL=servers.redis_url_for("ec_monitor"),
            ESSAYCOACH_WEB_URL=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )  # fmt: skip
        seen = monitor.scrape()
        started = time.monotonic()
        seen = monitor.scrape()
        assert time.monotonic() - started < 2.5
        assert seen.one("essaycoach_web_ready") == 0
        assert seen.one("pg_up") == seen.one("redis_up") == seen.one("essaycoach_probe_up", probe="web") == 1
        assert seen.one("essaycoach_program_processes", program="web") == 0
