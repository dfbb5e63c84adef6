"""Test deliveries to endpoints against a real HTTP server: what is sent, signed and stored for each answer."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from models import db, endpoint_deliveries, endpoints, releases
from models.leased_rows import DELIVERIES
from tests.conftest import Become
from tests.support.deliveries import Hooked, hook, make_runner, ping, read
from tests.support.receiver import Receiver
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner


@pytest.fixture
def runner() -> RowRunner:
    return make_runner()


def stored(database: Database) -> list[dict[str, Any]]:
    """Return the deliveries, oldest first."""
    columns = "'{id, event, state, attempt, fence, error, http_status, data}'::text[]"
    return [
        found
        for (found,) in database.sql(
            "select (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(d)) where key = any ("
            f"{columns})) from deliveries as d order by id"
        )
    ]  # type: ignore[misc]


def waits(database: Database) -> tuple[float, float]:
    """Return for how many seconds the only queued delivery waits, at most and at least: from its attempt on, and from now on."""
    [(longest, shortest)] = database.sql(
        "select extract(epoch from next_at - started_at)::float8, extract(epoch from next_at - now())::float8"
        " from deliveries where state = 'queued'"
    )
    assert isinstance(longest, float)
    assert isinstance(shortest, float)
    return longest, shortest


def make_due(database: Database) -> None:
    database.sql("update deliveries set next_at = now() where state = 'queued'")


def send_ping(hooked: Hooked, become: Become, runner: RowRunner) -> UUID:
    become("ec_ingest")
    [delivery] = ping(hooked)
    become("ec_worker")
    runner.run(hooked.hint)
    return delivery


def test_ready_feedback_is_sent_with_ids_and_no_words(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receipt = hand_in(school, assignment=school.assignment, external_id="lms-17", text="Secret words of Alice.")
    become("ec_worker")
    read(receipt)
    runner.run(hooked.hint)

    [request] = receiver.received
    assert Webhook(hooked.secret).verify(request.body, dict(request.headers)) is not None
    sent = json.loads(request.body)
    assert sent["type"] == "feedback.ready"
    assert request.id == stored(database)[0]["id"]
    data = sent["data"]
    assert (data["submission_id"], data["external_id"], data["status"]) == (
        str(receipt.submission),
        "lms-17",
        "completed",
    )
    assert data["released"] is True
    assert data["assignment"] == {"id": str(school.assignment), "external_id": None}
    assert data["course"]["id"] == str(school.course)
    assert data["links"]["feedback"] == f"/v1/submissions/{receipt.submission}/feedback"
    assert b"Secret" not in request.body
    assert b"Alice" not in request.body
    assert stored(database)[0] | {"data": None, "id": None} == {
        "id": None, "event": "feedback.ready", "state": "done", "attempt": 1, "fence": 1, "error": None, "http_status": 200, "data": None,
    }  # fmt: skip


def test_held_feedback_is_ready_and_then_released(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become
) -> None:
    receipt = hand_in(school, assignment=school.reviewed_assignment)
    become("ec_worker")
    read(receipt, failed_passes=1)
    become("ec_ingest")
    with session_of(school, "ed"):
        releases.release(receipt.submission, org=school.org)
        releases.release(receipt.submission, org=school.org)
    become("ec_worker")
    runner.run(hooked.hint)
    sent = [json.loads(one.body) for one in receiver.received]
    assert [(one["type"], one["data"]["status"], one["data"]["released"]) for one in sent] == [
        ("feedback.ready", "partial", False), ("feedback.released", "partial", True),
    ]  # fmt: skip


def test_a_version_that_no_pass_could_read_has_failed(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become
) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    read(receipt, failed_passes=3)
    runner.run(hooked.hint)
    assert [json.loads(one.body)["type"] for one in receiver.received] == ["submission.failed"]


def test_an_endpoint_hears_only_what_it_asked_for(
    school: School, other_school: School, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    wants_failures = hook(school, receiver.url, "submission.failed")
    of_another_school = hook(other_school, receiver.url)
    receipt = hand_in(school)
    become("ec_worker")
    read(receipt)
    runner.run(wants_failures.hint)
    runner.run(of_another_school.hint)
    assert receiver.received == []
    assert stored(database) == []


def test_both_secrets_sign_while_one_is_replaced(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    with session_of(school, "ada"):
        newest = endpoints.rotate_endpoint(hooked.id, org=school.org)
    send_ping(hooked, become, runner)
    [request] = receiver.received
    for secret in (hooked.secret, newest):
        Webhook(secret).verify(request.body, dict(request.headers))
    assert len(request.headers["webhook-signature"].split()) == 2

    database.sql("update endpoints set previous_secret_until = now()")
    send_ping(hooked, become, runner)
    Webhook(newest).verify(receiver.received[1].body, dict(receiver.received[1].headers))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(hooked.secret).verify(receiver.received[1].body, dict(receiver.received[1].headers))


def test_a_failed_delivery_is_sent_again_with_its_id(
    hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer(500)
    delivery = send_ping(hooked, become, runner)
    assert stored(database)[0]["error"] == "not_accepted"
    assert stored(database)[0]["http_status"] == 500
    longest, shortest = waits(database)
    assert longest > 4 and shortest < 6
    make_due(database)
    runner.run(hooked.hint)
    assert receiver.ids() == {str(delivery): 2}
    assert (stored(database)[0]["state"], stored(database)[0]["attempt"]) == ("done", 2)
    assert receiver.received[0].body == receiver.received[1].body


def test_retry_after_is_waited_for(
    hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer((429, {"Retry-After": "120"}))
    send_ping(hooked, become, runner)
    longest, shortest = waits(database)
    assert longest > 100 and shortest <= 121


@pytest.mark.parametrize(("status", "state"), [(200, "done"), (410, "gave_up")])
def test_the_status_counts_whatever_comes_of_the_body(
    status: int, state: str, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer((status, {"content-length": "9"}))
    send_ping(hooked, become, runner)
    assert (stored(database)[0]["state"], stored(database)[0]["http_status"]) == (state, status)


def test_a_redirect_is_a_failure_and_not_followed(
    hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer((302, {"Location": receiver.url + "/elsewhere"}))
    send_ping(hooked, become, runner)
    assert [one.path for one in receiver.received] == ["/hooks"]
    assert (stored(database)[0]["state"], stored(database)[0]["http_status"]) == ("queued", 302)


def test_a_delivery_is_given_up_after_its_last_attempt(
    hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer_always(503)
    delivery = send_ping(hooked, become, runner)
    for _ in range(9):
        make_due(database)
        runner.run(hooked.hint)
    assert receiver.ids() == {str(delivery): 8}
    assert (stored(database)[0]["state"], stored(database)[0]["attempt"]) == ("gave_up", 8)


def test_gone_disables_the_endpoint_and_tells_the_admins(
    school: School, hooked: Hooked, receiver: Receiver, become: Become, database: Database, tmp_path: Path
) -> None:
    runner = make_runner(mail=tmp_path)
    ping(hooked, 3)
    receiver.answer_always(410)
    become("ec_worker")
    runner.run(hooked.hint)
    assert len(receiver.received) == 1
    assert [(one["event"], one["state"], one["error"]) for one in stored(database)] == [
        ("ping", "gave_up", "gone"), ("ping", "gave_up", "endpoint_disabled"), ("ping", "gave_up", "endpoint_disabled"),
        ("endpoint.disabled", "done", None),
    ]  # fmt: skip
    [email] = tmp_path.iterdir()
    assert f"To: {school.email('ada')}" in email.read_text()
    assert str(hooked.id) in email.read_text()
    assert database.sql("select disabled_reason from endpoints") == [("gone",)]
    assert database.sql(
        "select actor_role, detail ->> 'disabled_reason' from audit_log where entity = 'endpoint' and action = 'changed'"
    ) == [("worker", "gone")]


def test_five_days_of_failures_disable_an_endpoint_and_one_success_starts_anew(
    hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    receiver.answer(500)
    send_ping(hooked, become, runner)
    assert database.sql("select failing_since is not null, disabled_at is null from endpoints") == [(True, True)]
    make_due(database)
    runner.run(hooked.hint)
    assert database.sql("select failing_since from endpoints") == [(None,)]

    database.sql("update endpoints set failing_since = now() - interval '5 days 1 minute'")
    receiver.answer(*[500] * 2)
    send_ping(hooked, become, runner)
    assert database.sql("select disabled_at from endpoints") == [(None,)]
    database.sql("update deliveries set next_at = now(), attempt = %s where state = 'queued'", DELIVERIES.attempts - 1)
    runner.run(hooked.hint)
    assert database.sql("select disabled_reason from endpoints") == [("failing",)]
    assert {one["state"] for one in stored(database)} == {"done", "gave_up"}


def test_an_endpoint_that_is_off_gets_nothing_and_can_be_caught_up(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become, database: Database
) -> None:
    sent = ping(hooked, 2)
    with session_of(school, "ada"):
        endpoints.change_endpoint(hooked.id, org=school.org, disabled=True)
        assert endpoint_deliveries.redeliver(hooked.id, delivery=sent[0]) == 0
        endpoints.change_endpoint(hooked.id, org=school.org, disabled=False)
        since = db.row("select now() - interval '1 hour' as since")
        assert since is not None
        assert endpoint_deliveries.redeliver(hooked.id, since=since["since"]) == 2
    become("ec_worker")
    runner.run(hooked.hint)
    assert receiver.ids() == dict.fromkeys(map(str, sent), 1)
    assert database.sql("select detail from audit_log where action = 'redelivered'") == [({"deliveries": 2},)]


def test_a_delivered_event_can_be_had_again_with_its_id(
    school: School, hooked: Hooked, receiver: Receiver, runner: RowRunner, become: Become
) -> None:
    delivery = send_ping(hooked, become, runner)
    become("ec_ingest")
    with session_of(school, "ada"):
        assert endpoint_deliveries.redeliver(hooked.id, delivery=delivery) == 1
    become("ec_worker")
    runner.run(hooked.hint)
    assert receiver.ids() == {str(delivery): 2}


def test_an_address_inside_is_never_called(
    school: School, runner: RowRunner, become: Become, database: Database
) -> None:
    hooked = hook(school, "https://10.0.0.1/hooks")
    send_ping(hooked, become, runner)
    assert (stored(database)[0]["state"], stored(database)[0]["error"]) == ("queued", "address_refused")


def test_the_worker_holds_no_connection_while_the_receiver_thinks(
    hooked: Hooked, receiver: Receiver, become: Become, database: Database
) -> None:
    ping(hooked)
    become("ec_worker")
    worker = threading.Thread(target=make_runner().run, args=(hooked.hint,))
    with receiver.held():
        worker.start()
        receiver.await_requests()
        assert db.database._in_use == {}
    worker.join(60)
    assert stored(database)[0]["state"] == "done"


@pytest.mark.parametrize(
    ("folder", "outcome"), [("file", ("queued", "mail_not_sent")), (None, ("gave_up", "no_mail_server"))]
)
def test_an_email_that_cannot_be_sent_is_tried_again_unless_nobody_said_how(
    hooked: Hooked,
    receiver: Receiver,
    become: Become,
    database: Database,
    tmp_path: Path,
    folder: str | None,
    outcome: tuple[str, str],
) -> None:
    (tmp_path / "file").write_text("no folder")
    receiver.answer(410)
    send_ping(hooked, become, make_runner(mail=tmp_path / folder if folder else None))
    assert [(one["state"], one["error"]) for one in stored(database) if one["event"] == "endpoint.disabled"] == [
        outcome
    ]


def test_mail_server_that_fails_is_asked_once(
    school: School, hooked: Hooked, receiver: Receiver, become: Become, database: Database
) -> None:
    database.sql("update users set role = 'admin' where id = %s", school.ed)
    asked: list[socket.socket] = []

    def hang_up() -> None:
        with suppress(OSError):
            while True:
                asked.append(server.accept()[0])
                asked[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, daemon=True).start()
        receiver.answer(410)
        send_ping(hooked, become, make_runner(mail=f"smtp://127.0.0.1:{server.getsockname()[1]}?tls=no"))
        server.shutdown(socket.SHUT_RDWR)
    assert len(asked) == 1
    assert stored(database)[-1]["error"] == "mail_not_sent"
