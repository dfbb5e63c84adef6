"""Compare PostgreSQL's catalogue (row security, keys, columns) with what the code expects."""

from __future__ import annotations

import re
from typing import Any

import peewee
import pytest
from playhouse.postgres_ext import ArrayField, BinaryJSONField, DateTimeTZField, JSONField

from models import tables
from models.crypto import EncryptedField
from tests.support.servers import Database

# Policies do not filter these roles: they have BYPASSRLS by design, or own the tables, and nobody logs in as the owner.
UNBOUND = {"ec_owner", "ec_stats", "ec_reports", "ec_backup", "postgres"}
PARTITIONED = {
    "ai_responses",
    "analytics",
    "audit_log",
    "deliveries",
    "feedback",
    "inbound_events",
    "submissions",
    "system_logs",
}

# The ON DELETE rules. Deleting a person deletes their rows, deleting an org deletes everything. Shared rows RESTRICT.
DELETE_RULES = {
    "ai_responses_submission": "cascade",
    "analytics_user": "cascade",
    "api_keys_org_id_fkey": "cascade",
    "author_use_user": "cascade",
    "approvals_approver": "cascade",
    "approvals_org_id_fkey": "cascade",
    "approvals_person": "cascade",
    "approvals_requester": "cascade",
    "assignments_category": "restrict",
    "audit_heads_org_id_fkey": "cascade",
    "audit_log_org": "cascade",
    "blessings_org_id_fkey": "cascade",
    "assignments_course": "cascade",
    "assignments_rubric": "restrict",
    "assignments_source": "cascade",
    "categories_org_id_fkey": "cascade",
    "courses_org_id_fkey": "cascade",
    "courses_source": "cascade",
    "criterion_results_criterion": "restrict",
    "criterion_results_submission": "cascade",
    "enrollments_course": "cascade",
    "enrollments_user": "cascade",
    "essays_assignment": "restrict",
    "essays_category": "restrict",
    "essays_course": "restrict",
    "essays_trial_rubric": "restrict",
    "essays_user": "cascade",
    "feedback_essay": "cascade",
    "files_submission": "cascade",
    "files_user": "cascade",
    "feedback_reactions_submission": "cascade",
    "feedback_reviews_submission": "cascade",
    "feedback_submission": "cascade",
    "feedback_type": "restrict",
    "idempotency_keys_org_id_fkey": "cascade",
    "arrivals_source": "cascade",
    "arrivals_submission": "set null",
    "moodle_sites_source": "cascade",
    "canvas_sites_source": "cascade",
    "returns_source": "cascade",
    "returns_submission": "cascade",
    "deliveries_endpoint": "cascade",
    "deliveries_submission": "cascade",
    "endpoints_org": "cascade",
    "inbound_events_source": "cascade",
    "inbound_events_user": "cascade",
    "ledger_org_id_fkey": "cascade",
    "linked_accounts_user": "cascade",
    "lms_people_source": "cascade",
    "lms_people_user": "cascade",
    "lti_keys_platform": "cascade",
    "one_time_tokens_user": "cascade",
    "passes_essay": "cascade",
    "passkeys_user": "cascade",
    "weekly_summary_readers_user": "cascade",
    "weekly_summaries_user": "cascade",
    "platform_assignments_assignment": "cascade",
    "platform_assignments_source": "cascade",
    "platform_courses_course": "cascade",
    "platform_courses_source": "cascade",
    "asset_activities_source": "cascade",
    "notice_handlers_source": "cascade",
    "platforms_source": "cascade",
    "queue_marks_org_id_fkey": "cascade",
    "review_items_essay": "cascade",
    "retention_runs_org_id_fkey": "cascade",
    "reports_student": "cascade",
    "reports_user": "cascade",
    "rubric_criteria_rubric": "cascade",
    "rubrics_org_id_fkey": "cascade",
    "saved_comments_type": "restrict",
    "saved_comments_user": "cascade",
    "second_factors_user": "cascade",
    "seen_events_source": "cascade",
    "seen_events_submission": "set null",
    "sessions_user": "cascade",
    "sign_in_providers_org_id_fkey": "cascade",
    "sources_org_id_fkey": "cascade",
    "spent_launches_source": "cascade",
    "submissions_essay": "cascade",
    "system_logs_org_id_fkey": "cascade",
    "user_keys_user": "cascade",
    "users_org_id_fkey": "cascade",
}

TYPES: dict[type[peewee.Field], str] = {
    peewee.UUIDField: "uuid",
    peewee.TextField: "text",
    peewee.DateField: "date",
    peewee.IntegerField: "integer",
    peewee.SmallIntegerField: "smallint",
    peewee.BigIntegerField: "bigint",
    peewee.BooleanField: "boolean",
    peewee.DoubleField: "double precision",
    peewee.BlobField: "bytea",
    EncryptedField: "bytea",
    DateTimeTZField: "timestamp with time zone",
    JSONField: "json",
    BinaryJSONField: "jsonb",
}

MODELS = {
    model._meta.table_name: model
    for base in (tables.Table, tables.Partitioned, tables.Leased)
    for model in base.__subclasses__()
    if model not in (tables.Partitioned, tables.Leased)
}


def org_tables(database: Database) -> set[str]:
    """Return every table with an org, including partitions, and the table of orgs itself."""
    found = database.sql(
        """
        select c.relname from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and (c.relname = 'orgs' or exists (
            select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped))
        """
    )
    return {str(name) for (name,) in found}


def partitions(database: Database) -> set[str]:
    return {
        str(name) for (name,) in database.sql("select relname from pg_class where relispartition and relkind = 'r'")
    }


def granted_on(database: Database) -> list[tuple[str, str]]:
    """Return every (table, role) where the role has a right, even on one column only. Owners are left out.

    MAINTAIN alone does not count: it lets nobody read or change a row.
    """
    found = database.sql(
        """
        select distinct c.relname, r.rolname
        from pg_class as c cross join pg_roles as r
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and r.rolname like 'ec\\_%%'
            and c.relowner <> r.oid and (
                exists (select from aclexplode(c.relacl) as g where g.grantee = r.oid and g.privilege_type <> 'MAINTAIN')
                or exists (select from pg_attribute as a, aclexplode(a.attacl) as g where a.attrelid = c.oid and g.grantee = r.oid))
        """.replace("%%", "%")
    )
    return [(str(table), str(role)) for table, role in found]


def test_catalogue_has_the_expected_tables_and_partitions(database: Database) -> None:
    assert {"orgs", "users", "passes", *PARTITIONED} <= org_tables(database)
    assert {name.rpartition("_default")[0] for name in partitions(database) if name.endswith("_default")} == PARTITIONED


def test_row_security_is_on_and_forced_for_every_table_with_an_org(database: Database) -> None:
    secured = database.sql("select relname from pg_class where relrowsecurity and relforcerowsecurity")

    assert org_tables(database) - {str(name) for (name,) in secured} == set()


def test_every_role_with_a_right_on_a_table_has_exactly_one_policy_there(database: Database) -> None:
    """A right without a policy sees no row. Two policies would be combined with OR."""
    policies = [
        (str(table), str(role))
        for table, role in database.sql(
            "select tablename, unnest(roles)::text from pg_policies where schemaname = 'public'"
        )
    ]
    rights = {
        (table, role)
        for table, role in granted_on(database)
        if role not in UNBOUND and table in org_tables(database) and not table.startswith("_yoyo")
    }

    assert len(rights) > 60
    assert rights - set(policies) == set()
    assert len(policies) == len(set(policies))
    assert set(policies) - rights == set()
    assert not {role for _, role in policies} & {"public", "ec_ingest"}


def top_level(text: str) -> str:
    """Return the text of a policy without its subqueries."""
    depth, kept, stack = 0, "", []
    for place, sign in enumerate(text):
        if sign == "(":
            stack.append(bool(re.match(r"\(\s*select\b", text[place:], re.IGNORECASE)))
            depth += stack[-1]
        if not depth:
            kept += sign
        if sign == ")":
            depth -= stack.pop()
    return kept


def test_no_policy_has_an_or_outside_a_subquery(database: Database) -> None:
    texts = [
        str(text)
        for (text,) in database.sql(
            "select unnest(array[qual, with_check]) from pg_policies where schemaname = 'public'"
        )
        if text is not None
    ]

    assert len(texts) > 100
    assert [text for text in texts if re.search(r"\bor\b", top_level(text), re.IGNORECASE)] == []
    assert "OR" in top_level("((a = 1) OR (b IN ( SELECT 1)))")
    assert "OR" not in top_level("(a = ( SELECT (x OR y)))")


def test_every_org_table_has_a_full_index_that_begins_with_the_org(database: Database) -> None:
    indexed = database.sql(
        """
        select c.relname from pg_index as i join pg_class as c on c.oid = i.indrelid
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0]
        where i.indpred is null and (a.attname = 'org_id' or c.relname = 'orgs' and a.attname = 'id')
        """
    )

    assert org_tables(database) - {str(name) for (name,) in indexed} == set()


def test_only_backup_and_stats_roles_have_rights_on_partitions(database: Database) -> None:
    every = partitions(database)
    granted = {role for table, role in granted_on(database) if table in every}

    assert len(every) > 30
    assert granted == {"ec_backup", "ec_stats"}


def test_clock_may_maintain_every_table(database: Database) -> None:
    found = database.sql(
        """
        select c.relname from pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname !~ 'yoyo'
            and not has_table_privilege('ec_clock', c.oid, 'maintain')
        """
    )
    assert found == []


def test_program_roles_own_nothing_and_cannot_bypass_row_security(database: Database) -> None:
    owners = database.sql(
        """
        select distinct pg_get_userbyid(relowner)::text from pg_class where relnamespace = 'public'::regnamespace
        union select distinct pg_get_userbyid(proowner)::text from pg_proc where pronamespace = 'public'::regnamespace
        """
    )
    unbound = database.sql(
        "select rolname::text from pg_roles where rolname like 'ec_%' and (rolbypassrls or rolsuper)"
    )
    joined = database.sql(
        """
        select pg_get_userbyid(member)::text, pg_get_userbyid(roleid)::text from pg_auth_members
        where pg_get_userbyid(member) in ('ec_ingest', 'ec_worker', 'ec_clock', 'ec_monitor', 'ec_backup')
        """
    )

    assert {name for (name,) in owners} == {"ec_owner", "ec_stats", "ec_reports"}
    assert {name for (name,) in unbound} == {"ec_stats", "ec_reports", "ec_backup"}
    assert set(joined) == {
        *(("ec_ingest", f"ec_{role}") for role in ("auth", "lms", "manager", "student", "educator", "admin")),
        ("ec_worker", "ec_keys"),
        ("ec_worker", "ec_lms"),
        ("ec_monitor", "pg_use_reserved_connections"),
    }


def test_public_cannot_execute_functions_and_definers_pin_search_path(database: Database) -> None:
    public = database.sql(
        """
        select p.proname::text from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
        where p.pronamespace = 'public'::regnamespace and g.grantee = 0
        """
    )
    definers = database.sql(
        "select proname::text, proconfig from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
    )

    assert public == []
    assert len(definers) >= 6
    # If pg_temp is not listed, PostgreSQL searches it first, and a caller's temporary objects would replace ours.
    assert [
        name for name, settings in definers if "search_path=pg_catalog, public, pg_temp" not in (settings or [])
    ] == []


def test_cross_org_views_are_security_barriers_and_closed_to_people(database: Database) -> None:
    views = database.sql(
        "select relname::text, reloptions from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'"
    )
    ours = [(name, options) for name, options in views if str(name).startswith(("monitor_", "untallied"))]
    reports = [
        (name, options) for name, options in views if re.fullmatch(r"report_\w+_of_(org|courses|student)", str(name))
    ]
    readers = database.sql(
        """
        select distinct c.relname::text, pg_get_userbyid(g.grantee)::text from pg_class as c, aclexplode(c.relacl) as g
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm') and g.grantee <> c.relowner
        """
    )

    assert {name for name, _ in views} - {name for name, _ in ours + reports} == {"report_live_comments"}
    assert len(ours) >= 4
    assert [name for name, options in ours + reports if "security_barrier=true" not in (options or [])] == []
    assert {role for name, role in readers if name in dict(ours)} == {"ec_monitor", "ec_clock", "ec_backup"}
    of = {"ec_admin": "org", "ec_educator": "courses", "ec_student": "student"}
    assert {(name.rpartition("_")[2], role) for name, role in readers if name not in dict(ours)} == {
        (whose, role) for role, whose in of.items()
    }


def test_every_foreign_key_has_an_index_on_its_leading_columns(database: Database) -> None:
    """Without an index, each delete of a referenced row reads the whole table. The index may leave out rows with null."""
    bare = database.sql(
        """
        select k.conrelid::regclass::text, k.conname::text from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace and not exists (
            select from pg_index as i
            where i.indrelid = k.conrelid and i.indisvalid and i.indnkeyatts >= cardinality(k.conkey)
                and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
                and (i.indpred is null or exists (
                    select from pg_attribute as a where a.attrelid = i.indrelid and a.attnum = any (k.conkey)
                        and pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))))
        """
    )

    assert bare == []


def test_every_foreign_key_has_the_expected_delete_rule(database: Database) -> None:
    rules = database.sql(
        """
        select conname::text, case confdeltype
            when 'c' then 'cascade' when 'r' then 'restrict' when 'n' then 'set null' when 'a' then 'no action' else 'set default' end
        from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace and conparentid = 0
        """
    )

    assert dict(rules) == DELETE_RULES
    assert len(rules) == len(DELETE_RULES)


def test_every_unique_index_of_an_org_table_begins_with_the_org(database: Database) -> None:
    """Otherwise a conflict could tell one org that another has a value. Random keys and digests reveal nothing."""
    loose = database.sql(
        """
        select i.indexrelid::regclass::text from pg_index as i
        join pg_class as c on c.oid = i.indrelid
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0]
        where i.indisunique and c.relnamespace = 'public'::regnamespace and not c.relispartition and a.attname <> 'org_id'
            and exists (select from pg_attribute as o where o.attrelid = c.oid and o.attname = 'org_id')
            and not (i.indisprimary and i.indnkeyatts = 1 and a.atttypid = 'uuid'::regtype)
        """
    )

    assert sorted(loose) == [("api_keys_digest_unique",), ("platforms_registration_unique",)]


def test_no_check_constraint_has_a_generated_name(database: Database) -> None:
    generated = database.sql(
        """
        select conname::text from pg_constraint
        where connamespace = 'public'::regnamespace and contype = 'c' and conparentid = 0 and conname ~ '_check[0-9]*$'
        """
    )

    assert generated == []


def test_every_table_has_a_class_and_every_class_a_table(database: Database) -> None:
    found = database.sql(
        """
        select relname::text from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname !~ 'yoyo'
        """
    )

    assert {name for (name,) in found} == set(MODELS)


def sql_type(field: peewee.Field) -> str:
    if isinstance(field, ArrayField):
        return f"{TYPES[type(field._ArrayField__field)]}[]"
    if isinstance(field, peewee.DecimalField):
        return f"numeric({field.max_digits},{field.decimal_places})"
    return TYPES[type(field)]


def columns_in_code(model: Any) -> dict[str, tuple[str, bool]]:
    return {field.column_name: (sql_type(field), not field.null) for field in model._meta.sorted_fields}


@pytest.mark.parametrize("table", sorted(MODELS))
def test_model_columns_match_the_catalogue(database: Database, table: str) -> None:
    """Compares names, types and nullability in both directions."""
    catalogue = database.sql(
        """
        select attname::text, format_type(atttypid, atttypmod), attnotnull from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped
        """,
        f"public.{table}",
    )

    assert columns_in_code(MODELS[table]) == {name: (kind, required) for name, kind, required in catalogue}


@pytest.mark.parametrize("table", sorted(MODELS))
def test_model_server_defaults_match_the_catalogue(database: Database, table: str) -> None:
    """If the server fills a column in, the class has the same default or expression, and otherwise it has none."""
    catalogue = database.sql(
        """
        select a.attname::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)
        from pg_attribute as a left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
        """,
        f"public.{table}",
    )
    fields = {field.column_name: field for field in MODELS[table]._meta.sorted_fields}

    for name, generated, expression in catalogue:
        field = fields[str(name)]
        declared = " ".join(part.sql for part in field.constraints or [])
        if generated:
            inner = re.sub(r"::\w+|[\s()]", "", str(expression)).lower()
            assert re.sub(r"[\s()]", "", declared) == f"generatedalwaysas{inner}stored", name
        elif expression is None:
            assert (declared, field.default) == ("", None), f"{name} has no server default"
        elif declared:
            assert declared == f"default {' '.join(str(expression).split())}", name
        else:
            assert field.default is not None, f"{name} has the server default {expression}"
            default = field.default() if callable(field.default) else field.default
            shown = {False: "false", True: "true"}.get(default, default) if isinstance(default, bool) else default
            shown = {"[]": "{}", "{}": "{}"}.get(str(shown), str(shown))
            assert re.sub(r"::.*$", "", str(expression)).strip("'") == shown, name


@pytest.mark.parametrize("table", sorted(MODELS))
def test_model_primary_key_matches_the_catalogue(database: Database, table: str) -> None:
    found = database.sql(
        """
        select array_agg(a.attname::text order by k.place) from pg_index as i
        cross join lateral unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indrelid = %s::regclass and i.indisprimary
        """,
        f"public.{table}",
    )
    meta = MODELS[table]._meta
    key = meta.primary_key
    fields = [meta.fields[name] for name in key.field_names] if isinstance(key, peewee.CompositeKey) else [key]
    names = [field.column_name for field in fields]

    assert found == [(names,)]


def test_names_and_writing_of_people_are_encrypted_columns() -> None:
    encrypted = {
        f"{table}.{field.column_name}"
        for table, model in MODELS.items()
        for field in model._meta.sorted_fields
        if isinstance(field, EncryptedField)
    }

    assert encrypted == {
        "ai_responses.raw", "criterion_results.rationale", "endpoints.previous_secret", "endpoints.secret", "essays.title", "feedback.body", "feedback_reactions.note",
        "feedback_reviews.body", "inbound_events.body", "inbound_events.problem", "lms_people.subject", "lti_keys.private_key", "moodle_sites.token", "canvas_sites.token", "passes.summary", "passkeys.credential_id", "passkeys.name", "passkeys.public_key", "saved_comments.body", "second_factors.secret", "sign_in_providers.client_secret", "files.content", "files.hidden", "files.name", "files.text",
        "sources.previous_secret", "sources.secret", "submissions.text", "user_keys.wrapped",
        "users.email", "users.external_id", "users.name",
    }  # fmt: skip
