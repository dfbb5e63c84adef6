"""One valid row of every table, as SQL."""

from __future__ import annotations

OWN = {"org_id": "uuidv7()", "user_id": "uuidv7()"}
PASS = {**OWN, "submission_id": "uuidv7()", "audience_id": "uuidv7()"}
SHA = "decode(repeat('ab', 32), 'hex')"

# One valid row of every table, with SQL expressions as values. The foreign keys point to no row.
GOOD: dict[str, dict[str, str]] = {
    "orgs": {"slug": "'a-school'", "name": "'A school'"},
    "users": {"org_id": "uuidv7()", "role": "'student'", "email": "''", "email_digest": "''"},
    "user_keys": {**OWN, "wrapped": "''", "master_key_id": "'k1'"},
    "sessions": {**OWN, "expires_at": "now()"},
    "one_time_tokens": {**OWN, "purpose": "'invitation'", "digest": SHA, "expires_at": "now()"},
    "second_factors": {**OWN, "secret": "''"},
    "passkeys": {
        **OWN, "id": "uuidv7()", "name": "''", "credential_digest": SHA, "credential_id": "''", "public_key": "''", "sign_count": "0",
    },
    "sign_in_providers": {
        "org_id": "uuidv7()", "name": "'School'", "issuer": "'https://id.example'", "client_id": "'c'", "client_secret": "''",
    },
    "linked_accounts": {**OWN, "subject_digest": SHA},
    "api_keys": {"org_id": "uuidv7()", "name": "'LMS'", "prefix": "'ec'", "digest": "''"},
    "sources": {"org_id": "uuidv7()", "name": "'LMS'", "secret": "''"},
    "endpoints": {
        "org_id": "uuidv7()", "name": "'LMS'", "url": "'https://lms.example/hooks'", "events": "'{feedback.ready}'", "secret": "''",
    },
    "canvas_sites": {"id": "uuidv7()", "org_id": "uuidv7()", "site": "'https://canvas.example'", "token": "''", "jwks_url": "'https://keys.example'"},
    "moodle_sites": {"id": "uuidv7()", "org_id": "uuidv7()", "site": "'https://moodle.example'", "token": "''"},
    "arrivals": {"org_id": "uuidv7()", "source_id": "uuidv7()", "version_key": "'1:1:0:1'", "place": "'{}'", "changed_at": "now()"},
    "returns": {"org_id": "uuidv7()", "source_id": "uuidv7()", "submission_id": "uuidv7()", "channel": "'moodle_comment'"},
    "deliveries": {"org_id": "uuidv7()", "endpoint_id": "uuidv7()", "event": "'feedback.ready'", "data": "'{}'"},
    "weekly_summary_readers": OWN,
    "weekly_summaries": {**OWN, "week": "'2026-11-23'", "courses": "'[]'"},
    "platforms": {"id": "uuidv7()", "org_id": "uuidv7()"},
    "platform_courses": {"org_id": "uuidv7()", "source_id": "uuidv7()", "course_id": "uuidv7()", "memberships_url": "'https://lms'"},
    "platform_assignments": {"org_id": "uuidv7()", "source_id": "uuidv7()", "assignment_id": "uuidv7()", "line_item_url": "'https://lms'"},
    "asset_activities": {"org_id": "uuidv7()", "source_id": "uuidv7()", "deployment": "'1'", "activity": "'a'"},
    "notice_handlers": {
        "org_id": "uuidv7()", "source_id": "uuidv7()", "deployment": "'1'", "notice_type": "'Notice'", "service_url": "'https://lms'",
        "handler": "'https://ours'",
    },
    "lms_people": {**OWN, "source_id": "uuidv7()", "subject": "''", "subject_digest": SHA},
    "spent_launches": {"org_id": "uuidv7()", "source_id": "uuidv7()", "state_digest": SHA},
    "lti_keys": {"id": "uuidv7()", "platform_id": "uuidv7()", "private_key": "''", "public_key": "'{}'"},
    "categories": {"org_id": "uuidv7()", "slug": "'narrative'", "name": "'Narrative'"},
    "rubrics": {"org_id": "uuidv7()", "name": "'Argument'", "content_hash": "''"},
    "rubric_criteria": {
        "org_id": "uuidv7()", "rubric_id": "uuidv7()", "position": "1", "name": "'Thesis'", "levels": "'[{}, {}]'",
    },
    "courses": {"org_id": "uuidv7()", "name": "'English'"},
    "enrollments": {**OWN, "course_id": "uuidv7()", "role": "'student'"},
    "assignments": {"org_id": "uuidv7()", "course_id": "uuidv7()", "title": "'Phones'"},
    "essays": {
        **OWN, "title": "''", "versions": "1", "newest_submission_id": "uuidv7()", "newest_submitted_at": "now()",
    },
    "submissions": {
        **OWN, "essay_id": "uuidv7()", "audience_id": "uuidv7()", "version": "1", "status": "'queued'", "queue": "'bulk'",
        "source": "'app'", "language": "'en-GB'", "text": "''", "text_sha256": SHA, "characters": "100000", "words": "0",
        "submitted_at": "now()",
    },
    "passes": {**PASS, "essay_id": "uuidv7()", "name": "'grammar'", "state": "'queued'", "queue": "'bulk'"},
    "author_use": {**OWN},
    "approvals": {"org_id": "uuidv7()", "action": "'remove_org'", "requested_by": "uuidv7()"},
    "retention_runs": {"org_id": "uuidv7()", "class": "'texts'", "begins_at": "now()", "next_at": "now()"},
    "idempotency_keys": {"org_id": "uuidv7()", "caller_id": "uuidv7()", "key": "'k'", "request_sha256": "''"},
    "seen_events": {"org_id": "uuidv7()", "source_id": "uuidv7()", "event_id": "'e'", "body_sha256": "''"},
    "inbound_events": {
        "org_id": "uuidv7()", "source_id": "uuidv7()", "event_id": "'e'", "outcome": "'accepted'", "body": "''", "body_sha256": "''",
    },
    "feedback": {
        **PASS, "text_characters": "10", "essay_id": "uuidv7()", "pass": "'grammar'", "type": "'spelling'", "kind": "'issue'",
        "severity": "'minor'", "priority": "1", "match": "'exact'", "span_start": "0", "span_end": "10", "confidence": "1",
        "confidence_basis": "'model'", "origin": "'model'", "provider": "'local'", "model": "'m'", "body": "''",
    },
    "criterion_results": {
        **PASS, "criterion_id": "uuidv7()", "pass": "'content'", "level": "'clear'", "points": "4", "max_points": "4",
        "confidence": "0", "rationale": "''",
    },
    "feedback_reviews": {**PASS, "feedback_id": "uuidv7()", "educator_id": "uuidv7()", "decision": "'accepted'"},
    "review_items": {**PASS, "feedback_id": "uuidv7()", "essay_id": "uuidv7()", "confidence_permille": "1000"},
    "feedback_reactions": {**PASS, "feedback_id": "uuidv7()", "reaction": "'helpful'"},
    "files": {
        "org_id": "uuidv7()", "user_id": "'00000000-0000-7000-8000-000000000001'", "audience_id": "'00000000-0000-7000-8000-000000000001'",
        "format": "'docx'", "name": "''", "content": "''", "text": "''", "size_bytes": "1", "characters": "1", "words": "1",
    },
    "saved_comments": {**OWN, "pass": "'grammar'", "type": "'spelling'", "kind": "'issue'", "body": "''"},
    "ledger_entries": {
        "org_id": "uuidv7()", "user_id": "uuidv7()", "day": "current_date", "provider": "'anthropic'", "model": "'m'", "pass": "'content'",
        "failed": "false", "input_tokens": "1", "output_tokens": "1", "cache_read_tokens": "1", "cache_write_tokens": "1", "cost_micros": "1",
    },
    "ledger": {"org_id": "uuidv7()", "day": "current_date", "provider": "'anthropic'", "model": "'m'", "pass": "'content'"},
    "blessings": {
        "org_id": "uuidv7()", "pass": "'content'", "provider": "'anthropic'", "model": "'m'", "prompt_version": "'1'", "report": "'{}'",
    },
    "ai_responses": {
        **OWN, "submission_id": "uuidv7()", "pass": "'content'", "attempt": "1", "provider": "'local'", "model": "'m'",
        "prompt_version": "'1'", "request_sha256": "''",
    },
    "analytics": {**OWN, "event": "'submitted'"},
    "audit_log": {
        "org_id": "uuidv7()", "actor_role": "'admin'", "action": "'pass_replayed'", "entity": "'pass'", "entity_id": "uuidv7()",
    },
    "audit_heads": {"org_id": "uuidv7()"},
    "provider_pauses": {"provider": "'anthropic'", "reason": "'overloaded'", "until": "now()"},
    "queue_snapshot": {
        "queue": "'interactive'", "fair": "'{}'", "counted_at": "now()", "taken_at": "now()", "durations_at": "now()", "sweep_fair": "'{}'",
    },
    "queue_marks": {
        "org_id": OWN["org_id"], "queue": "'bulk'", "turn": "0", "next_at": "now()", "ahead": "299", "counted_at": "now()",
    },
    "system_logs": {"program": "'clock'", "level": "'error'", "event": "'x'"},
    "tally_entries": {"name": "'n'", "labels": "'{}'", "count": "1"},
    "tallies": {"name": "'n'", "labels": "'{}'"},
    "heartbeats": {
        "id": "uuidv7()", "program": "'web'", "host": "'h'", "pid": "1", "version": "'0.1.0+0036'", "started_at": "now()",
        "seen_at": "now()", "progress_at": "now()", "threads_alive": "16", "threads_busy": "0", "has_work": "false",
    },
    "duty_leases": {"name": "'purge'", "holder": "uuidv7()", "lease_until": "now()"},
    "reports": {
        **OWN, "kind": "'usage'", "parameters": "'{}'", "data_as_of": "now()",
    },
    "report_refreshes": {"name": "'report_types'", "refreshed_at": "now()", "took_ms": "12"},
    "duty_runs": {"name": "'backup'", "started_at": "now()", "ended_at": "now()", "outcome": "'ok'"},
}  # fmt: skip
