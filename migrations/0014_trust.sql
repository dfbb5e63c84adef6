-- Feedback that remembers the last draft, that a teacher may correct, and that costs no more than a school allows.

-- What a reading was made with: a changed rubric makes it stale, and what is the same may be used again for the next draft.
-- `basis` is the digest of all that an answer depends on but the essay; `batch` and `batch_call` name what the vendor still works on.
alter table passes add column rubric_id uuid;
alter table passes add column prompt_version text;
alter table passes add column basis bytea;
alter table passes add column batch text;
alter table passes add column batch_call uuid;
alter table passes add constraint passes_batch_with_its_call check ((batch is null) = (batch_call is null)) not valid;
grant update (rubric_id, prompt_version, basis, batch, batch_call) on passes to ec_worker;
grant update (comments, summary, rubric_id, prompt_version, basis, batch, batch_call) on passes to ec_stats;

-- A re-run replaces no comment: the old one is superseded. An educator's own comment comes from no provider.
alter table feedback add column superseded_at timestamptz;
alter table feedback add column educator_id uuid;
-- squawk-ignore ban-drop-not-null
alter table feedback alter column provider drop not null;
-- squawk-ignore ban-drop-not-null
alter table feedback alter column model drop not null;
alter table feedback add constraint feedback_educator_or_provider check (
    (origin = 'educator') = (educator_id is not null) and (origin = 'educator') = (provider is null)
    and (provider is null) = (model is null)
) not valid;
grant update (resolution, superseded_at) on feedback to ec_worker;
grant insert on feedback to ec_educator, ec_admin;
-- squawk-ignore require-concurrent-index-creation
create index idx_feedback_carried_from on feedback (org_id, carried_from) where carried_from is not null;

alter table criterion_results add column superseded_at timestamptz;
-- squawk-ignore ban-drop-constraint
alter table criterion_results drop constraint criterion_results_one_per_pass;
-- squawk-ignore require-concurrent-index-creation
create unique index idx_criterion_results_one_live on criterion_results (org_id, submission_id, criterion_id, pass)
    where superseded_at is null;
-- The one that went also led from a version to its results, which go with it.
-- squawk-ignore require-concurrent-index-creation
create index idx_criterion_results_submission on criterion_results (org_id, submission_id);
grant select, update (superseded_at) on criterion_results to ec_worker;

-- Held feedback is let go by an educator of the course.
grant update (released_at) on submissions to ec_educator, ec_admin;

-- What an educator decided about a comment. The comment stays as it was; the newest decision counts. `body` holds the
-- edited words, sealed with the student's key like the comment itself.
create table feedback_reviews (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    feedback_id uuid not null,
    submission_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    educator_id uuid not null,
    decision text not null,
    body bytea storage external,
    created_at timestamptz not null default now(),
    constraint feedback_reviews_submission foreign key (org_id, submission_id)
        references submissions (org_id, id) on delete cascade,
    constraint feedback_reviews_decision_known check (decision in ('accepted', 'edited', 'rejected')),
    constraint feedback_reviews_words_when_edited check ((body is not null) = (decision = 'edited'))
);
create index idx_feedback_reviews_feedback on feedback_reviews (org_id, feedback_id, id);
create index idx_feedback_reviews_submission on feedback_reviews (org_id, submission_id);

-- What the student says of a comment; `note` is sealed with the student's key.
create table feedback_reactions (
    org_id uuid not null,
    feedback_id uuid not null,
    user_id uuid not null,
    submission_id uuid not null,
    audience_id uuid not null,
    reaction text not null,
    note bytea storage external,
    created_at timestamptz not null default now(),
    primary key (org_id, feedback_id, user_id),
    constraint feedback_reactions_submission foreign key (org_id, submission_id)
        references submissions (org_id, id) on delete cascade,
    constraint feedback_reactions_reaction_known check (reaction in ('helpful', 'not_helpful', 'disagree'))
);
create index idx_feedback_reactions_submission on feedback_reactions (org_id, submission_id);

-- A comment an educator keeps for the next essay, sealed with the educator's own key.
create table saved_comments (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    pass text not null,
    type text not null,
    kind text not null,
    body bytea storage external not null,
    created_at timestamptz not null default now(),
    constraint saved_comments_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint saved_comments_type foreign key (type, pass) references feedback_types (slug, pass) on delete restrict,
    constraint saved_comments_kind_known check (kind in ('praise', 'issue', 'question'))
);
create index idx_saved_comments_user on saved_comments (org_id, user_id, id);
create index idx_saved_comments_type on saved_comments (type, pass);

-- What calls to a paid provider came to, per org and day (UTC). Written with the end of each call, so that it equals the sum
-- of the calls; it stays when their rows are erased.
create table ledger (
    org_id uuid not null references orgs (id) on delete cascade,
    day date not null,
    provider text not null,
    model text not null,
    pass text not null,
    calls bigint not null default 0,
    failed bigint not null default 0,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cache_read_tokens bigint not null default 0,
    cache_write_tokens bigint not null default 0,
    cost_micros bigint not null default 0,
    primary key (org_id, day, provider, model, pass),
    constraint ledger_pass_known check (pass in ('grammar', 'structure', 'content')),
    constraint ledger_amounts_not_negative check (
        least(calls, failed, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros) >= 0
    )
);
-- What a call that is under way may come to at most, so that calls at the same moment do not spend the same money.
alter table ai_responses add column reserved_micros bigint not null default 0
    constraint ai_responses_reserved_not_negative check (reserved_micros >= 0);
alter table ai_responses add column batch boolean not null default false;
grant update (reserved_micros, batch) on ai_responses to ec_worker;
-- squawk-ignore require-concurrent-index-creation
create index idx_ai_responses_open on ai_responses (org_id, id) where outcome = 'open';

-- Whether the acting org may spend so much more this month (UTC). Who asks holds the org's turn until the transaction ends:
-- open the call in it. A call that never came back holds its money for ten minutes, one in a batch for a day.
create function budget_allows(expected_micros bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    budget bigint := (select o.monthly_budget_micros from orgs as o where o.id = app_org());
begin
    if budget is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('essaycoach.budget.' || app_org()::text, 0));
    return expected_micros + (
        select coalesce(sum(l.cost_micros), 0) from ledger as l
        where l.org_id = app_org() and l.day >= date_trunc('month', now() at time zone 'utc')::date
    ) + (
        select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
        where a.org_id = app_org() and a.outcome = 'open'
            and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
    ) <= budget;
end
$$;
alter function budget_allows(bigint) owner to ec_stats;
grant execute on function budget_allows(bigint) to ec_worker;

-- A rubric is tried on the teacher's own samples: an essay of the teacher's that takes part in nothing and goes after a day.
alter table essays add column trial_rubric_id uuid;
alter table essays add column trial_prompt text;
alter table essays add column trial_until timestamptz;
alter table essays add constraint essays_trial_rubric foreign key (org_id, trial_rubric_id)
    references rubrics (org_id, id) on delete restrict not valid;
alter table essays add constraint essays_trial_is_whole check (
    (trial_until is null) = (trial_rubric_id is null) and (trial_until is not null or trial_prompt is null)
    and (trial_until is null or assignment_id is null) and length(trial_prompt) <= 20000
) not valid;
-- squawk-ignore require-concurrent-index-creation
create index idx_essays_trial_rubric on essays (org_id, trial_rubric_id) where trial_rubric_id is not null;
-- squawk-ignore require-concurrent-index-creation
create index idx_essays_trial_until on essays (trial_until) where trial_until is not null;
grant update (trial_rubric_id, trial_prompt, trial_until) on essays to ec_educator, ec_admin;
create policy ec_clock_trials on essays to ec_clock using (trial_until is not null);
grant select (id, org_id, trial_until), delete on essays to ec_clock;

-- Passes that are done, of the newest versions among these submissions, go round again; returns them. Their comments stay
-- until the new ones are there. Definer: nobody who asks may change a pass in any other way.
create function rerun_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform from submissions as s
    where s.org_id = app_org() and s.id = any (wanted)
        and (current_setting('role') <> 'ec_educator' or s.audience_id = any (app_audience()))
    order by s.id for update;
    return query
    with rerun as (
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, lost = 0, error = null,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null, finished_at = null,
            comments = null, summary = null, basis = null, tallied = false
        from submissions as s join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.submission_id = any (wanted) and p.state = 'done'
            and s.org_id = p.org_id and s.id = p.submission_id
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
        returning p.id, p.submission_id as submission, p.name
    ),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select r.submission from rerun as r) and s.completed_at is not null
    )
    select r.id, r.submission, r.name from rerun as r;
end
$$;
alter function rerun_passes(uuid[], text) owner to ec_stats;
grant execute on function rerun_passes(uuid[], text) to ec_educator, ec_admin;

-- What people made of comments, counted over all orgs: no words, no person. From it confidence is fitted anew.
create function review_counts() returns table (
    provider text, pass text, type text, bin integer, accepted bigint, rejected bigint, helpful bigint, not_helpful bigint
)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    select f.provider, f.pass, f.type, least(19, floor(f.confidence * 20))::integer as bin,
        count(*) filter (where r.decision in ('accepted', 'edited')), count(*) filter (where r.decision = 'rejected'),
        count(*) filter (where k.reaction = 'helpful'), count(*) filter (where k.reaction in ('not_helpful', 'disagree'))
    from feedback as f
    left join lateral (
        select v.decision from feedback_reviews as v
        where v.org_id = f.org_id and v.feedback_id = f.id order by v.id desc limit 1
    ) as r on true
    left join feedback_reactions as k on k.org_id = f.org_id and k.feedback_id = f.id
    where f.provider is not null and (r.decision is not null or k.reaction is not null)
    group by f.provider, f.pass, f.type, least(19, floor(f.confidence * 20));
end;
alter function review_counts() owner to ec_stats;
grant execute on function review_counts() to ec_worker;

-- Prompts and models that were compared with the reviewed essays and found no worse.
create table blessings (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    pass text not null,
    provider text not null,
    model text not null,
    prompt_version text not null,
    report jsonb not null,
    created_at timestamptz not null default now(),
    constraint blessings_pass_known check (pass in ('grammar', 'structure', 'content'))
);
create index idx_blessings_org on blessings (org_id, id);

-- Who may see and do what with the new tables.
do $$
declare
    t text;
    r text;
begin
    foreach t in array array['feedback_reviews', 'feedback_reactions', 'saved_comments', 'ledger', 'blessings'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
    end loop;
    foreach t in array array['feedback_reviews', 'feedback_reactions', 'saved_comments', 'ledger', 'blessings'] loop
        execute format(
            'create policy ec_admin_own_org on %I to ec_admin using (org_id = (select app_org())) with check (org_id = (select app_org()))', t
        );
    end loop;
    foreach t in array array['feedback_reviews', 'feedback_reactions', 'ledger', 'blessings'] loop
        execute format(
            'create policy ec_worker_own_org on %I to ec_worker using (org_id = (select app_org())) with check (org_id = (select app_org()))', t
        );
    end loop;
    foreach t in array array['feedback_reviews', 'feedback_reactions'] loop
        execute format(
            'create policy ec_educator_own_rows on %I to ec_educator using (org_id = (select app_org()) '
            'and audience_id = any ((select app_audience())::uuid[])) with check (org_id = (select app_org()) '
            'and audience_id = any ((select app_audience())::uuid[]))', t
        );
        -- An LMS shows what its students may see.
        execute format(
            'create policy ec_lms_own_org on %I to ec_lms using (org_id = (select app_org())) with check (org_id = (select app_org()))', t
        );
        execute format(
            'create policy ec_student_own_rows on %I to ec_student using (org_id = (select app_org()) and user_id = (select app_user()) '
            'and exists (select from submissions as s where s.id = submission_id and s.released_at is not null)) '
            'with check (org_id = (select app_org()) and user_id = (select app_user()) '
            'and exists (select from submissions as s where s.id = submission_id and s.released_at is not null))', t
        );
    end loop;
    execute 'create policy ec_educator_own_rows on saved_comments to ec_educator using (org_id = (select app_org()) '
        'and user_id = (select app_user())) with check (org_id = (select app_org()) and user_id = (select app_user()))';
end
$$;
-- Whose a row is stands in the row itself, so it must be that of what it speaks of: otherwise an educator could put a row
-- with their own course in it below another course's essay. And nobody signs with somebody else's name.
alter policy ec_educator_own_rows on feedback with check (
    org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[])
    and origin = 'educator' and educator_id = (select app_user())
    and exists (
        select from submissions as s
        where s.org_id = feedback.org_id and s.id = feedback.submission_id and s.essay_id = feedback.essay_id
            and s.user_id = feedback.user_id and s.audience_id = feedback.audience_id
    )
);
alter policy ec_admin_own_org on feedback with check (
    org_id = (select app_org()) and origin = 'educator' and educator_id = (select app_user())
    and exists (
        select from submissions as s
        where s.org_id = feedback.org_id and s.id = feedback.submission_id and s.essay_id = feedback.essay_id
            and s.user_id = feedback.user_id and s.audience_id = feedback.audience_id
    )
);
alter policy ec_educator_own_rows on feedback_reviews with check (
    org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[]) and educator_id = (select app_user())
    and exists (
        select from feedback as f
        where f.org_id = feedback_reviews.org_id and f.id = feedback_reviews.feedback_id
            and f.submission_id = feedback_reviews.submission_id and f.user_id = feedback_reviews.user_id
            and f.audience_id = feedback_reviews.audience_id
    )
);
alter policy ec_admin_own_org on feedback_reviews with check (
    org_id = (select app_org()) and educator_id = (select app_user())
    and exists (
        select from feedback as f
        where f.org_id = feedback_reviews.org_id and f.id = feedback_reviews.feedback_id
            and f.submission_id = feedback_reviews.submission_id and f.user_id = feedback_reviews.user_id
            and f.audience_id = feedback_reviews.audience_id
    )
);
-- A student sees no feedback that is not released, so this also asks whether it is.
alter policy ec_student_own_rows on feedback_reactions with check (
    org_id = (select app_org()) and user_id = (select app_user())
    and exists (
        select from feedback as f
        where f.org_id = feedback_reactions.org_id and f.id = feedback_reactions.feedback_id
            and f.submission_id = feedback_reactions.submission_id and f.user_id = feedback_reactions.user_id
            and f.audience_id = feedback_reactions.audience_id
    )
);
-- Only who teaches tries a rubric.
alter policy ec_student_own_rows on essays with check (
    org_id = (select app_org()) and user_id = (select app_user()) and trial_until is null
);
alter policy ec_lms_own_org on essays with check (org_id = (select app_org()) and trial_until is null);
grant select on feedback_reviews to ec_student, ec_lms, ec_educator, ec_admin, ec_worker;
grant insert on feedback_reviews to ec_educator, ec_admin;
grant select on feedback_reactions to ec_student, ec_lms, ec_educator, ec_admin, ec_worker;
grant insert, update (reaction, note, created_at), delete on feedback_reactions to ec_student;
grant select, insert, delete on saved_comments to ec_educator, ec_admin;
grant select on ledger to ec_admin;
grant select, insert, update on ledger to ec_worker;
grant select on blessings to ec_admin;
grant select, insert on blessings to ec_worker;
grant select (reserved_micros, batch) on ai_responses to ec_admin;

-- What waits for its org's money or for the vendor's batch waits for nobody here: it ages from when it should be looked at again.
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 and coalesce(p.error, '') not in ('org_budget_spent', 'in_batch') then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
    end)), 0)::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
