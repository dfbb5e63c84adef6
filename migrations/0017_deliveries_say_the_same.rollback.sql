-- The digests of what requests said are lost: a repeated request with other bytes is refused again.
create or replace function store_version(
    author uuid, essay uuid, is_new boolean, course uuid, assignment uuid, category uuid, lms_id text, sealed_title bytea,
    submission uuid, submitted timestamptz, in_queue text, via text, lang text, sealed_text bytea, sha256 bytea,
    character_count integer, word_count integer, released boolean, pass_ids uuid[], pass_names text[],
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
            newest_submission_id, newest_submitted_at)
        values (essay, app_org(), author, course, assignment, category, lms_id, sealed_title, 1, submission, submitted)
        on conflict do nothing
        returning audience_id, versions, newest_submission_id into readers, version, newest;
    else
        -- A version older than the newest is kept and numbered, but the essay goes on pointing at the newest.
        -- A version whose transaction began before its essay was stored must not date the change before the essay.
        update essays as e set versions = e.versions + 1, updated_at = greatest(e.updated_at, now()),
            title = case when submitted >= e.newest_submitted_at then sealed_title else e.title end,
            category_id = case when submitted >= e.newest_submitted_at then coalesce(category, e.category_id) else e.category_id end,
            newest_submission_id = case when submitted >= e.newest_submitted_at then submission else e.newest_submission_id end,
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
drop function store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamptz, text, text, text, bytea,
    bytea, integer, integer, boolean, uuid[], text[], boolean);
alter table essays drop column newest_is_update;
alter table idempotency_keys drop column canonical_sha256;
alter table seen_events drop column canonical_sha256;
