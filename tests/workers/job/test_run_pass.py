"""Test one pass from its hint to its end, with PostgreSQL as ec_worker and the real SDK against the fake vendor."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from models import courses, crypto, db, essays, feedback, passes, users
from models.crypto import AssociatedData
from models.errors import DatabaseAway, DatabaseReadOnly
from models.essays import Draft, Receipt
from models.jobs import Hint, PassName
from models.settings import CryptoSettings
from models.users import data_key
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.races import eventually, warm_up
from tests.support.schools import RUBRIC, School, session_of
from tests.support.servers import Database, Servers, away, read_only
from tests.support.vendor import FakeVendor, Step
from workers.job import retry_policy
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.passes.feedback import PassAnswer
from workers.passes.request import PassRequest
from workers.providers.choice import ProviderChooser
from workers.providers.contract import Provider, Repair, Reply
from workers.providers.ensemble import EnsembleProvider
from workers.providers.prices import Tokens, prices_of
from workers.providers.wire import parse_stream
from workers.settings import ProviderSettings

LEASE_SECONDS = 12.0
TEXT = (
    "Schools should ban mobile phones during lessons. They distracts us from learning, and my friend and me are no "
    "exception.\n\nFirst, a phone buzzes 🙂 and everyone look up. Last week our teacher stopped three times because of "
    "one phone.\n\nSome people say phones are needed in an emergency. However, the office has a telephone, so a ban "
    "would not hurt anybody. In conclusion, phones should stay in the bag."
)


class Wire:
    """An HTTP relay before the vendor that records its answers and holds them back while closed."""

    def __init__(self, vendor: FakeVendor) -> None:
        self.sent: list[str] = []
        self.waiting = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        wire, target = self, urlsplit(vendor.base_url)

        class Relay(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                """Log nothing."""

            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["content-length"]))
                upstream = http.client.HTTPConnection(str(target.hostname), target.port, timeout=60)
                headers = {
                    name: self.headers[name]
                    for name in ("authorization", "x-api-key", "content-type")
                    if self.headers[name]
                }
                upstream.request("POST", self.path, body=asked, headers=headers)
                answer = upstream.getresponse()
                body = answer.read()
                upstream.close()
                wire.sent.append(body.decode())
                wire.waiting.release()
                wire.gate.wait(60)
                self.send_response(answer.status)
                for name in ("content-type", "retry-after"):
                    if answer.headers[name]:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # ignore clients that disconnect
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold answers back until the block ends."""
        self.gate.clear()
        try:
            yield
        finally:
            self.gate.set()

    def await_calls(self, count: int = 1) -> None:
        """Wait until the vendor has answered this many more calls; their answers may be held back."""
        for _ in range(count):
            assert self.waiting.acquire(timeout=60), "no further call came"


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def wire(vendor: FakeVendor) -> Iterator[Wire]:
    with Wire(vendor) as wire:
        yield wire


@pytest.fixture
def claude(wire: Wire) -> Iterator[ProviderChooser]:
    settings = ProviderSettings(name="anthropic", api_key="sk-test-4711", base_url=wire.base_url, model=None)
    chooser = ProviderChooser(settings, timeout_seconds=60, local=shared_provider())
    yield chooser
    chooser("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


@pytest.fixture
def runner(claude: ProviderChooser) -> PassRunner:
    return running(claude)


def running(choose: Callable[[str], Provider], *, lease_seconds: float = LEASE_SECONDS) -> PassRunner:
    leases = Leases(lease_seconds=lease_seconds, longest_seconds=60)
    return PassRunner(choose_provider=choose, leases=leases, lease_seconds=lease_seconds, use_ensemble=False)


@pytest.fixture
def receipt(school: School, become: Become) -> Receipt:
    """Give the receipt of an essay by Alice; this process has the role ec_worker."""
    handed_in = hand_in(school)
    become("ec_worker")
    return handed_in


def hand_in(school: School, text: str = TEXT) -> Receipt:
    with session_of(school, "alice"):
        return essays.receive(
            school.alice, Draft(title="Phones", text=text, source="app", assignment=school.assignment), org=school.org
        )


def only(receipt: Receipt, database: Database, name: PassName = PassName.CONTENT) -> Hint:
    """Cancel the other two passes of the submission and return the hint of this one."""
    hint = hint_of(receipt, name)
    database.sql(
        "update passes set state = 'cancelled', finished_at = now() where submission_id = %s and id <> %s",
        receipt.submission,
        hint.pass_id,
    )
    return hint


def hint_of(receipt: Receipt, name: PassName = PassName.CONTENT) -> Hint:
    return receipt.hints[list(PassName).index(name)]


def run_all(runner: PassRunner, receipt: Receipt) -> None:
    for hint in receipt.hints:
        runner.run(hint)


@contextmanager
def in_background(call: Callable[[], None]) -> Iterator[threading.Thread]:
    """Run the call in a thread beside the block, and assert that it ends without an error."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive(), "the pass never came to its end"
    assert errors == []


def pass_row(database: Database, hint: Hint) -> dict[str, Any]:
    names = ("state", "attempt", "fence", "error", "provider", "model", "comments", "next_at")
    found = database.sql(f"select {', '.join(names)} from passes where id = %s", hint.pass_id)[0]
    return dict(zip(names, found, strict=True))


def put_off_by(runner: PassRunner, database: Database, hint: Hint) -> tuple[dict[str, Any], float, float]:
    """Run a pass that is put off. Return its row, and the longest and the shortest time for which it may have been put off."""
    [(before,)] = database.sql("select clock_timestamp()")
    runner.run(hint)
    row = pass_row(database, hint)
    [(after,)] = database.sql("select clock_timestamp()")
    return row, (row["next_at"] - before).total_seconds(), (row["next_at"] - after).total_seconds()


def status(database: Database, receipt: Receipt) -> str:
    return str(database.sql("select status from submissions where id = %s", receipt.submission)[0][0])


def calls(database: Database, receipt: Receipt) -> list[tuple[object, ...]]:
    return database.sql(
        "select pass, attempt, outcome from ai_responses where submission_id = %s order by id", receipt.submission
    )


def outcomes(database: Database, receipt: Receipt) -> list[object]:
    return [outcome for _, _, outcome in calls(database, receipt)]


def raw_answers(database: Database, school: School, receipt: Receipt) -> list[str]:
    """Return the decrypted raw answers, oldest first, opened as a worker with the author's key."""
    with db.session(org=school.org):
        key = data_key(school.alice, org=school.org)
    stored = database.sql("select id, raw from ai_responses where submission_id = %s order by id", receipt.submission)
    return [
        key.open(bytes(raw), place=AssociatedData("ai_responses", "raw", school.org, UUID(str(call))))
        for call, raw in stored
    ]


def count(database: Database, table: str) -> object:
    return database.sql(f"select count(*) from {table}")[0][0]


def test_three_passes_complete_the_submission_with_comments_anchored_in_its_text(
    runner: PassRunner, database: Database, become: Become, school: School, receipt: Receipt
) -> None:
    run_all(runner, receipt)
    assert status(database, receipt) == "completed"
    assert [pass_row(database, hint)["state"] for hint in receipt.hints] == ["done"] * 3
    become("ec_ingest")
    with session_of(school, "alice"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    assert {comment["pass"] for comment in found["comments"]} == set(PassName)
    for comment in found["comments"]:
        span = comment["span"]
        assert span["match"] == "exact"
        assert TEXT[span["start"] : span["end"]] == span["quote"] != ""
    assert found["summary"]["strengths"] == ["You keep to your subject."]


def test_every_call_is_stored_with_raw_answer_tokens_and_cost(
    runner: PassRunner, database: Database, vendor: FakeVendor, wire: Wire, school: School, receipt: Receipt
) -> None:
    run_all(runner, receipt)
    assert calls(database, receipt) == [("grammar", 1, "ok"), ("structure", 1, "ok"), ("content", 1, "ok")]
    assert raw_answers(database, school, receipt) == wire.sent
    recorded = database.sql(
        "select model, stop_reason, input_tokens, cache_write_tokens, cache_read_tokens, output_tokens, cost_micros,"
        " latency_ms from ai_responses order by id"
    )
    for model, stop_reason, *tokens, cost, latency in recorded:
        assert (model, stop_reason) == ("claude-sonnet-5-5", "end_turn")
        named = Tokens(**dict(zip(("input", "cache_write", "cache_read", "output"), tokens, strict=True)))
        assert cost == prices_of("claude-sonnet-5-5").cost_micros(named) > 0
        assert 0 <= latency < 60_000
    sums = [sum(int(str(one[column])) for one in recorded) for column in range(2, 6)]
    parse_stream = vendor.counters()["tokens"]
    assert sums == [
        parse_stream["input"],
        parse_stream["cache_write"],
        parse_stream["cache_read"],
        parse_stream["output"],
    ]


def test_running_call_is_stored_as_open(runner: PassRunner, database: Database, wire: Wire, receipt: Receipt) -> None:
    hint = hint_of(receipt)
    with wire.held(), in_background(lambda: runner.run(hint)):
        wire.await_calls()
        assert calls(database, receipt) == [("content", 1, "open")]
        assert database.sql("select raw, completed_at from ai_responses") == [(None, None)]
        assert pass_row(database, hint)["state"] == "running"
        assert status(database, receipt) == "processing"
        wire.gate.set()
    assert outcomes(database, receipt) == ["ok"]


def test_no_connection_is_held_during_calls(
    runner: PassRunner, database: Database, become: Become, wire: Wire, receipt: Receipt
) -> None:
    become("ec_worker", pool_size=1)
    threads = [threading.Thread(target=runner.run, args=(hint,)) for hint in receipt.hints]
    with wire.held():
        for thread in threads:
            thread.start()
        wire.await_calls(3)
        busy = (
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and usename = 'ec_worker' and state <> 'idle'"
        )
        eventually(lambda: database.sql(busy) == [(0,)])
        assert [pass_row(database, hint)["state"] for hint in receipt.hints] == ["running"] * 3
        with db.session():  # the only connection of the pool is free
            assert db.row("select 1 as one") == {"one": 1}
    for thread in threads:
        thread.join(60)
    assert status(database, receipt) == "completed"


def test_overloaded_vendor_is_retried_and_the_submission_completes(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    hint = hint_of(receipt)
    for other in receipt.hints:
        if other != hint:
            runner.run(other)
    vendor.script("overloaded")
    put_off, longest, shortest = put_off_by(runner, database, hint)
    assert (put_off["state"], put_off["error"]) == ("queued", "overloaded")
    assert longest >= 0.5 and shortest <= 1
    database.sql("update passes set next_at = now() + interval '1 hour' where id = %s", hint.pass_id)
    runner.run(hint)  # too early: the pass is not due, so the hint is ignored
    assert vendor.counters()["calls"] == 3
    database.sql("update passes set next_at = now() where id = %s", hint.pass_id)
    runner.run(hint)
    assert status(database, receipt) == "completed"
    assert [one for one in calls(database, receipt) if one[0] == "content"] == [
        ("content", 1, "overloaded"),
        ("content", 2, "ok"),
    ]
    assert pass_row(database, hint)["error"] is None


def test_a_pass_whose_attempts_are_used_up_is_given_up(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    hint = hint_of(receipt)
    database.sql("update passes set attempt = %s where id = %s", passes.MAX_ATTEMPTS - 1, hint.pass_id)
    vendor.script("server_error")
    runner.run(hint)
    assert (pass_row(database, hint)["state"], pass_row(database, hint)["error"]) == ("gave_up", "server_error")


def test_rate_limit_waits_as_long_as_the_vendor_says(
    runner: PassRunner, database: Database, wire: Wire, vendor: FakeVendor, receipt: Receipt
) -> None:
    vendor.script(Step("rate_limited", retry_after="37"))
    put_off, longest, shortest = put_off_by(runner, database, hint_of(receipt))
    assert (put_off["state"], put_off["error"]) == ("queued", "rate_limited")
    assert longest >= 37 >= shortest


@pytest.mark.parametrize(("behaviour", "outcome"), [("budget_spent", "budget_spent"), ("unauthorised", "unauthorised")])
def test_spent_budget_or_refused_key_pauses_the_provider(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt, behaviour: str, outcome: str
) -> None:
    vendor.script(behaviour)
    put_off, longest, _ = put_off_by(runner, database, hint_of(receipt))
    assert (put_off["state"], put_off["error"]) == ("queued", outcome)
    assert longest > 50
    assert status(database, receipt) == "processing"


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("invalid_json", "not_json"),
        ("html", "not_json"),
        ("wrong_schema", "wrong_schema"),
        ("refusal", "refused"),
        ("truncated", "truncated"),
        ("context_exceeded", "context_exceeded"),
    ],
)
def test_an_unusable_answer_is_repaired_within_the_same_attempt(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt, behaviour: str, outcome: str
) -> None:
    vendor.script(behaviour)
    runner.run(hint_of(receipt))
    done = pass_row(database, hint_of(receipt))
    assert (done["state"], done["attempt"]) == ("done", 1)
    assert calls(database, receipt) == [("content", 1, outcome), ("content", 1, "ok")]


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [("invalid_json", "not_json"), ("html", "not_json"), ("refusal", "refused"), ("truncated", "truncated")],
)
def test_second_unusable_answer_gives_up_and_both_are_kept(
    runner: PassRunner,
    database: Database,
    vendor: FakeVendor,
    wire: Wire,
    school: School,
    receipt: Receipt,
    behaviour: str,
    outcome: str,
) -> None:
    vendor.script(behaviour, behaviour, pass_name="content")
    run_all(runner, receipt)
    failed = pass_row(database, hint_of(receipt))
    assert (failed["state"], failed["error"]) == ("gave_up", outcome)
    assert outcomes(database, receipt) == ["ok", "ok", outcome, outcome]
    assert raw_answers(database, school, receipt) == wire.sent
    assert status(database, receipt) == "partial"


def test_a_truncated_answer_gets_more_room_the_second_time(
    runner: PassRunner, vendor: FakeVendor, receipt: Receipt
) -> None:
    vendor.script("truncated")
    runner.run(hint_of(receipt))
    first, second = vendor.requests
    assert second["max_tokens"] == 2 * first["max_tokens"]


def test_a_submission_is_failed_when_every_pass_was_given_up(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    vendor.always("bad_request")
    run_all(runner, receipt)
    assert [pass_row(database, hint)["error"] for hint in receipt.hints] == ["bad_request"] * 3
    assert status(database, receipt) == "failed"
    assert vendor.counters()["calls"] == 3  # each pass gives up after one call


def test_repair_is_retried_later_when_the_vendor_is_overloaded(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    vendor.script("invalid_json", "overloaded")
    runner.run(hint_of(receipt))
    assert (pass_row(database, hint_of(receipt))["state"], pass_row(database, hint_of(receipt))["error"]) == (
        "queued",
        "overloaded",
    )
    assert outcomes(database, receipt) == ["not_json", "overloaded"]


def test_giving_up_is_written_to_system_logs(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    vendor.script("bad_request")
    runner.run(hint_of(receipt))
    logged = database.sql("select level, event, context ->> 'reason', context ->> 'pass_id' from system_logs")
    assert logged == [("error", "pass given up", "bad_request", str(hint_of(receipt).pass_id))]


class Crashing:
    """A provider with a bug."""

    name = "local"
    remote = False
    in_batches = False
    model = "crashing-1"

    def prompt_version(self, pass_name: PassName) -> str:
        return "0" * 16

    def expected_cost_micros(self, request: PassRequest) -> int:
        return 0

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        raise RuntimeError(request.text)

    def submit(self, request: PassRequest) -> str:
        raise RuntimeError(request.text)

    def collect(self, batch: str, request: PassRequest) -> Reply | None:
        raise RuntimeError(request.text)


def test_a_provider_that_crashes_is_given_up_with_its_call_completed(database: Database, receipt: Receipt) -> None:
    runner = running(lambda _: Crashing())
    runner.run(hint_of(receipt))
    assert (pass_row(database, hint_of(receipt))["state"], pass_row(database, hint_of(receipt))["error"]) == (
        "gave_up",
        "crashed",
    )
    assert database.sql("select outcome, model, completed_at is not null from ai_responses") == [
        ("crashed", "crashing-1", True)
    ]


def test_the_same_hint_twenty_times_in_parallel_is_one_call(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    hint = only(receipt, database)
    barrier = threading.Barrier(20, timeout=60)
    errors: list[Exception] = []

    def run() -> None:
        barrier.wait()
        try:
            runner.run(hint)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert vendor.counters()["calls"] == 1
    assert calls(database, receipt) == [("content", 1, "ok")]
    assert pass_row(database, hint)["state"] == "done"


def test_a_draft_that_was_superseded_is_cancelled_and_never_sent_to_the_vendor(
    runner: PassRunner, database: Database, vendor: FakeVendor, become: Become, school: School
) -> None:
    older, newer = hand_in(school), hand_in(school, TEXT + " One more sentence.")
    become("ec_worker")
    run_all(runner, older)
    assert [pass_row(database, hint)["state"] for hint in older.hints] == ["cancelled"] * 3
    assert status(database, older) == "superseded"
    assert vendor.counters()["calls"] == 0
    run_all(runner, newer)
    assert status(database, newer) == "completed"


def test_a_worker_that_lacks_the_master_key_gives_no_essay_up(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    crypto.load(CryptoSettings(master_keys={"k2": b"n" * 32}, index_key=b"i" * 32))
    run_all(runner, receipt)
    rows = [pass_row(database, hint) for hint in receipt.hints]
    assert {(row["state"], row["attempt"], row["error"]) for row in rows} == {("queued", 0, "master_key_missing")}
    assert vendor.counters()["calls"] == 0


def test_an_essay_whose_key_does_not_open_is_given_up_without_a_call(
    runner: PassRunner, database: Database, vendor: FakeVendor, school: School, receipt: Receipt
) -> None:
    database.sql("update user_keys set wrapped = '\\x01' where user_id = %s", school.alice)
    run_all(runner, receipt)
    assert [pass_row(database, hint)["state"] for hint in receipt.hints] == ["gave_up"] * 3
    assert {pass_row(database, hint)["error"] for hint in receipt.hints} == {"undecipherable"}
    assert status(database, receipt) == "failed"
    assert vendor.counters()["calls"] == 0


def test_essay_of_an_erased_author_is_cancelled_without_a_call(
    runner: PassRunner, database: Database, vendor: FakeVendor, school: School, receipt: Receipt
) -> None:
    database.sql("update users set erase_requested_at = now() where id = %s", school.alice)
    database.sql("delete from user_keys where user_id = %s", school.alice)
    run_all(runner, receipt)
    assert [pass_row(database, hint)["state"] for hint in receipt.hints] == ["cancelled"] * 3
    assert vendor.counters()["calls"] == 0


def test_essay_whose_key_was_not_restored_waits_and_is_read_when_the_key_is_back(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    database.sql("create table kept_keys as select * from user_keys")
    database.sql("delete from user_keys")
    run_all(runner, receipt)
    rows = [pass_row(database, hint) for hint in receipt.hints]
    assert {(row["state"], row["attempt"], row["error"]) for row in rows} == {("queued", 0, "keys_missing")}
    assert vendor.counters()["calls"] == 0
    database.sql("insert into user_keys select * from kept_keys")
    database.sql("update passes set next_at = now()")
    run_all(runner, receipt)
    assert status(database, receipt) == "completed"


def test_org_that_forbids_the_vendor_is_read_locally(
    runner: PassRunner, database: Database, vendor: FakeVendor, school: School, receipt: Receipt
) -> None:
    database.sql("update orgs set ai_policy = 'local' where id = %s", school.org)
    run_all(runner, receipt)
    assert vendor.counters()["calls"] == 0
    assert status(database, receipt) == "completed"
    assert database.sql("select distinct provider from ai_responses") == [("local",)]
    assert database.sql("select distinct provider from passes") == [("local",)]


def test_local_engine_completes_a_submission_with_true_quotes(
    database: Database, become: Become, school: School, receipt: Receipt
) -> None:
    local = ProviderChooser(
        ProviderSettings(name="local", api_key=None, base_url=None, model=None),
        timeout_seconds=10,
        local=shared_provider(),
    )
    run_all(running(local), receipt)
    assert status(database, receipt) == "completed"
    become("ec_ingest")
    with session_of(school, "alice"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    assert found["comments"]
    for comment in found["comments"]:
        assert comment["provider"] == "local"
        if comment["span"]["match"] != "none":
            assert TEXT[comment["span"]["start"] : comment["span"]["end"]] == comment["span"]["quote"] != ""
    become("ec_worker")
    assert outcomes(database, receipt) == ["ok"] * 3
    assert all(raw_answers(database, school, receipt))


def test_a_name_of_the_course_gets_no_comment_on_its_spelling(become: Become, school: School) -> None:
    with session_of(school, "ada"):
        classmate = users.add_user("student", org=school.org, name="Elizabth Marten", email="marten@example.org")
        courses.add_member(classmate, org=school.org, course=school.course, role="student")
    # Nobody in the course is called Willam.
    receipt = hand_in(
        school,
        "Elizabth lives near the river, and my freind and I walk to school with her. "
        "Willam waits for us at the bridge every morning.",
    )
    become("ec_worker")
    running(lambda _: shared_provider()).run(hint_of(receipt, PassName.GRAMMAR))
    become("ec_ingest")
    with session_of(school, "alice"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    assert {comment["span"]["quote"] for comment in found["comments"]} == {"freind", "Willam"}


def test_missing_master_key_of_a_classmate_costs_no_answer(become: Become, school: School, database: Database) -> None:
    receipt = hand_in(school, "Willam waits for my freind at the bridge every morning before school begins.")
    database.sql("update user_keys set master_key_id = 'gone' where user_id = %s", school.bob)
    become("ec_worker")
    running(lambda _: shared_provider()).run(hint_of(receipt, PassName.GRAMMAR))
    row = pass_row(database, hint_of(receipt, PassName.GRAMMAR))
    assert (row["state"], row["comments"]) == ("done", 2)


def test_educator_is_told_of_wrong_decoding_and_lookalike_letters(
    become: Become, school: School, runner: PassRunner
) -> None:
    become("ec_ingest")
    receipt = hand_in(school, TEXT.replace("my friend", "it doesn\u00e2\u20ac\u2122t help my fr\u0456end"))
    become("ec_worker")
    run_all(runner, receipt)
    become("ec_ingest")
    with session_of(school, "alice"):
        notes = feedback.fetch(receipt.submission, org=school.org, released_only=True)["notes"]
    assert any("decoded wrongly" in note and "\u00e2\u20ac\u2122" in note for note in notes)
    assert any("another alphabet" in note and "fr\u0456end" in note for note in notes)


def test_answer_of_a_lost_claim_is_counted_and_not_stored(
    runner: PassRunner, database: Database, wire: Wire, school: School, receipt: Receipt
) -> None:
    hint = hint_of(receipt)
    with wire.held(), in_background(lambda: runner.run(hint)):
        wire.await_calls()
        # The clock frees the expired lease, and another worker claims the pass.
        database.sql(
            "update passes set state = 'queued', lease_until = null, lost = 1, next_at = now() where id = %s",
            hint.pass_id,
        )
        with db.session(org=school.org):
            taken = passes.claim(hint.pass_id, org=school.org, lease_seconds=LEASE_SECONDS)
        assert taken is not None
        wire.gate.set()
    overtaken = pass_row(database, hint)
    assert (overtaken["state"], overtaken["fence"], overtaken["comments"]) == ("running", 2, None)
    assert count(database, "feedback") == 0
    assert count(database, "criterion_results") == 0
    assert database.sql("select count from monitor_totals where name = 'fenced_writes'") == [(1,)]
    assert database.sql("select event from system_logs") == [("fenced write",)]
    # The call was paid for, so it is stored with its cost.
    assert outcomes(database, receipt) == ["ok"]
    with db.session(org=school.org):
        assert passes.renew([taken], lease_seconds=LEASE_SECONDS)


def test_answer_survives_connections_lost_during_the_call(
    runner: PassRunner, database: Database, vendor: FakeVendor, wire: Wire, receipt: Receipt
) -> None:
    hint = hint_of(receipt)
    with wire.held(), in_background(lambda: runner.run(hint)):
        wire.await_calls()
        killed = database.sql(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database()"
            " and usename = 'ec_worker'"
        )
        assert killed != []
        wire.gate.set()
    assert pass_row(database, hint)["state"] == "done"
    assert vendor.counters()["calls"] == 1


def test_answer_is_stored_when_an_absent_database_returns(
    runner: PassRunner,
    database: Database,
    servers: Servers,
    vendor: FakeVendor,
    wire: Wire,
    receipt: Receipt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry_policy, "STORE_PATIENCE_SECONDS", 50.0)
    hint = hint_of(receipt)
    with wire.held(), in_background(lambda: runner.run(hint)) as thread:
        wire.await_calls()
        with away(servers, database):
            with pytest.raises(DatabaseAway), db.session():
                db.row("select 1 as one")
            wire.gate.set()
            thread.join(1.0)
            assert thread.is_alive(), "it gave the answer up instead of trying on"
    assert pass_row(database, hint)["state"] == "done"
    assert outcomes(database, receipt) == ["ok"]
    assert vendor.counters()["calls"] == 1


def test_answer_is_stored_when_a_read_only_database_takes_writes_again(
    runner: PassRunner,
    database: Database,
    vendor: FakeVendor,
    wire: Wire,
    receipt: Receipt,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry_policy, "STORE_PATIENCE_SECONDS", 50.0)
    hint = hint_of(receipt)
    with wire.held(), in_background(lambda: runner.run(hint)) as thread:
        wire.await_calls()
        with read_only(database, "ec_worker"):
            with pytest.raises(DatabaseReadOnly), db.session():
                db.require_writable()
            wire.gate.set()
            thread.join(1.0)
            assert thread.is_alive(), "it gave the answer up instead of trying on"
    assert pass_row(database, hint)["state"] == "done"
    assert outcomes(database, receipt) == ["ok"]
    assert vendor.counters()["calls"] == 1
    assert "pass crashed" not in "".join(capsys.readouterr())


def test_read_only_database_leaves_a_pass_untouched_and_one_failure_is_enough_afterwards(
    runner: PassRunner, database: Database, vendor: FakeVendor, receipt: Receipt
) -> None:
    """The connections that were opened while it was read-only stay so, until the first write over one of them fails."""
    hint = hint_of(receipt)
    with read_only(database, "ec_worker"):
        for _ in range(3):
            with pytest.raises(DatabaseAway):
                runner.run(hint)
        warm_up(3)
    untouched = pass_row(database, hint)
    assert (untouched["state"], untouched["attempt"], untouched["error"]) == ("queued", 0, None)
    with pytest.raises(DatabaseAway):
        runner.run(hint)
    assert runner.run(hint)
    assert (pass_row(database, hint)["state"], vendor.counters()["calls"]) == ("done", 1)


def test_hint_without_a_database_is_sent_again(
    runner: PassRunner, database: Database, servers: Servers, vendor: FakeVendor, receipt: Receipt
) -> None:
    with away(servers, database), pytest.raises(DatabaseAway):
        runner.run(hint_of(receipt))
    assert vendor.counters()["calls"] == 0
    untouched = pass_row(database, hint_of(receipt))
    assert (untouched["state"], untouched["attempt"]) == ("queued", 0)


def test_points_come_from_the_rubric_not_from_the_answer(
    runner: PassRunner, database: Database, wire: Wire, receipt: Receipt
) -> None:
    runner.run(hint_of(receipt))
    stored = database.sql(
        "select c.name, r.level, r.points, r.max_points from criterion_results as r"
        " join rubric_criteria as c on c.id = r.criterion_id"
    )
    picks = json.loads(parse_stream(wire.sent[0]).message.text())["picks"]
    assert (
        {(name, level) for name, level, _, _ in stored}
        == {(pick["criterion"], pick["level"]) for pick in picks}
        != set()
    )
    assert not any("points" in pick for pick in picks)
    points = {criterion.name: {name: value for name, value, _ in criterion.levels} for criterion in RUBRIC}
    for name, level, earned, most in stored:
        assert (earned, most) == (points[str(name)][str(level)], max(points[str(name)].values()))


class Crowded(Crashing):
    """A provider that counts its concurrent calls."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.may_answer = threading.Event()
        self._lock = threading.Lock()

    def ask(self, request: PassRequest, *, repair: Repair | None = None) -> Reply:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.may_answer.wait(60)
        with self._lock:
            self.inside -= 1
        return Reply(answer=PassAnswer(), raw="", model=self.model, stop_reason="end")


def narrow(provider: Provider, places: int) -> PassRunner:
    leases = Leases(lease_seconds=LEASE_SECONDS, longest_seconds=60)
    return PassRunner(
        choose_provider=lambda _: provider, leases=leases, lease_seconds=LEASE_SECONDS, max_concurrent=places
    )


def test_local_worker_claims_no_more_than_its_slots(
    database: Database, school: School, receipt: Receipt, become: Become
) -> None:
    """Run ten hints in ten threads with two slots; eight passes wait in the database."""
    become("ec_ingest")
    with session_of(school, "alice"):
        essay = Draft(title="Other", text=TEXT, source="app")
        others = [essays.receive(school.alice, essay, org=school.org) for _ in range(3)]
    hints = [hint for one in (receipt, *others) for hint in one.hints][:10]
    become("ec_worker")
    provider = Crowded()
    runner = narrow(provider, 2)
    threads = [threading.Thread(target=runner.run, args=(hint,)) for hint in hints]
    for thread in threads:
        thread.start()
    eventually(lambda: provider.inside == 2)
    assert database.sql("select count(*) from passes where state = 'running'") == [(2,)]
    provider.may_answer.set()
    for thread in threads:
        thread.join(60)
    assert provider.most == 2
    # A hint that lost each of its tries to the other slot found nothing. The clock sends such a hint again.
    done = "select count(*) from passes where state = 'done'"
    eventually(lambda: database.sql(done) == [(10,)] or not runner.run(hints[-1]), what="the end of ten passes")
    assert database.sql(done) == [(10,)]


def test_hint_without_a_free_slot_is_sent_again(receipt: Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.job.run_pass.SLOT_WAIT_SECONDS", 0.1)
    provider = Crowded()
    runner = narrow(provider, 1)
    first = threading.Thread(target=runner.run, args=(receipt.hints[0],))
    first.start()
    eventually(lambda: provider.inside == 1)
    assert runner.run(receipt.hints[1]) is False
    provider.may_answer.set()
    first.join(60)
    assert runner.run(receipt.hints[1]) is True


def test_grammar_ensemble_names_the_provider_of_each_comment(
    claude: ProviderChooser, database: Database, become: Become, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine loads the engines for longer than a lease, and reads for longer than the remote answer waits.
    shared_provider().warm_up()
    monkeypatch.setitem(EnsembleProvider.__init__.__kwdefaults__, "wait_seconds", LEASE_SECONDS)
    receipt = hand_in(school, TEXT + " I recieve calls, and me are late.")
    become("ec_worker")
    leases = Leases(lease_seconds=LEASE_SECONDS, longest_seconds=60)
    run_all(PassRunner(choose_provider=claude, leases=leases, lease_seconds=LEASE_SECONDS), receipt)

    found = database.sql(
        "select distinct pass, provider, origin from feedback where submission_id = %s order by 1, 2",
        receipt.submission,
    )
    assert ("grammar", "local", "rule") in found
    assert ("grammar", "anthropic", "model") in found
    assert {provider for name, provider, _ in found if name != "grammar"} == {"anthropic"}
    assert database.sql("select distinct provider from passes") == [("anthropic",)]
