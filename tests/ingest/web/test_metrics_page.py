"""Test web's own metrics page under gunicorn: on its port only, the sums of one host, and no trace of the scrape itself."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.web.metrics_directory import PREFIX, make_directory
from tests.ingest.conftest import ApiUnderTest
from tests.support.gunicorn_server import GunicornServer, ask, parse_answer, raw, run_gunicorn
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT, Servers, away

REQUESTS = "essaycoach_http_requests_total"


class Web:
    """A running web with a metrics port."""

    def __init__(self, server: GunicornServer, metrics_port: int) -> None:
        self.server, self.port, self.metrics_port = server, server.port, metrics_port

    def counts(self) -> dict[str, float]:
        """Return how many requests of each route have been counted, as a scrape sees it."""
        answer = ask(self.metrics_port, "GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if sample.name == REQUESTS:
                    found[sample.labels["route"]] = found.get(sample.labels["route"], 0) + sample.value
        return found


def start(api: ApiUnderTest, folder: Path, **changes: str) -> Iterator[Web]:
    port = free_port()
    environment = {**api.environment, "WEB_THREADS": "2", "ESSAYCOACH_WEB_METRICS_PORT": str(port), **changes}
    with run_gunicorn(environment, log_file=folder / "log") as server:
        yield Web(server, port)


@pytest.fixture(scope="module")
def web(shared_api: ApiUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    yield from start(shared_api, tmp_path_factory.mktemp("one"), WEB_PROCESSES="2")


@pytest.fixture(scope="module")
def other_web(shared_api: ApiUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    yield from start(shared_api, tmp_path_factory.mktemp("other"))


pytestmark = pytest.mark.slow(reason="starts gunicorn")


def test_two_webs_are_scraped_apart_and_each_is_the_sum_of_its_processes(web: Web, other_web: Web) -> None:
    before, others = web.counts().get("/healthz", 0), other_web.counts().get("/healthz", 0)
    for _ in range(20):
        assert ask(web.port, "GET", "/healthz").status == 200
    assert ask(other_web.port, "GET", "/healthz").status == 200
    assert web.counts()["/healthz"] == before + 20
    assert other_web.counts()["/healthz"] == others + 1


def test_scrapes_and_bad_requests_on_the_metrics_port_are_not_counted(web: Web) -> None:
    before = web.counts()
    for path in ("/metrics", "/nowhere", "/healthz"):
        ask(web.metrics_port, "GET", path)
    raw(web.metrics_port, b"NOT HTTP\r\n\r\n")
    assert web.counts() == before


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/me", "/", "/metrics/", "//metrics", "/docs", "/metricsx"])
def test_the_metrics_port_answers_nothing_else(web: Web, path: str) -> None:
    for host in ("x", f"127.0.0.1:{web.port}"):
        answer = ask(web.metrics_port, "GET", path, headers={"Host": host})
        assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_metrics_port_takes_no_other_method(web: Web, method: str) -> None:
    answer = ask(web.metrics_port, method, "/metrics", b"")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_the_public_port_has_no_metrics_whatever_host_the_client_names(web: Web) -> None:
    port = web.metrics_port
    for host in ("x", f"127.0.0.1:{port}", f"localhost:{port}"):
        forged = {"Host": host, "X-Forwarded-Port": str(port), "X-Forwarded-Host": host, "Forwarded": f"host={host}"}
        answer = ask(web.port, "GET", "/metrics", headers=forged)
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    whole = (
        f"GET http://127.0.0.1:{port}/metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    )
    assert parse_answer(raw(web.port, whole)).status == 404


def test_metrics_answer_while_every_thread_is_busy(other_web: Web, shared_api: ApiUnderTest) -> None:
    """Requests that wait for a locked table hold both threads of the only process."""
    location, headers = shared_api.hand_in()["links"]["self"], shared_api.signed_in("alice")
    polls = [threading.Thread(target=ask, args=(other_web.port, "GET", location, None, headers)) for _ in range(8)]
    lock = psycopg2.connect(shared_api.database.admin_url)
    lock.cursor().execute("lock table submissions in access exclusive mode")
    for poll in polls:
        poll.start()

    def is_busy() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", other_web.port, timeout=0.5)
        with closing(connection), suppress(TimeoutError):
            connection.request("GET", "/healthz")
            connection.getresponse()
            return False
        return True

    eventually(is_busy, what="a web without a free thread")
    for _ in range(5):
        other_web.counts()
    assert any(poll.is_alive() for poll in polls), "the metrics waited for a thread"
    lock.close()
    for poll in polls:
        poll.join()


def test_metrics_need_no_database(web: Web, shared_api: ApiUnderTest, servers: Servers) -> None:
    with away(servers, shared_api.database):
        assert ask(web.port, "GET", "/readyz").status == 503
        assert web.counts()


def test_counts_of_a_killed_process_stay(web: Web) -> None:
    for _ in range(10):
        ask(web.port, "GET", "/healthz")
    before = web.counts()["/healthz"]
    workers = [child.pid for child in psutil.Process(web.server.process.pid).children()]
    os.kill(workers[0], signal.SIGKILL)

    def replaced() -> bool:
        now = {child.pid for child in psutil.Process(web.server.process.pid).children()}
        return len(now) == 2 and workers[0] not in now

    eventually(replaced, what="a new process")
    eventually(lambda: ask(web.port, "GET", "/healthz").status == 200, what="an answer")
    assert web.counts()["/healthz"] == before + 1


def test_each_process_writes_heartbeats_and_a_request_leaves_no_thread_busy(
    web: Web, other_web: Web, shared_api: ApiUnderTest
) -> None:
    pids = {child.pid for one in (web, other_web) for child in psutil.Process(one.server.process.pid).children()}

    def rows() -> bool:
        found = shared_api.database.sql(
            "select pid from heartbeats where program = 'web' and threads_alive = 2 and threads_busy = 0 and not has_work"
        )
        return pids <= {pid for (pid,) in found}

    eventually(rows, what="the heartbeats")


def test_the_same_port_for_everything_is_refused_in_one_sentence(shared_api: ApiUnderTest) -> None:
    environment = {**os.environ, **shared_api.environment, "PORT": "8000", "ESSAYCOACH_WEB_METRICS_PORT": "8000"}
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "ingest/gunicorn.py", "ingest.app:create_app()"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert re.fullmatch(r"ingest: ESSAYCOACH_WEB_METRICS_PORT must be another port than PORT, .*\.\n", done.stderr)


def test_a_directory_whose_processes_have_ended_is_removed_at_the_next_start(tmp_path: Path) -> None:
    kept = make_directory(str(tmp_path))  # this process lives
    program = f"from ingest.web.metrics_directory import make_directory as m; print(m({str(tmp_path)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert Path(done.stdout.strip()).is_dir()
    foreign = tmp_path / f"{PREFIX}without-a-lock"
    foreign.mkdir()
    new = make_directory(str(tmp_path))
    assert {str(one) for one in tmp_path.iterdir()} == {kept, new, str(foreign)}
    assert Path(new).stat().st_mode & 0o077 == 0
