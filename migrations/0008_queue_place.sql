-- Where a waiting submission stands. It must count the waiting work of every org, and may say nothing but numbers.

create function queue_place(wanted uuid) returns table (ahead bigint, running bigint, mean_seconds double precision)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    select
        (
            select count(distinct other.submission_id) from passes as other
            where other.state = 'queued' and other.next_at <= now() and other.submission_id <> mine.submission_id
                and (other.queue = 'bulk', other.queued_at) < (mine.in_bulk, mine.queued_at)
        ),
        (select count(*) from passes as busy where busy.state = 'running'),
        (select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration')
    from (
        select p.submission_id, bool_and(p.queue = 'bulk') as in_bulk, min(p.queued_at) as queued_at
        from passes as p
        where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
        group by p.submission_id
    ) as mine;
end;
alter function queue_place(uuid) owner to ec_stats;
grant execute on function queue_place(uuid) to ec_lms, ec_student, ec_educator, ec_admin;
