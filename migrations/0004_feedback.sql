-- What a pass found, what the provider really said, and what is worth keeping of a day.

-- One comment. The quote is not stored: it is cut from the version's own text, so text[start:end] = quote cannot fail.
-- The foreign key on the length and the CHECK on the span keep every span inside that text.
create table feedback (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    submission_id uuid not null,
    text_characters integer not null,
    essay_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    pass text not null,
    type text not null,
    kind text not null,
    severity text not null,
    priority integer not null,
    match text not null,
    span_start integer,
    span_end integer,
    also_at integer[] not null default '{}',
    criterion text,
    confidence numeric(4, 3) not null,
    confidence_basis text not null,
    origin text not null,
    provider text not null,
    model text not null,
    resolution text not null default 'open',
    carried_from uuid,
    body bytea storage external not null,
    constraint feedback_submission foreign key (org_id, submission_id, text_characters)
        references submissions (org_id, id, characters) on delete cascade,
    constraint feedback_essay foreign key (org_id, essay_id) references essays (org_id, id) on delete cascade,
    constraint feedback_type foreign key (type, pass) references feedback_types (slug, pass) on delete restrict,
    constraint feedback_kind_known check (kind in ('praise', 'issue', 'question')),
    constraint feedback_severity_known check (severity in ('info', 'minor', 'major')),
    constraint feedback_priority_positive check (priority > 0),
    constraint feedback_match_known check (match in ('exact', 'normalised', 'none')),
    constraint feedback_span_unless_unanchored check (
        (match = 'none') = (span_start is null) and (span_start is null) = (span_end is null)
    ),
    constraint feedback_span_inside_text check (span_start >= 0 and span_end > span_start and span_end <= text_characters),
    constraint feedback_also_at_in_pairs check (mod(cardinality(also_at), 2) = 0),
    constraint feedback_also_at_inside_text check (0 <= all (also_at) and text_characters >= all (also_at)),
    constraint feedback_confidence_is_a_share check (confidence between 0 and 1),
    constraint feedback_confidence_basis_known check (confidence_basis in ('measured', 'model', 'agreement')),
    constraint feedback_origin_known check (origin in ('rule', 'model', 'educator')),
    constraint feedback_provider_known check (provider in ('local', 'anthropic')),
    constraint feedback_resolution_known check (resolution in ('open', 'addressed', 'persisting', 'moot'))
) partition by range (id);
create table feedback_default partition of feedback default;
create index idx_feedback_essay_id on feedback (org_id, essay_id);
create index idx_feedback_submission on feedback (org_id, submission_id, text_characters);
create index idx_feedback_type on feedback (type, pass);

-- The level picked for one criterion; the points were looked up by code.
create table criterion_results (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    submission_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    criterion_id uuid not null,
    pass text not null,
    level text not null,
    points integer not null,
    max_points integer not null,
    confidence numeric(4, 3) not null,
    evidence uuid[] not null default '{}',
    rationale bytea not null,
    created_at timestamptz not null default now(),
    constraint criterion_results_submission foreign key (org_id, submission_id)
        references submissions (org_id, id) on delete cascade,
    constraint criterion_results_criterion foreign key (org_id, criterion_id)
        references rubric_criteria (org_id, id) on delete restrict,
    constraint criterion_results_one_per_pass unique (org_id, submission_id, criterion_id, pass),
    constraint criterion_results_pass_known check (pass in ('grammar', 'structure', 'content')),
    constraint criterion_results_points_in_range check (points between 0 and max_points),
    constraint criterion_results_confidence_is_a_share check (confidence between 0 and 1)
);
create index idx_criterion_results_criterion on criterion_results (org_id, criterion_id);

-- Every call to a provider. The row opens before the call and is completed after it, also when the call failed.
create table ai_responses (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    submission_id uuid not null,
    user_id uuid not null,
    pass text not null,
    attempt integer not null,
    provider text not null,
    model text not null,
    prompt_version text not null,
    request_sha256 bytea not null,
    outcome text not null default 'open',
    stop_reason text,
    raw bytea storage external,
    input_tokens integer not null default 0,
    output_tokens integer not null default 0,
    cache_read_tokens integer not null default 0,
    cache_write_tokens integer not null default 0,
    cost_micros bigint not null default 0,
    latency_ms integer,
    completed_at timestamptz,
    tallied boolean not null default false,
    constraint ai_responses_submission foreign key (org_id, submission_id)
        references submissions (org_id, id) on delete cascade,
    constraint ai_responses_pass_known check (pass in ('grammar', 'structure', 'content')),
    constraint ai_responses_provider_known check (provider in ('local', 'anthropic')),
    constraint ai_responses_outcome_known check (
        outcome in (
            'open', 'ok', 'rate_limited', 'budget_spent', 'overloaded', 'server_error', 'connection', 'timeout', 'truncated',
            'refused', 'context_exceeded', 'not_json', 'wrong_schema', 'bad_request', 'unauthorised', 'crashed'
        )
    ),
    constraint ai_responses_completed_unless_open check ((completed_at is null) = (outcome = 'open')),
    constraint ai_responses_raw_when_ok check (outcome <> 'ok' or raw is not null),
    constraint ai_responses_amounts_not_negative check (
        least(attempt, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, latency_ms) >= 0
        and cost_micros >= 0
    )
) partition by range (id);
create table ai_responses_default partition of ai_responses default;
create index idx_ai_responses_submission on ai_responses (org_id, submission_id);
create index idx_ai_responses_untallied on ai_responses (completed_at) where not tallied and completed_at is not null;

create table analytics (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    user_id uuid not null,
    event text not null,
    essay_id uuid,
    submission_id uuid,
    constraint analytics_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint analytics_event_known check (event in ('submitted', 'revised', 'feedback_viewed'))
) partition by range (id);
create table analytics_default partition of analytics default;
create index idx_analytics_user_created on analytics (org_id, user_id, created_at);

-- Warnings and errors worth keeping for ninety days. Facts and identifiers only; never a word anybody wrote.
create table system_logs (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid references orgs (id) on delete cascade,
    program text not null,
    level text not null,
    event text not null,
    request_id text,
    context jsonb not null default '{}',
    constraint system_logs_level_known check (level in ('warning', 'error')),
    constraint system_logs_event_length check (length(event) between 1 and 200)
) partition by range (id);
create table system_logs_default partition of system_logs default;
create index idx_system_logs_org on system_logs (org_id, id);

-- Totals that must not fall when rows go (erasure, retention). The clock folds finished rows in, marking them tallied
-- in the same transaction; the monitor adds what is not folded yet. No org, no person: labels only.
create table tallies (
    name text not null,
    labels text[] not null,
    count bigint not null default 0,
    total double precision not null default 0,
    buckets bigint[] not null default '{}',
    primary key (name, labels),
    constraint tallies_not_negative check (count >= 0 and total >= 0)
);
