"""Every column that may hold words, with the key that encrypts them, or the reason why none does.

A migration that adds such a column fails here until somebody has said what happens to it when a person is erased.
"""

from __future__ import annotations

from models import upkeep
from models.crypto import EncryptedField
from tests.models.test_catalogue import MODELS
from tests.support.servers import Database

# The key of the person, which erasure destroys. A teacher's words about an essay have the key of its author.
PERSON = {
    "users": "email name external_id",
    "submissions": "text",
    "essays": "title",
    "passes": "summary",
    "feedback": "body",
    "feedback_reviews": "body",
    "feedback_reactions": "note",
    "criterion_results": "rationale",
    "ai_responses": "raw",
    "saved_comments": "body",
    "files": "name content text hidden",
    "inbound_events": "body problem",
    "second_factors": "secret",
    "passkeys": "name credential_id public_key",
    "lms_people": "subject",
}
# The master key, which erasure does not destroy, with what ends the words instead.
MASTER = {
    "inbound_events.body": f"only where no student was recognised: deleted after {upkeep.KEEP_UNOWNED_DELIVERIES_DAYS} days",
    "inbound_events.problem": f"only where no student was recognised: deleted after {upkeep.KEEP_UNOWNED_DELIVERIES_DAYS} days",
    "sources.secret": "a secret of the installation, no words of a person",
    "sources.previous_secret": "a secret of the installation, no words of a person",
    "endpoints.secret": "a secret of the installation, no words of a person",
    "endpoints.previous_secret": "a secret of the installation, no words of a person",
    "canvas_sites.token": "a secret of the installation, no words of a person",
    "moodle_sites.token": "a secret of the installation, no words of a person",
    "sign_in_providers.client_secret": "a secret of the installation, no words of a person",
    "lti_keys.private_key": "a secret of the installation, no words of a person",
    "user_keys.wrapped": "the key of a person, deleted by erasure",
}
# Not encrypted.
CLEAR = {
    "a word from a list in the code or in a CHECK": """
        enrollments.role audit_log.actor_role audit_log.action audit_log.entity users.role passes.name passes.state passes.queue
        passes.error passes.provider passes.prompt_version provider_pauses.provider provider_pauses.reason tallies.name tallies.labels
        tally_entries.name tally_entries.labels ledger_entries.provider ledger_entries.pass
        duty_leases.name duty_runs.name duty_runs.outcome duty_runs.detail reports.kind report_refreshes.name heartbeats.program queue_snapshot.queue queue_marks.queue
        feedback.pass feedback.type feedback.kind feedback.severity feedback.match feedback.confidence_basis feedback.origin
        feedback.provider feedback.resolution feedback_reactions.reaction feedback_reviews.decision ai_responses.pass
        ai_responses.provider ai_responses.prompt_version ai_responses.outcome ai_responses.stop_reason analytics.event api_keys.scopes
        assignments.release_policy blessings.pass blessings.provider blessings.prompt_version criterion_results.pass
        feedback_types.slug feedback_types.pass feedback_types.name inbound_events.outcome inbound_events.reason ledger.provider
        ledger.pass one_time_tokens.purpose orgs.release_policy orgs.ai_policy orgs.ai_fallback approvals.action retention_runs.class saved_comments.pass
        saved_comments.type saved_comments.kind sessions.revoked_reason submissions.status submissions.queue submissions.source
        system_logs.program system_logs.level system_logs.event orgs.password_roles sign_in_providers.roles
        sign_in_providers.find_by endpoints.events endpoints.disabled_reason deliveries.event deliveries.state deliveries.error files.format sources.kind platforms.state platforms.refused_reason platforms.scores
        weekly_summaries.state weekly_summaries.error canvas_sites.returns moodle_sites.returns moodle_sites.state moodle_sites.error moodle_sites.error_about arrivals.state arrivals.error returns.state
        returns.error returns.channel
    """,
    "a language, a model, a batch or another id that a machine made": """
        users.language orgs.default_language submissions.language passes.model passes.batch feedback.model ai_responses.model
        blessings.model ledger.model ledger_entries.model user_keys.master_key_id audit_log.request_id system_logs.request_id api_keys.prefix
        heartbeats.host heartbeats.version
    """,
    "a keyed digest, or one of something random": """
        users.email_digest users.external_id_digest users.password_hash api_keys.digest one_time_tokens.digest
        second_factors.recovery_codes linked_accounts.subject_digest passkeys.credential_digest
        platforms.registration_digest lms_people.subject_digest spent_launches.state_digest
    """,
    "a digest without a key; of long texts, so that nobody finds the text by guessing": """
        submissions.text_sha256 ai_responses.request_sha256 passes.basis rubrics.content_hash audit_log.hash audit_heads.hash
        idempotency_keys.request_sha256 idempotency_keys.canonical_sha256 inbound_events.body_sha256 seen_events.body_sha256
        seen_events.canonical_sha256
    """,
    "the school's own words about its courses and rubrics, of no student": """
        orgs.slug orgs.name courses.name courses.external_id assignments.title assignments.prompt assignments.external_id
        categories.slug categories.name rubrics.name rubric_criteria.name rubric_criteria.description rubric_criteria.levels
        criterion_results.level feedback.criterion api_keys.name sources.name sources.mapping blessings.report
        endpoints.name endpoints.url canvas_sites.site canvas_sites.root_account_uuid canvas_sites.jwks_url canvas_sites.pages_url moodle_sites.site moodle_sites.pages_url sign_in_providers.name sign_in_providers.issuer sign_in_providers.client_id
        platforms.issuer platforms.client_id platforms.authorization_url platforms.token_url platforms.token_audience platforms.jwks_url
        platform_courses.memberships_url platform_assignments.line_item_url platforms.deployments
        asset_activities.deployment asset_activities.activity asset_activities.title asset_activities.report_url asset_activities.report_scopes
        notice_handlers.deployment notice_handlers.notice_type notice_handlers.service_url notice_handlers.handler
    """,
    "the number of a legal case, by a CHECK without small letters or blanks": "orgs.legal_hold users.legal_hold",
    "a teacher's prompt for a rubric preview; deleted with it after a day": "essays.trial_prompt",
    "the LMS's id of an essay or event, or a caller's key of a request; ids of people belong into `users`": """
        essays.external_id submissions.external_id inbound_events.event_id seen_events.event_id idempotency_keys.key
    """,
    "ids, times and links of one version; deleted with it": "deliveries.data",
    "figures and names of courses, nothing about one student": "weekly_summaries.courses",
    "a public key of ours": "lti_keys.public_key",
    "ids of an LMS for a hand-in, its student until it is taken (of Canvas until it is erased), and its comment, and the names that teachers gave its course and assignment": """
        arrivals.version_key arrivals.place returns.external_id
    """,
    "ids, and warnings in our words; erasure replaces or deletes the answers about the person's essays": """
        seen_events.answer idempotency_keys.response
    """,
    "networks that a school names, of no person": "orgs.admin_networks api_keys.networks sources.networks",
    "sites that a school names, of no person": "orgs.embed_origins platforms.frame_origins",
    "ids and words from lists, never text: models/audit.py, ingest/web/system_log.py and models/reports.py": "audit_log.detail system_logs.context reports.parameters",
}


def columns_with_words(database: Database) -> set[str]:
    found = database.sql(
        """
        select c.relname || '.' || a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
        join pg_type as t on t.oid = a.atttypid left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not like '%yoyo%' and a.attnum > 0 and not a.attisdropped
            and coalesce(e.typname, t.typname) in ('text', 'varchar', 'bpchar', 'name', 'bytea', 'json', 'jsonb', 'xml', 'tsvector', 'hstore')
        """
    )
    return {str(column) for (column,) in found}


def test_every_column_that_may_hold_words_is_listed_with_its_key(database: Database) -> None:
    under_person = {f"{table}.{column}" for table, columns in PERSON.items() for column in columns.split()}
    clear = [column for columns in CLEAR.values() for column in columns.split()]

    listed = under_person | MASTER.keys() | set(clear)
    existing = columns_with_words(database)
    assert existing - listed == set(), "new columns: say in this file under which key their words are"
    assert listed - existing == set(), "columns that do not exist"
    assert len(clear) == len(set(clear))
    assert not set(clear) & (under_person | MASTER.keys())


def test_every_column_under_a_key_takes_only_ciphertext() -> None:
    encrypted = {
        f"{table}.{field.column_name}"
        for table, model in MODELS.items()
        for field in model._meta.sorted_fields
        if isinstance(field, EncryptedField)
    }

    assert encrypted == MASTER.keys() | {
        f"{table}.{column}" for table, columns in PERSON.items() for column in columns.split()
    }
