"""Test docs/security.md: each requirement is listed once, the named tests exist, tables and figures match the code."""

from __future__ import annotations

import ast
import hashlib
import logging
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import chain

import pytest

from ingest import gunicorn, settings
from ingest.admin import roster_files
from ingest.admin.data_rights import IN_MEMORY_BYTES
from ingest.app import create_app
from ingest.feedback.schemas import MAX_MESSAGE, MAX_NOTE
from ingest.web import body, connection, openapi, rate_limits, server
from ingest.web.schemas import MAX_CHARACTERS
from models import networks, one_time_tokens, open_sessions, passwords, sessions, tables, upkeep
from models.crypto import EncryptedField
from tests.support.servers import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PACKAGES = ("ingest", "workers", "models", "migrations", "monitoring", "outgoing", "standalone")

# OWASP ASVS 5.0.0: the levels of the requirements of each section, in order.
LEVELS = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113 3.3:12223 3.4:11222233
3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333 5.3:113 5.4:222 6.1:122 6.2:111111112222
6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222 7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22 8.1:1233 8.2:1123
8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22 10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222 11.1:2233 11.2:22233
11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33 12.1:12233 12.2:11 12.3:22223 13.1:2333 13.2:222223 13.3:2233 13.4:1222233 14.1:22
14.2:12223333 14.3:122 15.1:12233 15.2:12233 15.3:1222222 15.4:3333 16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223 17.1:23
17.2:22223333 17.3:22
"""
STANDARD = {
    f"V{section}.{number}": int(level)
    for section, levels in (entry.split(":") for entry in LEVELS.split())
    for number, level in enumerate(levels, start=1)
}
TEST_ID = re.compile(r"tests/[\w/]+\.py::\w+")


@dataclass(frozen=True)
class Row:
    """One requirement of the page."""

    id: str
    level: int
    wording: str
    state: str
    how: str


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows() -> list[Row]:
    found = [cells(line) for line in PAGE.splitlines() if line.startswith("| V")]
    return [Row(id=one[0], level=int(one[1]), wording=one[2], state=one[3], how=one[4]) for one in found]


def table_under(heading: str) -> list[list[str]]:
    """Return the first table below a heading, with its header row first."""
    lines = iter(PAGE.partition(f"\n{heading}\n")[2].splitlines())
    table = []
    for line in lines:
        if line.startswith("|"):
            table.append(cells(line))
        elif table:
            break
    assert len(table) > 2, heading
    return [table[0], *table[2:]]


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests without importing it."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_page_lists_every_level_1_and_2_requirement_once_and_in_order():
    assert len(STANDARD) == 345
    assert Counter(STANDARD.values()) == {1: 70, 2: 183, 3: 92}
    assert [(one.id, one.level) for one in rows()] == [(one, level) for one, level in STANDARD.items() if level < 3]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_row_names_existing_tests_or_gives_a_reason(row):
    assert row.wording
    named = TEST_ID.findall(row.how)
    for one in named:
        path, _, name = one.partition("::")
        assert (ROOT / path).is_file(), path
        assert name in names_in(path), one
    assert row.state in ("tested", "n/a", "open")
    if row.state == "tested":
        assert named
        assert TEST_ID.sub("", row.how).replace("`", "").replace(",", "").strip() == "", "a tested row names only tests"
    else:
        assert len(TEST_ID.sub("", row.how).strip()) > 5, "a reason is needed"


def test_no_level_1_requirement_is_open():
    assert [row.id for row in rows() if row.level == 1 and row.state == "open"] == []


def test_summary_counts_match_the_rows():
    headers, *counts = table_under("## OWASP ASVS 5.0.0")
    assert headers == ["level", "tested", "n/a", "of these the operator's", "open", "all"]
    reported = {line[0]: [int(number) for number in line[1:]] for line in counts}
    for level in (1, 2):
        of_level = [row for row in rows() if row.level == level]
        by_state = Counter(row.state for row in of_level)
        operators = sum(row.state == "n/a" and row.how.startswith("operator: ") for row in of_level)
        assert reported[str(level)] == [by_state["tested"], by_state["n/a"], operators, by_state["open"], len(of_level)]


def test_read_access_table_matches_policies_and_grants(database):
    """Every cell matches pg_policies and the grants, and every table with row security is listed once."""
    roles = dict(
        zip(
            ["student", "educator", "admin", "API key, webhook", "signing in", "worker", "clock", "key rotation"],
            ["ec_student", "ec_educator", "ec_admin", "ec_lms", "ec_auth", "ec_worker", "ec_clock", "ec_keys"],
            strict=True,
        )
    )
    found = database.sql(
        """
        select t.relname, r.rolname, has_table_privilege(r.oid, t.oid, 'select'), has_any_column_privilege(r.oid, t.oid, 'select'),
            (select string_agg(p.qual, ' OR ') from pg_policies as p where p.tablename = t.relname and r.rolname = any (p.roles))
        from pg_class as t cross join pg_roles as r
        where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p') and not t.relispartition and t.relrowsecurity
            and r.rolname = any (%s)
        """,
        list(roles.values()),
    )
    truth = {(name, role): word_for(whole=whole, part=part, policy=policy) for name, role, whole, part, policy in found}
    headers, *lines = table_under("## Who can read what")
    assert headers == ["tables", *roles]
    reported = {
        (name, roles[head]): word
        for line in lines
        for name in line[0].split(", ")
        for head, word in zip(headers[1:], line[1:], strict=True)
    }
    assert len(reported) == sum(len(line[0].split(", ")) for line in lines) * len(roles)
    assert reported == truth


def word_for(*, whole: bool, part: bool, policy: str | None) -> str:
    """Return the word that the page uses for a right to read and its policy."""
    if not part or policy is None:
        return "-"
    if policy == "true":
        word = "all"
    elif "released_at" in policy:
        word = "released"
    elif "trial_until" in policy:
        word = "trials"
    elif policy == "(user_id IS NULL)":
        word = "unowned"
    elif policy == "(submission_id IS NULL)":
        word = "waiting"
    elif re.search(r"app_(audience|courses|people|enrolled)\(", policy):
        word = "courses"
    elif "app_user(" in policy:
        word = "own"
    else:
        assert "app_org(" in policy
        word = "org"
    return word if whole else word + "*"


def test_page_lists_every_encrypted_column():
    sealed = {
        f"`{model._meta.table_name}.{field.column_name}`"
        for model in vars(tables).values()
        if isinstance(model, type) and issubclass(model, tables.Table)
        for field in model._meta.sorted_fields
        if isinstance(field, EncryptedField)
    }
    assert len(sealed) >= 13
    listed = "\n".join(line[0] for line in table_under("## What is encrypted by what"))
    assert sorted(one for one in sealed if one not in listed) == []


def test_page_lists_every_secret_and_address_variable():
    read = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            read |= set(
                re.findall(r'"((?:ESSAYCOACH|ANTHROPIC|DATABASE|REDIS)_[A-Z_]+)"', path.read_text(encoding="utf-8"))
            )
    secrets_and_addresses = {
        name for name in read if re.search(r"KEY|SECRET|PEPPER|PASSWORD_$|URL|MAIL$|HEADS|_HOST$|PROXIES", name)
    }
    assert {"ESSAYCOACH_MASTER_KEYS", "DATABASE_URL", "ANTHROPIC_API_KEY"} <= secrets_and_addresses
    # The page names the password variables of all logins with one pattern.
    reported = PAGE.replace("ESSAYCOACH_DB_PASSWORD_*", "ESSAYCOACH_DB_PASSWORD_")
    assert sorted(name for name in secrets_and_addresses if f"`{name}" not in reported) == []


def test_page_lists_every_open_route_and_credential_type(program_env, monkeypatch):
    """The page lists exactly the routes that need no access token, and every kind of credential is known."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    monkeypatch.setattr(root, "level", root.level)
    program_env("ec_ingest")
    document = openapi.document(create_app())
    open_routes = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if operation.get("security", []) != [{"bearer": []}]
    }
    listed = PAGE.partition("Without an access token or an API key answer only")[2].partition(".\n")[0]
    assert set(re.findall(r"`(/[^`]+)`", listed)) == open_routes | {"/docs", "/openapi.json", "/problems/…"}
    assert set(document["components"]["securitySchemes"]) == {"bearer", "refresh", "signature"}


def test_page_lists_audited_tables_and_code_logs_only_to_stderr(database):
    """The page names every table with an audit trigger, and code logs to standard error; only security events go elsewhere."""
    audited = {
        name
        for (name,) in database.sql(
            "select tgrelid::regclass::text from pg_trigger where tgname = 'audited' and not tgisinternal and tgparentid = 0"
        )
    }
    (line,) = [" ".join(cells) for cells in table_under("## What is logged") if "`audit_log`" in cells[1]]
    words = {
        "orgs": "orgs", "users": "people", "user_keys": "data keys", "one_time_tokens": "one-time tokens", "sessions": "sessions",
        "api_keys": "API keys", "sources": "sources", "courses": "courses", "enrollments": "enrolments", "assignments": "assignments",
        "categories": "categories", "rubrics": "rubrics", "submissions": "hand-in", "essays": "deletion of writing",
        "blessings": "model approvals", "second_factors": "second factors", "linked_accounts": "linked accounts",
        "sign_in_providers": "sign-in providers", "platforms": "platforms", "lms_people": "people of platforms", "passkeys": "passkeys", "endpoints": "endpoints", "moodle_sites": "Moodle sites", "canvas_sites": "Canvas sites",
    }  # fmt: skip
    assert audited == set(words)
    assert [word for word in words.values() if word not in line] == []
    handlers = [
        path.name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(
            r"FileHandler|SysLogHandler|HTTPHandler|SocketHandler|basicConfig|O_APPEND|SOCK_DGRAM",
            path.read_text(encoding="utf-8"),
        )
    ]
    # The signed heads, and what the supervisor of `make up` keeps of standard error, are the other files.
    assert set(handlers) == {"audit_heads.py", "security_sinks.py", "security_syslog.py", "supervisor.py"}
    (line,) = [cells for cells in table_under("## What is logged") if "security-events.md" in cells[0]]
    assert "`ESSAYCOACH_SECURITY_LOG`" in line[1]
    assert "`ESSAYCOACH_SECURITY_SYSLOG`" in line[1]


def test_figures_on_the_page_match_the_code(program_env):
    program_env("ec_ingest")
    chosen = settings.read()
    limits = settings.read_connection_limits()
    figures = [
        f"{limits.head_seconds:g} s for the headers, {limits.body_seconds:g} s for the body, {connection.MAX_HEAD_BYTES // 1024} KiB and 1 MiB",
        f"never read their answer ({limits.send_seconds:g} s)",
        f"{limits.per_address} connections open to a process, a process {gunicorn.worker_connections:,}",
        f"incomplete requests hold {server.MAX_HELD_BYTES // 1024 // 1024} MiB",
        f"at most {body.MAX_BODY_BYTES // 1024 // 1024} MiB and {body.MAX_DEPTH} levels",
        f"1 to {MAX_CHARACTERS:,} characters",
        f"an educator's message {MAX_MESSAGE:,}, a student's note {MAX_NOTE:,}",
        f"Per person, key or source `{chosen.rate_limit}`",
        f"per address, while nobody is known, `{chosen.address_rate_limit}`",
        f"{rate_limits.SIGN_INS_PER_ACCOUNT.amount} a minute for an account and {rate_limits.SIGN_INS_PER_ADDRESS.amount} a minute for an address",
        f"invitations {rate_limits.INVITATIONS_PER_PERSON.amount} an hour for a person",
        f"a reset {rate_limits.RESETS_PER_ADDRESS.amount} in ten minutes for an account and an address",
        f"{rate_limits.RESETS_PER_PERSON.amount} mails an hour for an account",
        {4: "process alone allows a quarter"}[rate_limits.WITHOUT_REDIS_DIVISOR],
        f"waiting requests ({chosen.waiting_slots} a process)",
        f"{passwords.LEAST_CHARACTERS} to {passwords.MOST_CHARACTERS} characters",
        f"score under {passwords.LEAST_SCORE}",
        f"words of {passwords.TELLING_CHARACTERS} letters and more",
        f"PBKDF2-SHA256, {passwords.ROUNDS:,} rounds",
        f"An access token lives {chosen.access_minutes} minutes, a refresh-token family {sessions.LIFETIME_DAYS} days",
        f"not refreshed for {sessions.STAFF_IDLE_HOURS} hours",
        f"signed in within {open_sessions.FRESH_MINUTES} minutes",
        f"accepted, {networks.MOST_NETWORKS} each",
        f"once more within {sessions.GRACE_SECONDS} s",
        f"{one_time_tokens.LIFETIME_HOURS['password_reset']} hour for a reset",
        f"{one_time_tokens.LIFETIME_HOURS['invitation'] // 24} days for an invitation",
        f"answers kept for a repeat {upkeep.KEEP_ANSWERS_DAYS} days",
        f"one-time tokens {upkeep.KEEP_TOKENS_DAYS} days after their end",
        f"system logs {upkeep.KEEP_LOGS_DAYS} days",
        f"notes of reports {upkeep.KEEP_REPORTS_DAYS} days",
        f"deliveries without a known student {upkeep.KEEP_UNOWNED_DELIVERIES_DAYS} days",
        f"larger than {IN_MEMORY_BYTES // 1024 // 1024} MiB",
        f"at most {roster_files.MOST_ENTRIES} entries and {roster_files.MOST_BYTES // 1024 // 1024} MiB unpacked",
        f"at most {roster_files.MOST_UPLOADED_BYTES // 1024 // 1024} MiB unpacked, read from memory",
    ]
    whole = re.sub(r"\s+", " ", PAGE)
    assert [figure for figure in figures if figure not in whole] == []


def test_page_records_review_of_the_current_dependency_versions():
    """After a change of constraints.txt, the versions must be reviewed again and the review recorded on the page."""
    section = PAGE.partition("\n## Third-party code\n")[2].partition("\n## ")[0]
    for promised in ("within 7 days", "30 days otherwise", "within 90 days"):
        assert promised in section
    reported = re.search(r"Looked through on \d{4}-\d\d-\d\d at\n`([0-9a-f]{64})`", section)
    assert reported is not None
    now = hashlib.sha256((ROOT / "constraints.txt").read_bytes()).hexdigest()
    assert reported[1] == now, f"constraints.txt has changed: look its versions up again, then write {now} and the day"


def test_rows_name_only_page_tests_that_compare_with_the_code():
    """A row that names a test of this file must name one that compares the page with the code."""
    mine = {
        one for one in chain.from_iterable(TEST_ID.findall(row.how) for row in rows()) if "test_security_page" in one
    }
    comparing = {
        "test_read_access_table_matches_policies_and_grants", "test_page_lists_every_encrypted_column",
        "test_page_lists_every_secret_and_address_variable", "test_page_lists_every_open_route_and_credential_type",
        "test_page_lists_audited_tables_and_code_logs_only_to_stderr", "test_figures_on_the_page_match_the_code",
        "test_page_records_review_of_the_current_dependency_versions",
    }  # fmt: skip
    assert {one.partition("::")[2] for one in mine} <= comparing
