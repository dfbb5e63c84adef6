-- Essays, their immutable versions, and one job row per (version, pass).
-- audience_id says which educators may read: those of the course, or without a course the author alone. It is one column
-- on every row below an essay, so that each policy stays a single indexable comparison.

create table essays (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    course_id uuid,
    audience_id uuid not null generated always as (coalesce(course_id, user_id)) stored,
    assignment_id uuid,
    category_id uuid,
    external_id text,
    title bytea not null,
    versions integer not null,
    newest_submission_id uuid not null,
    newest_submitted_at timestamptz not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint essays_org_id_id_unique unique (org_id, id),
    constraint essays_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint essays_course foreign key (org_id, course_id) references courses (org_id, id) on delete restrict,
    constraint essays_assignment foreign key (org_id, assignment_id) references assignments (org_id, id) on delete restrict,
    constraint essays_category foreign key (org_id, category_id) references categories (org_id, id) on delete restrict,
    constraint essays_course_with_assignment check ((assignment_id is null) = (course_id is null)),
    constraint essays_versions_positive check (versions > 0),
    constraint essays_updated_after_created check (updated_at >= created_at)
);
create index idx_essays_user_id on essays (org_id, user_id, id);
create index idx_essays_course on essays (org_id, course_id) where course_id is not null;
create index idx_essays_audience on essays (org_id, audience_id, id);
create index idx_essays_assignment on essays (org_id, assignment_id) where assignment_id is not null;
create index idx_essays_category on essays (org_id, category_id) where category_id is not null;
-- One essay per student and assignment; without an assignment, one per student and LMS id.
create unique index idx_essays_one_per_assignment on essays (org_id, user_id, assignment_id)
    where assignment_id is not null;
create unique index idx_essays_one_per_external_id on essays (org_id, user_id, external_id)
    where assignment_id is null and external_id is not null;

-- What hangs below an essay goes with it: user_id there serves the policies and needs no foreign key of its own.

-- Ciphertext does not compress: `storage external` spares PostgreSQL the attempt.
-- A version. Its text never changes; only its status, its release and its end are written after the insert.
create table submissions (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    essay_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    version integer not null,
    status text not null,
    queue text not null,
    source text not null,
    external_id text,
    language text not null,
    text bytea storage external not null,
    text_sha256 bytea not null,
    characters integer not null,
    words integer not null,
    submitted_at timestamptz not null,
    released_at timestamptz,
    completed_at timestamptz,
    constraint submissions_org_id_id_unique unique (org_id, id),
    constraint submissions_length_unique unique (org_id, id, characters),
    constraint submissions_essay foreign key (org_id, essay_id) references essays (org_id, id) on delete cascade,
    constraint submissions_version_positive check (version > 0),
    constraint submissions_status_known check (
        status in ('queued', 'processing', 'completed', 'partial', 'failed', 'superseded', 'cancelled')
    ),
    constraint submissions_queue_known check (queue in ('interactive', 'bulk')),
    constraint submissions_source_known check (source in ('app', 'api', 'webhook')),
    constraint submissions_language_is_a_tag check (language ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    constraint submissions_characters_in_range check (characters between 1 and 100000),
    constraint submissions_words_not_negative check (words >= 0),
    constraint submissions_sha256_length check (length(text_sha256) = 32),
    constraint submissions_completed_when_final check ((completed_at is null) = (status in ('queued', 'processing')))
) partition by range (id);
create table submissions_default partition of submissions default;
create index idx_submissions_essay on submissions (org_id, essay_id, version);

-- The job record: the truth about one pass of one version. A Redis message only says "look at this row".
-- Its foreign key is to the essay: one into a partitioned table is looked up in every partition, which for the three rows of
-- every submission was a sixth of the time to hand in. Versions are never deleted apart from their essay.
create table passes (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    submission_id uuid not null,
    essay_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    name text not null,
    state text not null,
    queue text not null,
    attempt integer not null default 0,
    fence integer not null default 0,
    lost integer not null default 0,
    queued_at timestamptz not null default now(),
    next_at timestamptz not null default now(),
    hinted_at timestamptz not null default now(),
    lease_until timestamptz,
    first_claimed_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    provider text,
    model text,
    comments integer,
    summary bytea,
    tallied boolean not null default false,
    constraint passes_one_per_submission unique (org_id, submission_id, name),
    constraint passes_essay foreign key (org_id, essay_id) references essays (org_id, id) on delete cascade,
    constraint passes_name_known check (name in ('grammar', 'structure', 'content')),
    constraint passes_state_known check (state in ('queued', 'running', 'done', 'gave_up', 'cancelled')),
    constraint passes_queue_known check (queue in ('interactive', 'bulk')),
    constraint passes_counts_not_negative check (attempt >= 0 and fence >= 0 and lost >= 0 and comments >= 0),
    constraint passes_lease_while_running check ((lease_until is not null) = (state = 'running')),
    constraint passes_finished_when_final check ((finished_at is not null) = (state in ('done', 'gave_up', 'cancelled'))),
    constraint passes_result_when_done check ((summary is not null and comments is not null) = (state = 'done')),
    constraint passes_reason_when_given_up check (state <> 'gave_up' or error is not null)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
create index idx_passes_essay on passes (org_id, essay_id);
create index idx_passes_due on passes (next_at) where state = 'queued';
create index idx_passes_lease on passes (lease_until) where state = 'running';
create index idx_passes_untallied on passes (finished_at) where not tallied and finished_at is not null;
create index idx_passes_gave_up on passes (org_id, finished_at) where state = 'gave_up';

-- The answer already given to a request. Unique for ever within one caller; purged after its published life.
create table idempotency_keys (
    org_id uuid not null references orgs (id) on delete cascade,
    caller_id uuid not null,
    key text not null,
    request_sha256 bytea not null,
    response json,
    created_at timestamptz not null default now(),
    primary key (org_id, caller_id, key),
    constraint idempotency_keys_key_length check (length(key) between 1 and 255)
);
create index idx_idempotency_keys_created on idempotency_keys (created_at);

-- What a source has already sent. Never purged: an LMS may repeat a delivery days later.
create table seen_events (
    source_id uuid not null,
    event_id text not null,
    org_id uuid not null,
    body_sha256 bytea not null,
    submission_id uuid,
    answer json,
    seen_at timestamptz not null default now(),
    primary key (org_id, source_id, event_id),
    constraint seen_events_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint seen_events_submission foreign key (org_id, submission_id) references submissions (org_id, id)
        on delete set null (submission_id),
    constraint seen_events_event_id_length check (length(event_id) between 1 and 255)
);
create index idx_seen_events_submission on seen_events (org_id, submission_id);

-- The raw delivery, encrypted. Accepted ones under the student's key, the others under the master key.
create table inbound_events (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    source_id uuid not null,
    event_id text not null,
    user_id uuid,
    submission_id uuid,
    outcome text not null,
    reason text,
    body bytea storage external not null,
    body_sha256 bytea not null,
    constraint inbound_events_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint inbound_events_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint inbound_events_outcome_known check (outcome in ('accepted', 'ignored', 'refused')),
    constraint inbound_events_reason_when_not_accepted check ((reason is null) = (outcome = 'accepted'))
) partition by range (id);
create table inbound_events_default partition of inbound_events default;
create index idx_inbound_events_source on inbound_events (org_id, source_id, event_id);
create index idx_inbound_events_user on inbound_events (org_id, user_id);
