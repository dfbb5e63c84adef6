"""Test what enters and leaves a process: settings, hints, log lines and a database dump."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from uuid import UUID

import dramatiq
import pytest

from models import broker, essays, log, settings, users
from models.errors import SettingsError
from models.essays import Draft
from models.jobs import ACTOR, PASS_QUEUES, ROW_ACTOR, Hint, PassName, Queue, RowHint, RowTable
from standalone.postgres import POSTGRES_BIN_PATH
from tests.support.schools import PASSWORD, School, session_of
from tests.support.servers import ROOT, Database, Servers

KEY = base64.b64encode(b"k" * 32).decode()
ORG, PASS = UUID(int=1), UUID(int=2)


# Settings


def test_missing_variable_is_named_unless_it_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for blank in (None, "", "  "):
        monkeypatch.delenv("EC_X", raising=False) if blank is None else monkeypatch.setenv("EC_X", blank)
        with pytest.raises(SettingsError, match=r"EC_X is not set\."):
            settings.text("EC_X")
        assert settings.text("EC_X", "default") == "default"
        assert settings.optional("EC_X") is None
        assert settings.integer("EC_X", 7) == 7
        assert settings.seconds("EC_X", 1.5) == 1.5
        assert settings.choice("EC_X", "a", among=("a", "b")) == "a"
    monkeypatch.setenv("EC_X", " value ")
    assert settings.text("EC_X", "default") == settings.optional("EC_X") == "value"


@pytest.mark.parametrize("value", ["ten", "1.5", "1e3", "0x10", "-1", "0"])
def test_invalid_integer_setting_is_refused_and_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EC_X", value)

    with pytest.raises(SettingsError, match="EC_X must be .*" + value):
        settings.integer("EC_X", 5, least=1)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "86400", "nan", "inf", "1,5"])
def test_invalid_duration_setting_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EC_X", value)

    with pytest.raises(SettingsError, match="EC_X must"):
        settings.seconds("EC_X", 1)


def test_invalid_choice_is_refused_and_the_choices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EC_X", "c")

    with pytest.raises(SettingsError, match="must be one of a, b, not 'c'"):
        settings.choice("EC_X", "a", among=("a", "b"))


def test_secret_comes_from_variable_or_file_but_not_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" from the file\n")
    with pytest.raises(SettingsError, match=r"EC_X is not set \(nor EC_X_FILE\)"):
        settings.secret("EC_X")
    monkeypatch.setenv("EC_X_FILE", str(file))
    assert settings.secret("EC_X") == "from the file"
    monkeypatch.setenv("EC_X", "hunter2")
    with pytest.raises(SettingsError, match="not both") as refusal:
        settings.secret("EC_X")
    assert "hunter2" not in str(refusal.value)
    monkeypatch.delenv("EC_X_FILE")
    assert settings.secret("EC_X") == "hunter2"


def test_unusable_secret_file_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for content, why in (
        (None, "cannot be read: No such file"),
        (b"", "is not set"),
        (b"\xff\xfe\x00", "must hold text"),
    ):
        file = tmp_path / "secret"
        if content is not None:
            file.write_bytes(content)
        monkeypatch.setenv("EC_X_FILE", str(file))
        with pytest.raises(SettingsError, match=why):
            settings.secret("EC_X")


@pytest.mark.parametrize("value", ["hunter2!", base64.b64encode(b"short").decode(), KEY + KEY])
def test_invalid_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("EC_X", value)

    with pytest.raises(SettingsError, match="EC_X must") as refusal:
        settings.key_bytes("EC_X")
    assert value not in str(refusal.value)
    monkeypatch.setenv("EC_X", KEY)
    assert settings.key_bytes("EC_X") == b"k" * 32


def test_master_keys_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_INDEX_KEY", KEY)
    monkeypatch.setenv("ESSAYCOACH_MASTER_KEYS", f"k2:{KEY}, k1:{KEY}")

    assert list(settings.read_crypto().master_keys) == ["k2", "k1"]


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        f":{KEY}",
        f"k 1:{KEY}",
        f"{'k' * 33}:{KEY}",
        f"é:{KEY}",
        "k1:",
        f"k1:{KEY},",
        f"k1:{KEY},k1:{KEY}",
        "k1:c2hvcnQ=",
    ],
)
def test_malformed_or_duplicate_master_keys_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ESSAYCOACH_INDEX_KEY", KEY)
    monkeypatch.setenv("ESSAYCOACH_MASTER_KEYS", value)

    with pytest.raises(SettingsError, match="ESSAYCOACH_MASTER_KEYS") as refusal:
        settings.read_crypto()
    assert KEY not in str(refusal.value)


def test_store_needs_a_postgresql_url_and_a_pool_of_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ec_worker@db/essaycoach")
    store = settings.read_store("ec-worker", pool_size=4, answer_seconds=6.0)
    assert (store.database_url, store.pool_size, store.pool_wait_seconds) == (
        "postgresql://ec_worker@db/essaycoach",
        4,
        1.5,
    )
    monkeypatch.setenv("ESSAYCOACH_POOL_SIZE", "0")
    with pytest.raises(SettingsError, match="ESSAYCOACH_POOL_SIZE must be at least 1"):
        settings.read_store("ec-worker", pool_size=4, answer_seconds=6.0)
    monkeypatch.setenv("DATABASE_URL", "mysql://root@db/x")
    with pytest.raises(SettingsError, match="postgresql://"):
        settings.read_store("ec-worker", pool_size=4, answer_seconds=6.0)
    monkeypatch.setenv("REDIS_URL", "redis://r")
    assert settings.redis_url() == "redis://r"


# Hints


@pytest.mark.parametrize("queue", PASS_QUEUES)
def test_hint_is_unchanged_after_encoding_as_a_message(queue: Queue) -> None:
    hint = Hint(org_id=ORG, pass_id=PASS, queue=queue)
    message: dramatiq.Message[None] = dramatiq.Message.decode(hint.to_message().encode())

    assert Hint.from_fields(message.kwargs) == hint
    assert (message.queue_name, message.actor_name, message.args) == (queue, ACTOR, ())
    assert set(message.kwargs) == {"org_id", "pass_id", "queue"}, "a hint has identifiers only, and no text of a person"


def test_hint_of_rows_is_unchanged_after_encoding_as_a_message() -> None:
    hint = RowHint(org_id=ORG, lane_id=PASS, table=RowTable.DELIVERIES)
    message: dramatiq.Message[None] = dramatiq.Message.decode(hint.to_message().encode())

    assert RowHint.from_fields(message.kwargs) == hint
    assert (message.queue_name, message.actor_name, message.args) == (Queue.DELIVERIES, ROW_ACTOR, ())
    assert set(message.kwargs) == {"org_id", "lane_id", "table"}, "a hint has identifiers only, and no text of a person"


def test_hints_of_earlier_and_later_versions_are_decoded() -> None:
    stored = (
        b'{"queue_name":"bulk","actor_name":"run_pass","args":[],"kwargs":{"org_id":"00000000-0000-0000-0000-000000000001",'
        b'"pass_id":"00000000-0000-0000-0000-000000000002","queue":"bulk"},"options":{"redis_message_id":"x"},'
        b'"message_id":"0b5a7a0e-0000-4000-8000-000000000000","message_timestamp":1763870000000}'
    )
    later = stored.replace(b'"queue":"bulk"}', b'"queue":"bulk","new_field":"7"}')

    for message in (stored, later):
        decoded: dramatiq.Message[None] = dramatiq.Message.decode(message)
        assert decoded.actor_name == ACTOR
        assert Hint.from_fields(decoded.kwargs) == Hint(org_id=ORG, pass_id=PASS, queue=Queue.BULK)


def test_pass_and_queue_names_match_the_stored_values() -> None:
    assert [str(name) for name in PassName] == ["grammar", "structure", "content"]
    assert [str(queue) for queue in Queue] == ["interactive", "bulk", "deliveries"]
    assert [str(queue) for queue in PASS_QUEUES] == ["interactive", "bulk"]


def test_sent_hints_wait_in_their_queue(servers: Servers) -> None:
    sender = broker.make_broker(servers.redis_url)
    sender.flush_all()
    hints = [
        Hint(org_id=ORG, pass_id=UUID(int=number), queue=Queue.BULK if number > 2 else Queue.INTERACTIVE)
        for number in range(5)
    ]

    assert sender.send(hints) == 5

    assert (sender.depth(Queue.INTERACTIVE), sender.depth(Queue.BULK)) == (3, 2)
    names = [type(one).__name__ for one in sender.middleware]
    assert "Retries" not in names
    assert "GroupCallbacks" not in names
    sender.flush_all()
    assert sender.depth(Queue.BULK) == 0
    sender.close()


def test_send_with_redis_down_returns_zero_and_the_next_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "HOLD_OFF_SECONDS", 600.0)
    sender = broker.make_broker("redis://127.0.0.1:1", answer_seconds=0.5)
    hint = Hint(org_id=ORG, pass_id=PASS, queue=Queue.INTERACTIVE)

    assert sender.send([hint, hint]) == 0
    held_off_until = sender.held_off_until
    assert sender.send([hint]) == 0
    assert sender.held_off_until == held_off_until > time.monotonic(), "it asked again"


# Logs

LOGGING = """
import logging
from models import log
log.set_up("tester", level="INFO")
ours, theirs = log.logger("ours"), logging.getLogger("theirs")

class Driver(Exception):
    pgcode = "23505"

def read(essay):
    local_copy = essay * 2
    try:
        raise Driver("row holds " + essay)
    except Driver as error:
        raise ValueError("cannot read: " + essay) from error

with log.log_context(pass_id="p1"):
    for tell in (ours, theirs):
        try:
            read("SECRET-" + "ESSAY")
        except ValueError:
            tell.exception("reading failed")
    try:
        read("SECRET-" + "ESSAY")
    except ValueError as error:
        ours.warning("again", exc_info=error, n=3)
ours.info("over")
ours.debug("never shown")
logging.getLogger("httpx").info("POST https://vendor.example")
"""


def test_logged_exception_has_type_and_place_but_no_message_or_locals() -> None:
    """The message, the cause and the local variables of an error contain an essay. Its log lines contain no word of it."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOGGING)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]

    assert "SECRET" not in done.stderr + done.stdout
    assert "cannot read" not in done.stderr
    assert [(line["event"], line["level"]) for line in lines] == [
        ("reading failed", "error"), ("reading failed", "error"), ("again", "warning"), ("over", "info"),
    ]  # fmt: skip
    for line in lines[:3]:
        assert [one["type"] for one in line["exception"]] == ["ValueError", "Driver"]
        assert line["exception"][1]["sqlstate"] == "23505"
        assert line["exception"][0]["at"][-1].endswith(" read")
        assert (line["pass_id"], line["program"]) == ("p1", "tester")
        assert "exc_info" not in line
    assert "pass_id" not in lines[3]
    assert lines[2]["n"] == 3


def test_long_text_in_a_log_line_is_cut_wherever_it_comes_from() -> None:
    """Whoever can send a message decides how long its arguments are; Dramatiq logs them."""
    program = """
        import logging
        import dramatiq
        from models import log
        log.set_up("tester")
        message = dramatiq.Message(queue_name="q", actor_name="a", args=("x" * 2_000_000,), kwargs={"k": ["y" * 99_999]}, options={})
        logging.getLogger("dramatiq.worker.WorkerThread").error("Failed to process message %s", message)
        log.logger("ours").warning("odd", text="z" * 5000, many=["w" * 5000], short="as it is")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(done.stderr) < 4 * log.LONGEST_TEXT
    theirs, ours = (json.loads(line) for line in done.stderr.splitlines())
    assert theirs["event"].startswith("Failed to process message a('xxx")
    assert theirs["event"].endswith("characters)")
    assert ours["text"] == f"{'z' * log.LONGEST_TEXT}… (5000 characters)"
    assert len(ours["many"]) < log.LONGEST_TEXT + 30
    assert ours["short"] == "as it is"


# A dump


def test_backup_dump_has_the_rows_but_no_personal_text(school: School, database: Database) -> None:
    """A dump by the backup role contains no essay, name, e-mail address or external id in any form."""
    sentence, title = "Telephones distract everybody from learning.", "Phones at our school"
    with session_of(school, "ada"):
        eve = users.add_user(
            "student", org=school.org, name="Evelina Zork", email="evelina@zork.example", external_id="sis-447711"
        )
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title=title, text=sentence, source="app"), org=school.org)

    done = subprocess.run(
        [
            str(POSTGRES_BIN_PATH / "pg_dump"), "--dbname", database.role_url("ec_backup"), "--no-password",
            "--exclude-table-data=user_keys",
        ],
        capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
    dump = done.stdout.lower()
    for identifier in (str(receipt.submission), str(receipt.essay), str(eve), school.slug):
        assert identifier.encode() in dump, "row security must not filter a backup"
    for secret in (
        sentence, "telephones", title, "evelina zork", "evelina@zork.example", "zork.example", "sis-447711", PASSWORD, school.api_key,
        school.source_secret,
    ):  # fmt: skip
        for shape in (
            secret.lower().encode(),
            secret.encode().hex().encode(),
            base64.b64encode(secret.encode()).lower().rstrip(b"="),
        ):
            assert shape not in dump
