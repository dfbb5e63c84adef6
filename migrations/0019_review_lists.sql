-- Lists for educators and admins that cost what they show, a person's own profile, and who may write which log.

-- The comments that educators review: those that wait for a decision (review_id is null: comments on newest versions), and those
-- that have one. Triggers keep it in step with feedback; it holds no words. A reader checks again that a comment still waits: a
-- newer version that arrives while a pass finishes may leave a row behind, which goes with the next version.
create table review_items (
    feedback_id uuid primary key,
    org_id uuid not null,
    essay_id uuid not null,
    submission_id uuid not null,
    user_id uuid not null,
    audience_id uuid not null,
    assignment_id uuid,
    -- A whole number, because row security lets PostgreSQL use an index only with comparisons that cannot leak; numeric's can.
    confidence_permille integer not null,
    review_id uuid,
    is_open boolean not null generated always as (review_id is null) stored,
    created_at timestamptz not null generated always as (uuid_extract_timestamp(feedback_id)) stored,
    constraint review_items_essay foreign key (org_id, essay_id) references essays (org_id, id) on delete cascade,
    constraint review_items_confidence_in_range check (confidence_permille between 0 and 1000)
);
create index idx_review_items_essay on review_items (org_id, essay_id);
-- One index for each list: of a course, an assignment or the org, by confidence or by age. The condition of the org's lists is
-- always true. Only a query that names it can use them: for a new course PostgreSQL would else read the org's list, oldest first,
-- and pass over every row of the other courses.
create index idx_review_items_audience_confidence on review_items (org_id, is_open, audience_id, confidence_permille, feedback_id);
create index idx_review_items_audience_age on review_items (org_id, is_open, audience_id, created_at, feedback_id);
create index idx_review_items_assignment_confidence on review_items (org_id, is_open, assignment_id, confidence_permille, feedback_id)
    where assignment_id is not null;
create index idx_review_items_assignment_age on review_items (org_id, is_open, assignment_id, created_at, feedback_id)
    where assignment_id is not null;
create index idx_review_items_org_confidence on review_items (org_id, is_open, confidence_permille, feedback_id)
    where confidence_permille >= 0;
create index idx_review_items_org_age on review_items (org_id, is_open, created_at, feedback_id) where confidence_permille >= 0;

alter table review_items enable row level security;
alter table review_items force row level security;
create policy ec_admin_own_org on review_items to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
-- Without its author's key an educator can read no comment of somebody who left the course, so it is not listed either.
create policy ec_educator_own_rows on review_items to ec_educator
    using (
        org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[])
        and user_id = any ((select app_people())::uuid[])
    )
    with check (
        org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[])
        and user_id = any ((select app_people())::uuid[])
    );
grant select on review_items to ec_educator, ec_admin;
grant insert, update (review_id), delete on review_items to ec_stats;

-- New comments of a pass wait for a decision. Educators' own comments and rubric previews do not.
create function list_new_comments() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into review_items (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id, confidence_permille)
    select f.id, f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, e.assignment_id, (f.confidence * 1000)::integer
    from made as f
    join essays as e on e.org_id = f.org_id and e.id = f.essay_id
    where f.origin <> 'educator' and f.superseded_at is null and e.trial_until is null and e.newest_submission_id = f.submission_id;
    return null;
end
$$;

-- A comment that a rerun replaced waits for nothing and counts for nothing.
create function unlist_superseded_comment() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    delete from review_items as q where q.feedback_id = new.id;
    return null;
end
$$;

-- The newest decision counts.
create function list_decided_comment() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into review_items as q (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id,
        confidence_permille, review_id)
    select f.id, f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, e.assignment_id, (f.confidence * 1000)::integer, new.id
    from feedback as f
    join essays as e on e.org_id = f.org_id and e.id = f.essay_id
    where f.org_id = new.org_id and f.id = new.feedback_id and f.superseded_at is null and e.trial_until is null
    on conflict (feedback_id) do update set review_id = greatest(q.review_id, excluded.review_id);
    return null;
end
$$;

-- Nobody needs to decide about comments on a version that is no longer the newest.
create function unlist_earlier_versions() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    delete from review_items as q
    where q.org_id = new.org_id and q.essay_id = new.id and q.submission_id <> new.newest_submission_id and q.review_id is null;
    return null;
end
$$;
alter function list_new_comments() owner to ec_stats;
alter function unlist_superseded_comment() owner to ec_stats;
alter function list_decided_comment() owner to ec_stats;
alter function unlist_earlier_versions() owner to ec_stats;

-- Lists again every essay that changed since: first all of them, which takes a while and holds nobody up, and then, when the
-- triggers are there and writers wait for this file, only those that changed meanwhile. Definer: row security binds the owner too.
create function list_comments(since timestamptz) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    first_id uuid := uuid7_floor(since);
    changed uuid[] := array(
        select s.essay_id from submissions as s where s.id >= first_id
        union
        select f.essay_id from feedback as f where f.id >= first_id
        union
        select f.essay_id from feedback_reviews as v join feedback as f on f.org_id = v.org_id and f.id = v.feedback_id
        where v.id >= first_id
    );
begin
    delete from review_items as q where q.essay_id = any (changed);
    insert into review_items (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id, confidence_permille,
        review_id)
    select f.id, f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, e.assignment_id, (f.confidence * 1000)::integer, r.id
    from unnest(changed) as c (essay_id)
    join essays as e on e.id = c.essay_id and e.trial_until is null
    join feedback as f on f.org_id = e.org_id and f.essay_id = e.id and f.superseded_at is null
    left join lateral (
        select v.id from feedback_reviews as v where v.org_id = f.org_id and v.feedback_id = f.id order by v.id desc limit 1
    ) as r on true
    where r.id is not null or (f.origin <> 'educator' and e.newest_submission_id = f.submission_id);
end
$$;
alter function list_comments(timestamptz) owner to ec_stats;
select list_comments('1970-01-01 00:00:00+00');
create trigger lists_new after insert on feedback referencing new table as made
    for each statement execute function list_new_comments();
create trigger unlists_superseded after update of superseded_at on feedback
    for each row when (old.superseded_at is null and new.superseded_at is not null) execute function unlist_superseded_comment();
create trigger lists_decided after insert on feedback_reviews for each row execute function list_decided_comment();
create trigger unlists_earlier after update of newest_submission_id on essays
    for each row when (old.newest_submission_id <> new.newest_submission_id) execute function unlist_earlier_versions();
select list_comments(now() - interval '1 hour');
-- squawk-ignore ban-drop-function
drop function list_comments(timestamptz);

-- What students disagree with, newest first: in a course, and (as above) in the org. Reactions are few and the indexes hold only
-- these, so building them is short.
-- squawk-ignore require-concurrent-index-creation
create index idx_feedback_reactions_audience_disagreed on feedback_reactions (org_id, audience_id, created_at, feedback_id)
    where reaction = 'disagree';
-- squawk-ignore require-concurrent-index-creation
create index idx_feedback_reactions_org_disagreed on feedback_reactions (org_id, created_at, feedback_id)
    where reaction = 'disagree' and created_at > '-infinity';

-- An API key that reads an essay's text signs the audit trail with its own id, and can sign with no other.
grant execute on function app_actor() to ec_lms;
create policy ec_lms_own_rows on audit_log for insert to ec_lms
    with check (org_id = (select app_org()) and actor_id = (select app_actor()) and actor_role = 'lms');
grant insert (org_id, actor_id, actor_role, request_id, action, entity, entity_id, detail) on audit_log to ec_lms;

-- Ingest keeps warnings for the admins of an org: never without an org, never as another program, and at no other time than now.
create policy ec_auth_own_org on system_logs for insert to ec_auth
    with check (org_id = (select app_org()) and program = 'ingest');
grant insert (org_id, program, level, event, request_id, context) on system_logs to ec_auth;
grant execute on function uuid7_floor(timestamptz) to ec_admin;

-- People change their own name and language and nothing else. Definer: a grant of the columns would open those of everybody
-- whom an educator may see. Returns whether the acting person is there.
create function change_own_profile(with_name boolean, sealed_name bytea, with_language boolean, new_language text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update users as u set name = case when with_name then sealed_name else u.name end,
        language = case when with_language then new_language else u.language end
    where u.org_id = app_org() and u.id = app_user() and u.erase_requested_at is null;
    return found;
end
$$;
alter function change_own_profile(boolean, bytea, boolean, text) owner to ec_stats;
grant execute on function change_own_profile(boolean, bytea, boolean, text) to ec_student, ec_educator, ec_admin;
