"""Test that every named CHECK constraint refuses the rows that its name describes."""

from __future__ import annotations

import psycopg2
import psycopg2.errors
import pytest

from tests.support.good_rows import GOOD, SHA
from tests.support.servers import Database

LONG = "repeat('x', {})"
# A cast in the CHECKs refuses what is no network at all: tests/models/test_networks.py.
MANY_NETWORKS = ("array_fill('192.0.2.0/24'::text, array[51])", "'{null}'")
PREVIEW = {"trial_until": "now()", "trial_rubric_id": "uuidv7()"}
# For every CHECK, the changes to the good row that it must refuse.
BAD: dict[str, list[dict[str, str]]] = {
    "orgs_slug_is_a_short_name": [{"slug": s} for s in ("'A'", "''", "'-a'", "'a b'", LONG.format(64), "E'a\\nb'")],
    "orgs_name_not_blank": [{"name": s} for s in ("''", "E' \\t\\n'", LONG.format(201))],
    "orgs_release_policy_known": [{"release_policy": "'never'"}],
    "orgs_ai_policy_known": [{"ai_policy": "'openai'"}],
    "orgs_ai_fallback_known": [{"ai_fallback": "'hope'"}],
    "orgs_budget_not_negative": [{"monthly_budget_micros": "-1"}],
    "orgs_author_limits_in_range": [{"author_open_limit": "0"}, {"author_daily_limit": "10001"}, {"author_budget_percent": "101"}],
    "orgs_admin_networks_few": [{"admin_networks": value} for value in MANY_NETWORKS],
    "orgs_embed_origins_few": [{"embed_origins": value} for value in ("'{null}'", "array_fill('https://a.example'::text, array[21])")],
    "orgs_retention_in_range": [
        *({f"retention_{name}": days} for name in ("texts", "raw_answers", "deliveries", "accounts") for days in ("29", "36501")),
        {"retention_logs": "6"}, {"retention_logs": "91"},
    ],
    "orgs_legal_hold_is_a_case_number": [{"legal_hold": s} for s in ("''", "'CASE'", "'alice-1'", "'-1'", "'A 1'", LONG.format(41))],
    "users_legal_hold_is_a_case_number": [{"legal_hold": s} for s in ("''", "'CASE'", "'alice-1'", "'-1'", "'A 1'", LONG.format(41))],
    "approvals_action_known": [{"action": "'sell_org'"}],
    "approvals_person_when_about_one": [{"action": "'erase_person'"}, {"user_id": "uuidv7()"}],
    "approvals_by_another_admin": [
        {"requested_by": "'01a22448-3365-7227-b3d5-867a12316144'", "approved_by": "'01a22448-3365-7227-b3d5-867a12316144'", "approved_at": "now()"}
    ],
    "approvals_approved_by_somebody": [{"approved_at": "now()"}, {"approved_by": "uuidv7()"}],
    "approvals_used_when_approved": [{"used_at": "now()"}],
    "retention_runs_class_known": [{"class": "'dreams'"}],
    "retention_runs_counts_not_negative": [{"deleted": "-1"}, {"last_deleted": "-1"}],
    "orgs_exported_when_closed": [{"exported_at": "now()"}],
    "orgs_removed_when_exported": [{"closed_at": "now()", "removed_at": "now()"}],
    "users_role_known": [{"role": "'root'"}],
    "users_email_with_digest": [{"email": "null"}, {"email_digest": "null", "external_id": "''", "external_id_digest": "''"}],
    "users_external_id_with_digest": [{"external_id": "''"}, {"external_id_digest": "''"}],
    "users_can_be_recognised": [{"email": "null", "email_digest": "null"}],
    "users_unconfirmed_has_no_password": [{"address_confirmed_at": "null", "password_hash": "''"}],
    "sessions_generation_positive": [{"generation": "0"}],
    "sessions_revoked_reason_known": [{"revoked_at": "now()", "revoked_reason": "'bored'"}],
    "sessions_revoked_with_reason": [{"revoked_at": "now()"}, {"revoked_reason": "'logout'"}],
    "one_time_tokens_purpose_known": [{"purpose": "'fun'"}],
    "one_time_tokens_digest_length": [{"digest": "''"}],
    "orgs_password_roles_known": [{"password_roles": "'{parent}'"}],
    "second_factors_few_recovery_codes": [{"recovery_codes": "array_fill(''::bytea, array[11])"}],
    "second_factors_counts_not_negative": [{"failures": "-1"}, {"last_step": "-1"}],
    "passkeys_digest_length": [{"credential_digest": "''"}],
    "passkeys_sign_count_not_negative": [{"sign_count": "-1"}],
    "sign_in_providers_find_by_known": [{"find_by": "'name'"}],
    "sign_in_providers_roles_known": [{"roles": "'{parent}'"}],
    "sign_in_providers_words_short": [{name: LONG.format(501)} for name in ("name", "issuer", "client_id")],
    "linked_accounts_digest_length": [{"subject_digest": "''"}],
    "api_keys_scopes_known": [{"scopes": s} for s in ("'{}'", "'{submit,admin}'")],
    "api_keys_name_not_blank": [{"name": "' '"}],
    "api_keys_networks_few": [{"networks": value} for value in MANY_NETWORKS],
    "sources_name_not_blank": [{"name": "' '"}],
    "sources_networks_few": [{"networks": value} for value in MANY_NETWORKS],
    "endpoints_name_not_blank": [{"name": "' '"}],
    "endpoints_url_length": [{"url": "'http:/'"}, {"url": LONG.format(2001)}],
    "endpoints_events_known": [{"events": "'{essay.eaten}'"}, {"events": "'{ping}'"}],
    "endpoints_events_some": [{"events": "'{}'"}],
    "endpoints_previous_secret_ends": [{"previous_secret": "''"}, {"previous_secret_until": "now()"}],
    "endpoints_disabled_reason_known": [{"disabled_at": "now()", "disabled_reason": "'bored'"}],
    "endpoints_disabled_with_reason": [{"disabled_at": "now()"}, {"disabled_reason": "'gone'"}],
    "deliveries_event_known": [{"event": "'essay.eaten'"}],
    "deliveries_data_object": [{"data": "'[]'"}],
    "deliveries_state_known": [{"state": "'lost'"}],
    "deliveries_attempt_not_negative": [{"attempt": "-1"}],
    "deliveries_lease_when_running": [{"state": "'running'"}, {"lease_until": "now()"}],
    "deliveries_finished_when_ended": [{"state": "'done'"}, {"finished_at": "now()"}],
    "deliveries_error_is_a_word": [{"error": "'It broke.'"}],
    "deliveries_http_status_in_range": [{"http_status": "99"}, {"http_status": "1000"}],
    "weekly_summaries_week_begins_monday": [{"week": "'2026-11-24'"}],
    "weekly_summaries_courses_listed": [{"courses": "'{}'"}],
    "weekly_summaries_state_known": [{"state": "'lost'"}],
    "weekly_summaries_counts_not_negative": [{"attempt": "-1"}, {"fence": "-1"}],
    "weekly_summaries_lease_while_running": [{"state": "'running'"}, {"lease_until": "now()"}],
    "weekly_summaries_finished_when_final": [{"state": "'done'"}, {"finished_at": "now()"}],
    "weekly_summaries_reason_when_given_up": [{"state": "'gave_up'", "finished_at": "now()"}],
    "weekly_summaries_error_is_a_word": [{"error": "'It broke.'"}],
    "canvas_sites_site_length": [{"site": "'http:/'"}, {"site": LONG.format(501)}],
    "canvas_sites_root_account_uuid_length": [{"root_account_uuid": "''"}, {"root_account_uuid": LONG.format(101)}],
    "canvas_sites_jwks_url_length": [{"jwks_url": "'http:/'"}, {"jwks_url": LONG.format(501)}],
    "canvas_sites_pages_url_length": [{"pages_url": "'http:/'"}, {"pages_url": LONG.format(501)}],
    "canvas_sites_returns_known": [{"returns": "'grade'"}],
    "moodle_sites_site_length": [{"site": "'http:/'"}, {"site": LONG.format(501)}],
    "moodle_sites_pages_url_length": [{"pages_url": "'http:/'"}, {"pages_url": LONG.format(501)}],
    "moodle_sites_interval_in_range": [{"interval_seconds": "59"}, {"interval_seconds": "86401"}],
    "moodle_sites_courses_few": [{"courses": "array_fill(1::bigint, '{1001}')"}, {"courses": "'{null}'"}],
    "moodle_sites_returns_known": [{"returns": "'grade'"}],
    "moodle_sites_error_about_short": [{"error_about": "'It broke.'"}],
    "moodle_sites_state_known": [{"state": "'lost'"}],
    "moodle_sites_attempt_not_negative": [{"attempt": "-1"}],
    "moodle_sites_lease_when_running": [{"state": "'running'"}, {"lease_until": "now()"}],
    "moodle_sites_finished_when_ended": [{"state": "'gave_up'"}, {"finished_at": "now()"}],
    "moodle_sites_error_is_a_word": [{"error": "'It broke.'"}],
    "arrivals_version_key_length": [{"version_key": "''"}, {"version_key": LONG.format(201)}],
    "arrivals_place_object": [{"place": "'[]'"}],
    "arrivals_state_known": [{"state": "'lost'", "finished_at": "now()"}],
    "arrivals_attempt_not_negative": [{"attempt": "-1"}],
    "arrivals_lease_when_running": [{"state": "'running'"}, {"lease_until": "now()"}],
    "arrivals_finished_when_ended": [{"state": "'gave_up'"}, {"finished_at": "now()"}],
    "arrivals_error_is_a_word": [{"error": "'It broke.'"}],
    "returns_channel_known": [{"channel": "'grade'"}],
    "returns_external_id_length": [{"external_id": "''"}, {"external_id": LONG.format(201)}],
    "returns_state_known": [{"state": "'lost'"}],
    "returns_attempt_not_negative": [{"attempt": "-1"}],
    "returns_lease_when_running": [{"state": "'running'"}, {"lease_until": "now()"}],
    "returns_finished_when_ended": [{"state": "'gave_up'"}, {"finished_at": "now()"}],
    "returns_error_is_a_word": [{"error": "'It broke.'"}],
    "sources_previous_secret_ends": [{"previous_secret": "''"}, {"previous_secret_until": "now()"}],
    "sources_kind_known": [{"kind": "'blackboard'"}],
    "sources_mapping_object": [{"kind": "'custom'", "mapping": "'[]'"}],
    "sources_mapping_of_custom": [{"kind": "'custom'"}, {"mapping": "'{}'"}],
    "platforms_state_known": [{"state": "'on'"} | dict.fromkeys(("issuer", "client_id", "authorization_url", "token_url", "jwks_url"), "'x'")],
    "platforms_refused_reason_short": [{"refused_at": "now()"}, {"refused_at": "now()", "refused_reason": LONG.format(201)}],
    "platforms_registered": [{"state": s} for s in ("'pending'", "'active'")],
    "platforms_registration_ends": [{"registration_digest": SHA}, {"registration_ends_at": "now()"}],
    "platforms_registration_length": [{"registration_digest": "''", "registration_ends_at": "now()"}],
    "platforms_words_short": [
        {name: LONG.format(2049)}
        for name in ("issuer", "client_id", "authorization_url", "token_url", "token_audience", "jwks_url")
    ],
    "platforms_deployments_few": [
        {"deployments": value} for value in ("array_fill('1'::text, array[101])", "array[null]::text[]")
    ],
    "platforms_frame_origins_few": [
        {"frame_origins": value} for value in ("array_fill('1'::text, array[21])", "array[null]::text[]")
    ],
    "platforms_scores_known": [{"scores": "'all'"}],
    "platform_courses_url_short": [{"memberships_url": LONG.format(2049)}],
    "platform_assignments_url_short": [{"line_item_url": LONG.format(2049)}],
    "asset_activities_deployment_length": [{"deployment": "''"}, {"deployment": LONG.format(256)}],
    "asset_activities_activity_length": [{"activity": "''"}, {"activity": LONG.format(256)}],
    "asset_activities_title_length": [{"title": "''"}, {"title": LONG.format(501)}],
    "asset_activities_url_short": [{"report_url": LONG.format(2049)}],
    "asset_activities_scopes_few": [
        {"report_scopes": value} for value in ("array_fill('s'::text, array[6])", "array[null]::text[]")
    ],
    "notice_handlers_deployment_length": [{"deployment": "''"}],
    "notice_handlers_type_is_a_word": [{"notice_type": "'a notice'"}],
    "notice_handlers_urls_short": [{"service_url": LONG.format(2049)}, {"handler": LONG.format(2049)}],
    "lms_people_digest_length": [{"subject_digest": "''"}],
    "spent_launches_digest_length": [{"state_digest": "''"}],
    "lti_keys_public_key_is_object": [{"public_key": "'[]'"}],
    "categories_slug_is_a_short_name": [{"slug": "'Narrative'"}],
    "categories_name_not_blank": [{"name": "''"}],
    "rubrics_name_not_blank": [{"name": "''"}],
    "rubric_criteria_name_not_blank": [{"name": "''"}],
    "rubric_criteria_levels_are_a_list": [{"levels": s} for s in ("'[]'", "'[{}]'")],
    "courses_name_not_blank": [{"name": "''"}],
    "enrollments_role_known": [{"role": "'admin'"}],
    "assignments_title_not_blank": [{"title": "''"}, {"title": LONG.format(501)}],
    "assignments_prompt_length": [{"prompt": LONG.format(20001)}],
    "assignments_release_policy_known": [{"release_policy": "'never'"}],
    "essays_course_with_assignment": [{"course_id": "uuidv7()"}, {"assignment_id": "uuidv7()"}],
    "essays_trial_is_whole": [
        {"trial_until": "now()"}, {"trial_rubric_id": "uuidv7()"}, {"trial_prompt": "'x'"},
        {**PREVIEW, "trial_prompt": LONG.format(20001)},
        {**PREVIEW, "assignment_id": "uuidv7()", "course_id": "uuidv7()"},
    ],
    "essays_versions_positive": [{"versions": "0"}],
    "essays_updated_after_created": [{"updated_at": "now() - interval '1 s'"}],
    "submissions_version_positive": [{"version": "0"}],
    "submissions_status_known": [{"status": "'lost'", "completed_at": "now()"}],
    "submissions_queue_known": [{"queue": "'slow'"}],
    "submissions_source_known": [{"source": "'fax'"}],
    "submissions_language_is_a_tag": [{"language": s} for s in ("''", "'english'", "'en_GB'", "'e'")],
    "submissions_characters_in_range": [{"characters": "0"}, {"characters": "100001"}],
    "submissions_words_not_negative": [{"words": "-1"}],
    "submissions_sha256_length": [{"text_sha256": "''"}],
    "submissions_completed_when_final": [{"status": "'completed'"}, {"completed_at": "now()"}],
    "passes_name_known": [{"name": "'vibes'"}],
    "passes_state_known": [{"state": "'retrying'"}],
    "passes_queue_known": [{"queue": "'slow'"}],
    "passes_counts_not_negative": [{"attempt": "-1"}, {"fence": "-1"}, {"lost": "-1"}],
    "passes_lease_while_running": [{"lease_until": "now()"}, {"state": "'running'"}],
    "passes_finished_when_final": [{"finished_at": "now()"}, {"state": "'cancelled'"}],
    "passes_result_when_done": [{"state": "'done'", "finished_at": "now()"}, {"summary": "''", "comments": "1"}],
    "passes_reason_when_given_up": [{"state": "'gave_up'", "finished_at": "now()"}],
    "passes_discarded_when_given_up": [{"discarded_at": "now()"}],
    "passes_batch_with_its_call": [{"batch": "'b'"}, {"batch_call": "uuidv7()"}],
    "ledger_entries_pass_known": [{"pass": "'spelling'"}],
    "ledger_entries_not_negative": [{"cost_micros": "-1"}, {"input_tokens": "-1"}],
    "tally_entries_not_negative": [{"count": "-1"}],
    "author_use_not_negative": [{"handed_in": "-1"}, {"cost_micros": "-1"}],
    "idempotency_keys_key_length": [{"key": "''"}, {"key": LONG.format(256)}],
    "seen_events_event_id_length": [{"event_id": "''"}, {"event_id": LONG.format(256)}],
    "inbound_events_outcome_known": [{"outcome": "'eaten'", "reason": "'x'"}],
    "inbound_events_problem_when_refused": [{"problem": "''"}, {"problem": "''", "outcome": "'ignored'", "reason": "'x'"}],
    "inbound_events_reason_when_not_accepted": [{"outcome": "'refused'"}, {"reason": "'x'"}],
    "feedback_kind_known": [{"kind": "'insult'"}],
    "feedback_severity_known": [{"severity": "'fatal'"}],
    "feedback_priority_positive": [{"priority": "0"}],
    "feedback_match_known": [{"match": "'nearly'"}],
    "feedback_span_unless_unanchored": [
        {"match": "'none'"}, {"span_start": "null", "span_end": "null"}, {"span_end": "null"}, {"match": "'none'", "span_start": "null"},
    ],
    "feedback_span_inside_text": [{"span_start": "-1"}, {"span_start": "10"}, {"span_end": "11"}],
    "feedback_also_at_in_pairs": [{"also_at": "'{1}'"}],
    "feedback_also_at_inside_text": [{"also_at": "'{0,11}'"}, {"also_at": "'{-1,2}'"}],
    "feedback_confidence_is_a_share": [{"confidence": "1.001"}, {"confidence": "-0.1"}],
    "feedback_confidence_basis_known": [{"confidence_basis": "'hope'"}],
    "feedback_origin_known": [{"origin": "'rumour'"}],
    "feedback_provider_known": [{"provider": "'openai'"}],
    "feedback_resolution_known": [{"resolution": "'ignored'"}],
    "feedback_educator_or_provider": [
        {"origin": "'educator'"}, {"educator_id": "uuidv7()"}, {"origin": "'educator'", "educator_id": "uuidv7()"},
        {"provider": "null"}, {"model": "null"}, {"provider": "null", "model": "null"},
        {"origin": "'educator'", "educator_id": "uuidv7()", "provider": "null"},
        {"origin": "'educator'", "provider": "null", "model": "null"},
    ],
    "feedback_reviews_decision_known": [{"decision": "'ignored'"}],
    "feedback_reviews_words_when_edited": [{"decision": "'edited'"}, {"body": "''"}, {"decision": "'rejected'", "body": "''"}],
    "review_items_confidence_in_range": [{"confidence_permille": s} for s in ("-1", "1001")],
    "feedback_reactions_reaction_known": [{"reaction": "'angry'"}],
    "files_format_known": [{"format": "'doc'"}],
    "files_text_until_handed_in": [{"text": "null"}, {"submission_id": "uuidv7()"}],
    "files_own_until_handed_in": [{"audience_id": "uuidv7()"}],
    "files_counts_not_negative": [{name: "-1"} for name in ("size_bytes", "characters", "words", "pictures", "hidden_characters")],
    "saved_comments_kind_known": [{"kind": "'insult'"}],
    "criterion_results_pass_known": [{"pass": "'vibes'"}],
    "criterion_results_points_in_range": [{"points": "5"}, {"points": "-1"}],
    "criterion_results_confidence_is_a_share": [{"confidence": "1.5"}],
    "ai_responses_pass_known": [{"pass": "'vibes'"}],
    "ai_responses_provider_known": [{"provider": "'openai'"}],
    "ai_responses_outcome_known": [{"outcome": "'meh'", "completed_at": "now()"}],
    "ai_responses_completed_unless_open": [{"completed_at": "now()"}, {"outcome": "'timeout'"}],
    "ai_responses_raw_when_ok": [{"outcome": "'ok'", "completed_at": "now()"}],
    "ai_responses_amounts_not_negative": [
        {name: "-1"}
        for name in (
            "attempt", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "latency_ms", "cost_micros",
        )
    ],
    "ai_responses_reserved_not_negative": [{"reserved_micros": "-1"}],
    "ledger_pass_known": [{"pass": "'vibes'"}],
    "ledger_amounts_not_negative": [
        {name: "-1"}
        for name in (
            "calls", "failed", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_micros",
        )
    ],
    "blessings_pass_known": [{"pass": "'vibes'"}],
    "analytics_event_listed": [{"event": "'slept'"}],
    "audit_log_action_is_a_word": [{"action": s} for s in ("''", "'Two words'")],
    "audit_log_entity_is_a_word": [{"entity": s} for s in ("''", "'a b'")],
    "audit_log_chained_with_hash": [{"sequence": "1"}, {"hash": SHA}],
    "audit_heads_sequence_not_negative": [{"sequence": "-1"}],
    "audit_heads_hash_length": [{"hash": "''"}],
    "provider_pauses_provider_known": [{"provider": "'openai'"}],
    "provider_pauses_reason_is_a_word": [{"reason": s} for s in ("''", "'Overloaded, alas'")],
    "provider_pauses_trips_positive": [{"trips": "0"}],
    "queue_snapshot_queue_known": [{"queue": "'slow'"}],
    "queue_snapshot_not_negative": [
        {name: "-1"} for name in ("running", "pass_seconds", "durations_count", "durations_total", "sweep_passes")
    ],
    "queue_marks_queue_known": [{"queue": "'slow'"}],
    "queue_marks_ahead_positive": [{"ahead": "0"}],
    "system_logs_level_known": [{"level": "'info'"}],
    "system_logs_event_length": [{"event": "''"}, {"event": LONG.format(201)}],
    "heartbeats_program_known": [{"program": "'monitor'"}],
    "heartbeats_host_length": [{"host": "''"}, {"host": LONG.format(256)}],
    "heartbeats_pid_positive": [{"pid": "0"}],
    "heartbeats_version_form": [{"version": "''"}, {"version": "'1.0 beta'"}, {"version": LONG.format(65)}],
    "heartbeats_threads_not_negative": [{"threads_alive": "-1"}, {"threads_busy": "-1"}],
    "heartbeats_in_order": [
        {"started_at": "now() + interval '1 second'"}, {"progress_at": "now() + interval '1 second'"},
    ],
    "duty_leases_name_form": [{"name": "'Backup of today'"}],
    "reports_kind_known": [{"kind": "'odd'"}],
    "reports_student_of_a_student_report": [{"kind": "'student'"}, {"student_id": "uuidv7()"}],
    "reports_parameters_object": [{"parameters": "'[]'"}],
    "report_refreshes_took_not_negative": [{"took_ms": "-1"}],
    "duty_runs_name_form": [{"name": "'Backup of today'"}],
    "duty_runs_outcome_known": [{"outcome": "'odd'"}],
    "duty_runs_found_not_negative": [{"found": "-1"}],
    "duty_runs_detail_object": [{"detail": "'[]'"}],
    "duty_runs_ends_after_start": [{"ended_at": "now() - interval '1 second'"}],
    "tallies_not_negative": [{"count": "-1"}, {"total": "-1"}],
}  # fmt: skip


def checks(database: Database) -> dict[str, str]:
    """Return every CHECK of the schema with its table, without those that each month's partition adds."""
    found = database.sql(
        """
        select k.conname::text, k.conrelid::regclass::text from pg_constraint as k join pg_class as c on c.oid = k.conrelid
        where k.contype = 'c' and k.connamespace = 'public'::regnamespace and not c.relispartition
        """
    )
    return {str(name): str(table) for name, table in found}


def insert(database: Database, table: str, row: dict[str, str]) -> None:
    """Insert a row without checking foreign keys, and roll back."""
    connection = psycopg2.connect(database.admin_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join(row.values())})")
    finally:
        connection.close()


def test_every_check_constraint_has_a_bad_row_in_this_file(database: Database) -> None:
    assert set(checks(database)) == set(BAD)


@pytest.mark.parametrize("table", GOOD)
def test_good_row_of_every_table_is_accepted(database: Database, table: str) -> None:
    insert(database, table, GOOD[table])


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("essays", PREVIEW),
        ("essays", {**PREVIEW, "trial_prompt": LONG.format(20000)}),
        ("feedback", {"origin": "'educator'", "educator_id": "uuidv7()", "provider": "null", "model": "null"}),
        ("feedback_reviews", {"decision": "'edited'", "body": "''"}),
        ("passes", {"batch": "'b'", "batch_call": "uuidv7()"}),
    ],
)
def test_valid_combinations_of_columns_are_accepted(database: Database, table: str, change: dict[str, str]) -> None:
    insert(database, table, {**GOOD[table], **change})


@pytest.mark.parametrize("name", BAD)
def test_bad_row_is_refused_by_the_named_check_constraint(database: Database, name: str) -> None:
    table = checks(database)[name]
    for change in BAD[name]:
        with pytest.raises(psycopg2.errors.CheckViolation) as refusal:
            insert(database, table, {**GOOD[table], **change})
        assert refusal.value.diag.constraint_name == name, change


def test_rubric_levels_that_are_not_a_list_are_refused(database: Database) -> None:
    """For an object, jsonb_array_length itself may raise the error instead of the CHECK."""
    with pytest.raises((psycopg2.errors.CheckViolation, psycopg2.errors.InvalidParameterValue)):
        insert(database, "rubric_criteria", {**GOOD["rubric_criteria"], "levels": "'{}'"})


def test_every_month_partition_has_a_check_on_created_at(database: Database) -> None:
    """The CHECK on created_at helps the planner. It matches the partition bound on the id."""
    found = database.sql(
        "select count(*), bool_and(pg_get_constraintdef(oid) like 'CHECK (((created_at >= %%') from pg_constraint "
        "where conname like '%%\\_created_in_month'".replace("%%", "%")
    )
    assert found == [(40, True)]
