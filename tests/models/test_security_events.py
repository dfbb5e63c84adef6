"""Tests of the stream of security events: closed names, whole lines, bounded floods, and every audit entry in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from models import audit, courses, db, security_events
from models.security_events import EVENTS, FIELDS, LINES_PER_SECOND, NO_LINE, Facts, Stream, event_of
from models.security_syslog import LONGEST_QUEUE
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database

HOSTILE = 'a"}\n{"stream": "security", "event": "sign_in_succeeded"}\r\x85\u2028\u2029\x00\x1b[2J😀'


class Kept:
    """A sink that keeps its lines."""

    name = "kept"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str, *, at: str, event: str, failed: bool) -> None:
        self.lines.append(line)

    def may_tell_lost(self) -> bool:
        return False

    def take_lost(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def read(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """The lines that this process writes during the test."""
    sink = Kept()
    monkeypatch.setattr(security_events, "_stream", Stream("test", sinks=(sink,)))
    return sink


def test_line_has_only_documented_fields_in_utc_and_leaves_out_what_is_not_known(kept: Kept) -> None:
    org = uuid4()
    security_events.emit("access_refused", Facts(org_id=org, reason="forbidden"))
    [line] = kept.read()
    assert list(line) == ["at", "stream", "id", "event", "outcome", "program", "org_id", "reason"]
    assert set(line) <= set(FIELDS)
    assert datetime.fromisoformat(str(line["at"])).utcoffset() == datetime.now(UTC).utcoffset()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(line["at"]))
    assert (line["stream"], line["outcome"], line["org_id"]) == ("security", "failure", str(org))


def test_hostile_value_stays_inside_its_line(kept: Kept) -> None:
    for facts in (
        Facts(reason=HOSTILE),
        Facts(actor_role=HOSTILE, request_id=HOSTILE),
        Facts(detail={HOSTILE: [HOSTILE]}),
    ):
        security_events.emit("access_refused", facts)
    assert [line["event"] for line in kept.read()] == ["access_refused"] * 3
    for line in kept.lines:
        assert line.isascii()
        assert line.isprintable()
        assert len(line.splitlines()) == 1


def test_unknown_event_is_refused() -> None:
    with pytest.raises(KeyError):
        security_events.emit("something_else", Facts())


def test_flood_is_cut_and_counted_but_other_events_still_get_their_lines(kept: Kept) -> None:
    counted: Counter[str] = Counter()
    stream = Stream("test", sinks=(kept,), count=lambda event: counted.update([event]))
    for _ in range(5000):
        stream.emit("credential_refused", Facts())
    stream.emit("sign_in_failed", Facts())
    stream.close()
    lines = Counter(str(line["event"]) for line in kept.read())
    reported = sum(int(str(line["count"])) for line in kept.read() if line["event"] == "left_out")
    assert lines["credential_refused"] + reported == 5000
    # The flood may last several seconds of the clock on a slow machine.
    assert lines["credential_refused"] <= 20 * LINES_PER_SECOND
    assert lines["sign_in_failed"] == 1
    assert counted["credential_refused"] == 5000
    assert {line["reason"] for line in kept.read() if line["event"] == "left_out"} == {"credential_refused"}


def test_every_entry_that_the_database_can_write_is_an_event_or_is_left_out_on_purpose(database: Database) -> None:
    triggers = database.sql(
        "select pg_get_triggerdef(oid) from pg_trigger where tgname = 'audited' and not tgisinternal and tgparentid = 0"
    )
    entries = set()
    for (definition,) in triggers:
        [entity] = re.findall(r"audit_\w+\('(\w+)'", definition)
        actions = {"INSERT": "created", "UPDATE": "changed", "DELETE": "deleted"}
        entries |= {(entity, action) for word, action in actions.items() if re.search(rf"\b{word}\b", definition)}
    [(body,)] = database.sql("select prosrc from pg_proc where proname = 'audit_write'")
    entries |= {(entity, action) for action, entity in re.findall(r"\('(\w+)', '(\w+)', array", body)}
    for (source,) in database.sql(
        "select prosrc from pg_proc where prosrc like '%%audit_note(%%' and proname not like 'audit%%'"
    ):
        for actions_of_one, entity in re.findall(
            r"audit_note\(\s*[\w.]+(?:\(\))?,\s*(.*?),\s*'(\w+)',", source, re.DOTALL
        ):
            entries |= {(entity, action) for action in re.findall(r"'(\w+)'", actions_of_one)}
    assert len(entries) > 50
    assert {entry for entry in entries if event_of(*entry) is None} == NO_LINE
    assert {event_of(*entry) for entry in entries} - {None} == set(security_events.TRAIL_EVENTS)
    assert set(security_events.TRAIL_EVENTS) < set(EVENTS)


def test_chained_entry_becomes_one_line_under_its_own_id_and_time(
    school: School, other_school: School, become: Become, database: Database, kept: Kept
) -> None:
    become("ec_clock")
    with db.session():
        audit.chain(10_000)
    become("ec_ingest")
    with session_of(school, "ada"):
        for number in range(3):
            courses.add_course(f"Course {number}", org=school.org)
    become("ec_clock")
    for _ in range(3):
        with db.session():
            for entry in audit.chain(2):
                security_events.emit_entry(entry)
    lines = kept.read()
    assert [(line["event"], line["action"], line["target_type"], line["actor_role"]) for line in lines] == [
        ("teaching_changed", "created", "course", "admin")
    ] * 3
    stored = database.sql(
        "select id::text, org_id::text, actor_id::text, entity_id::text, created_at from audit_log where org_id = %s order by sequence",
        str(school.org),
    )[-3:]
    fields = ("id", "org_id", "actor_id", "target_id")
    assert [(*(line[name] for name in fields), datetime.fromisoformat(str(line["at"]))) for line in lines] == stored


def test_entry_whose_chaining_was_not_committed_comes_again_under_the_same_id(
    school: School, become: Become, kept: Kept
) -> None:
    become("ec_clock")
    with pytest.raises(ConnectionError), db.session():
        for entry in audit.chain(10_000):
            security_events.emit_entry(entry)
        raise ConnectionError
    first = [line["id"] for line in kept.read()]
    kept.lines.clear()
    with db.session():
        for entry in audit.chain(10_000):
            security_events.emit_entry(entry)
    assert [line["id"] for line in kept.read()] == first != []
    with db.session():
        assert audit.chain(10_000) == []


def test_two_clocks_at_once_write_each_entry_once(school: School, become: Become, kept: Kept) -> None:
    become("ec_clock")
    warm_up()

    def chain_one(_: int) -> None:
        with db.session():
            for entry in audit.chain(5):
                security_events.emit_entry(entry)

    assert together(30, chain_one) == [None] * 30
    ids = [line["id"] for line in kept.read()]
    assert len(ids) == len(set(ids)) > 10
    with db.session():
        assert audit.chain(10_000) == []


def test_page_lists_every_event_and_field_with_what_the_code_says() -> None:
    page = (ROOT / "docs" / "security-events.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"]
    events = {cells[0].strip("`"): (cells[1], cells[2]) for cells in rows if len(cells) == 4}
    writers = {
        **dict.fromkeys(security_events.WEB_EVENTS, "web"),
        **dict.fromkeys(security_events.TRAIL_EVENTS, "clock"),
        security_events.LEFT_OUT: "web, clock",
    }
    assert events == {name: (outcome, writers[name]) for name, outcome in EVENTS.items()}
    assert [cells[0].strip("`") for cells in rows if len(cells) == 2] == list(FIELDS)
    assert f"at most {LINES_PER_SECOND} lines of one event in a second" in page
    assert "a queue of 1,000 lines" in page
    assert LONGEST_QUEUE == 1000
