-- A repeated request is one that says the same, and of two versions with the same time an update is the newer one.

-- The digest of the parsed body, with sorted members. Rows from before this file have none: they are compared by their bytes.
alter table seen_events add column canonical_sha256 bytea;
alter table idempotency_keys add column canonical_sha256 bytea;

-- Whether the newest version came as an update (or by the API), and not as `submission.created`.
alter table essays add column newest_is_update boolean not null default false;
grant update (newest_is_update) on essays to ec_lms, ec_student, ec_educator, ec_admin;

-- The version is stored, with its passes. One row, or none when the essay changed since version_place looked.
create function store_version(
    author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea,
    submission uuid, submitted timestamptz, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea,
    character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean,
    out version integer, out status text
) returns setof record
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    readers uuid;
    newest uuid;
begin
    if is_new then
        insert into essays (id, org_id, user_id, course_id, assignment_id, category_id, external_id, title, versions,
            newest_submission_id, newest_submitted_at, newest_is_update)
        values (essay, app_org(), author, course, assignment, category, lms_id, sealed_title, 1, submission, submitted, is_update)
        on conflict do nothing
        returning audience_id, versions, newest_submission_id into readers, version, newest;
    else
        -- A version older than the newest is kept and numbered, but the essay goes on pointing at the newest.
        -- A version whose transaction began before its essay was stored must not date the change before the essay.
        update essays as e set versions = e.versions + 1, updated_at = greatest(e.updated_at, now()),
            title = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then sealed_title else e.title end,
            category_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then coalesce(category, e.category_id) else e.category_id end,
            newest_submission_id = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then submission else e.newest_submission_id end,
            newest_is_update = case when (submitted, is_update) >= (e.newest_submitted_at, e.newest_is_update)
                then is_update else e.newest_is_update end,
            newest_submitted_at = greatest(e.newest_submitted_at, submitted)
        where e.org_id = app_org() and e.id = essay
        returning e.audience_id, e.versions, e.newest_submission_id into readers, version, newest;
    end if;
    if readers is null then
        return;
    end if;
    status := case when newest = submission then 'queued' else 'superseded' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status = 'superseded' then now() end);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end
    from unnest(pass_ids, pass_names) as p (id, name);
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;
grant execute on function store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamptz, text, text, text, bytea,
    bytea, integer, integer, boolean, uuid[], text[], boolean) to ec_lms, ec_student, ec_educator, ec_admin;

-- The programs of the release before call it without `is_update`; the next release drops this form.
create or replace function store_version(
    author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea,
    submission uuid, submitted timestamptz, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea,
    character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[],
    out version integer, out status text
) returns setof record
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query select s.version, s.status from store_version(author, essay, is_new, course, assignment, category, lms_id,
        sealed_title, submission, submitted, in_queue, via, lang, sealed_text, sha256, character_count, word_count, released, pass_ids,
        pass_names, true) as s;
end
$$;
