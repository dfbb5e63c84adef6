-- How the text of a version came: as HTML or plain, and how many embedded pictures were left out of it. Its text is plain.
-- All versions until now came as they are stored.
alter table submissions add column from_html boolean not null default false;
alter table submissions add column pictures_left_out integer not null default 0;

-- The programs of the release before call it without the last two parameters.
-- squawk-ignore ban-drop-function
drop function store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamptz, text, text, text, bytea,
    bytea, integer, integer, boolean, uuid[], text[], boolean);
create function store_version(
    author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea,
    submission uuid, submitted timestamptz, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea,
    character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[], is_update boolean,
    via_html boolean default false, pictures integer default 0, out version integer, out status text
) returns setof record
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    readers uuid;
    newest uuid;
    is_read boolean;
begin
    select o.ai_policy <> 'none' into is_read from orgs as o where o.id = app_org() and o.closed_at is null;
    if not found then
        raise exception 'the org is closed' using errcode = 'EC001';
    end if;
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
    status := case when newest <> submission then 'superseded' when is_read then 'queued' else 'completed' end;
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, external_id, language, text,
        text_sha256, characters, words, submitted_at, released_at, completed_at, from_html, pictures_left_out)
    values (submission, app_org(), essay, author, readers, version, status, in_queue, via, lms_id, lang, sealed_text,
        sha256, character_count, word_count, submitted,
        case when released then now() end, case when status <> 'queued' then now() end, via_html, pictures);
    insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at)
    select p.id, app_org(), submission, essay, author, readers, p.name,
        case status when 'queued' then 'queued' else 'cancelled' end, in_queue, case when status = 'superseded' then now() end
    from unnest(pass_ids, pass_names) as p (id, name)
    where is_read;
    insert into analytics (org_id, user_id, event, essay_id, submission_id)
    values (app_org(), author, case version when 1 then 'submitted' else 'revised' end, essay, submission);
    return next;
end
$$;
grant execute on function store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamptz, text, text, text, bytea,
    bytea, integer, integer, boolean, uuid[], text[], boolean, boolean, integer) to ec_lms, ec_student, ec_educator, ec_admin;
