"""Write docs/data-map.md: which table holds what about whom, under which key, and what deletes it.

    python -m tests.support.data_map --write

Columns, keys and foreign keys come from the schema. The lists of `tests/models/test_words_of_people.py` say which columns
hold words. Only what a schema cannot say is written here: about whom a table is, and what becomes of rows that no deletion
of a person reaches.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable

from models.endpoint_deliveries import KEEP_DELIVERIES_DAYS
from models.upkeep import KEEP_ANSWERS_DAYS, KEEP_LOGS_DAYS, KEEP_REPORTS_DAYS, KEEP_UNOWNED_DELIVERIES_DAYS
from tests.models.test_catalogue import MODELS
from tests.models.test_words_of_people import CLEAR, MASTER, PERSON
from tests.support.servers import ROOT

PAGE = ROOT / "docs" / "data-map.md"
ABOUT = {
    "everybody with an account": "users user_keys sessions one_time_tokens linked_accounts lms_people weekly_summary_readers weekly_summaries",
    "students and educators": "enrollments idempotency_keys analytics files",
    "students": """
        arrivals returns deliveries essays submissions passes criterion_results feedback_reactions review_items ai_responses inbound_events seen_events
        author_use
    """,
    "students, and the educator who commented": "feedback feedback_reviews",
    "educators": "saved_comments",
    "who asked for a report, and whom it is about": "reports",
    "educators and admins": "second_factors passkeys",
    "admins, and whom they want to erase or export": "approvals",
    "everybody who did something, and what was done to whom": "audit_log",
    "nobody: the school": """
        orgs api_keys sources endpoints platforms lti_keys platform_courses platform_assignments asset_activities notice_handlers spent_launches moodle_sites canvas_sites sign_in_providers categories rubrics rubric_criteria courses assignments ledger ledger_entries blessings audit_heads
        retention_runs queue_marks
    """,
    "nobody, except ids in a line": "system_logs",
    "nobody: the installation": "feedback_types provider_pauses tallies tally_entries queue_snapshot duty_leases duty_runs report_refreshes heartbeats",
}
# What becomes of tables that no foreign key deletes with a person.
OTHERWISE = {
    "idempotency_keys": f"with the person by `erase_person`; all after {KEEP_ANSWERS_DAYS} days",
    "inbound_events": f"with the person; without a known student after {KEEP_UNOWNED_DELIVERIES_DAYS} days",
    "deliveries": f"with the version they are about; all after {KEEP_DELIVERIES_DAYS} days",
    "arrivals": "stay without the version, so that the LMS's hand-in is not taken again; all with the source",
    "seen_events": "the answer is replaced with the person; id and digest of the event stay",
    "audit_log": "stays for ever; an erased id refers to nobody",
    "audit_heads": "stays for ever",
    "reports": f"with the person who asked; all after {KEEP_REPORTS_DAYS} days",
    "system_logs": f"after {KEEP_LOGS_DAYS} days",
    "orgs": "emptied with the school; the id stays",
    "feedback_types": "part of the program",
    "provider_pauses": "overwritten",
    "queue_snapshot": "overwritten",
    "tallies": "stays; counts without ids",
    "tally_entries": "within seconds, when the clock adds them to `tallies`",
    "ledger_entries": "within seconds, when the clock adds them to `ledger`; what is left goes with the school",
    "lti_keys": "120 days after it was made, and with its platform",
    "duty_leases": "when the run ends",
    "duty_runs": "overwritten",
    "report_refreshes": "overwritten",
    "heartbeats": "an hour after the process ended, by the next heartbeat of its program",
}
WITH_SCHOOL = "with the school"

HEAD = """# Data map

Which table holds what about whom, under which key, and what deletes it. This page is generated from
the schema and compared with it by a test; do not edit it. After a migration:

```sh
.venv/bin/python -m tests.support.data_map --write
```

[Privacy](privacy.md) says what the school has to add. For how long the rows are kept, and what each
class of data means, see [classes of data](security.md#classes-of-data). Under whose key the words
are is explained in [what is encrypted by what](security.md#what-is-encrypted-by-what).
"""
TABLES_HEAD = """
## Tables

*With the person*: a foreign key or `erase_person` deletes the rows when the person is
[erased](privacy.md#erasure). *With the school*: when the school is
[removed](privacy.md#removal-of-a-school), which also deletes everything that goes with its people.
A [retention](privacy.md#how-long-data-is-kept) that an admin sets deletes some of it earlier.

| table | about | words under the person's key | under the master key | deleted |
|---|---|---|---|---|
"""
CLEAR_HEAD = """
## Words that are not encrypted

Row-level security decides who can read them.

| what | columns |
|---|---|
"""
FACTS_HEAD = """
## Facts

Columns that can hold no words: ids, numbers, times, yes or no.

| table | columns |
|---|---|
"""


def deleted_with_a_person(schema: str) -> set[str]:
    """Return the tables from which foreign keys delete rows when a row of `users` is deleted."""
    edges = re.findall(
        r"ADD CONSTRAINT \w+ FOREIGN KEY \([^)]*\) REFERENCES public\.(\w+)\([^)]*\) ON DELETE CASCADE", schema
    )
    owners = re.findall(
        r"ALTER TABLE (?:ONLY )?public\.(\w+)\n\s+ADD CONSTRAINT \w+ FOREIGN KEY [^;]* ON DELETE CASCADE;", schema
    )
    assert len(edges) == len(owners) > 30
    reached = {"users"}
    while more := {child for child, parent in zip(owners, edges, strict=True) if parent in reached} - reached:
        reached |= more
    return reached


def render(schema: str) -> str:
    """Return the page for this text of migrations/schema.sql. Raises an error that names a table that is not listed here."""
    about = {table: whom for whom, tables in ABOUT.items() for table in tables.split()}
    assert sorted(about) == sorted(MODELS), f"say in ABOUT whom these are about: {sorted(set(about) ^ set(MODELS))}"
    with_person = deleted_with_a_person(schema)
    rows = []
    for table in sorted(MODELS):
        master = [name.partition(".")[2] for name in MASTER if name.startswith(f"{table}.")]
        end = OTHERWISE.get(table) or ("with the person" if table in with_person else WITH_SCHOOL)
        assert end != WITH_SCHOOL or about[table].startswith("nobody"), f"say in OTHERWISE what deletes {table}"
        rows.append((table, about[table], code(PERSON.get(table, "").split()), code(master), end))
    words = {f"{table}.{column}" for table, columns in PERSON.items() for column in columns.split()} | set(MASTER)
    words |= {column for columns in CLEAR.values() for column in columns.split()}
    facts = [
        (table, code(name for name in columns_of(table) if f"{table}.{name}" not in words)) for table in sorted(MODELS)
    ]
    clear = [(reason, code(sorted(columns.split()))) for reason, columns in CLEAR.items()]
    return HEAD + TABLES_HEAD + lines(rows) + CLEAR_HEAD + lines(clear) + FACTS_HEAD + lines(facts)


def columns_of(table: str) -> list[str]:
    return [field.column_name for field in MODELS[table]._meta.sorted_fields]


def code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def lines(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def current() -> str:
    return render((ROOT / "migrations" / "schema.sql").read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__ or ""))
    parser.add_argument("--write", action="store_true", help="write docs/data-map.md instead of printing it")
    if parser.parse_args().write:
        PAGE.write_text(current(), encoding="utf-8")
    else:
        print(current(), end="")
