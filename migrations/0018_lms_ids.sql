-- An LMS uses its own ids for courses and assignments, finds its essays, and manages its courses by API key. An admin sees
-- why a delivery was refused, and has it carried out again.

-- Which source or API key may add courses and assignments that it names by its own ids.
alter table sources add column creates_courses boolean not null default false;
alter table api_keys add column creates_courses boolean not null default false;
grant select (creates_courses), update (creates_courses) on sources, api_keys to ec_admin;
create or replace trigger audited after insert or update of name, scopes, creates_courses, expires_at, revoked_at or delete on api_keys
    for each row execute function audit_change('api_key', 'id');

-- A key with the scope `manage` may use the routes of courses and assignments. There are a few keys in each org.
-- squawk-ignore ban-drop-constraint
alter table api_keys drop constraint api_keys_scopes_known;
-- squawk-ignore constraint-missing-not-valid
alter table api_keys add constraint api_keys_scopes_known
    check (scopes <@ array['submit', 'read', 'manage'] and cardinality(scopes) > 0);

-- The webhook source whose id `external_id` is. Without a source the id is the school's own: from a roster, an admin or an
-- API key. Ids of two sources may be equal. There are far fewer courses and assignments than essays: these locks are short.
alter table courses add column source_id uuid;
alter table assignments add column source_id uuid;
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table courses add constraint courses_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade;
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table assignments add constraint assignments_source
    foreign key (org_id, source_id) references sources (org_id, id) on delete cascade;
-- squawk-ignore require-concurrent-index-creation
create index idx_courses_source on courses (org_id, source_id) where source_id is not null;
-- squawk-ignore require-concurrent-index-creation
create index idx_assignments_source on assignments (org_id, source_id) where source_id is not null;
-- squawk-ignore ban-drop-constraint
alter table courses drop constraint courses_external_id_unique;
-- squawk-ignore ban-drop-constraint
alter table assignments drop constraint assignments_external_id_unique;
-- squawk-ignore require-concurrent-index-creation
create unique index courses_external_id_unique on courses (org_id, external_id, source_id) nulls not distinct
    where external_id is not null;
-- squawk-ignore require-concurrent-index-creation
create unique index assignments_external_id_unique on assignments (org_id, external_id, source_id) nulls not distinct
    where external_id is not null;

-- The assignment that the acting source or API key names by its own id, added with its course when it is not there and the
-- caller may add it; else a word that says why not. A source finds its own ids first, then the school's. An API key finds the
-- school's first, then that of the only source that has the id. What exists keeps its title and its name.
-- Definer: a hand-in may add a course in no other way.
create function place_assignment(
    wanted text, wanted_title text, wanted_course text, wanted_course_name text, may_add boolean,
    out assignment_id uuid, out refusal text
)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := app_org();
    own_source uuid := (select s.id from sources as s where s.org_id = tenant and s.id = app_actor());
    creates boolean := coalesce(
        (select s.creates_courses from sources as s where s.org_id = tenant and s.id = app_actor()),
        (select k.creates_courses from api_keys as k where k.org_id = tenant and k.id = app_actor()),
        false
    );
    found_course uuid;
    found_source uuid;
    course_id_of_lms text;
    found_rows bigint;
begin
    -- Of two callers that add the same thing, one waits for the other, adds nothing and finds it in the next round.
    for round in 1..3 loop
        select a.id, a.source_id, c.external_id, count(*) over ()
        into assignment_id, found_source, course_id_of_lms, found_rows
        from assignments as a join courses as c on c.org_id = a.org_id and c.id = a.course_id
        where a.org_id = tenant and a.external_id = wanted
            and (own_source is null or a.source_id is null or a.source_id = own_source)
        order by a.source_id is not distinct from own_source desc limit 1;
        if found then
            refusal := case
                when own_source is null and found_source is not null and found_rows > 1 then 'ambiguous'
                when course_id_of_lms <> wanted_course then 'other_course'
            end;
            return;
        end if;
        refusal := case
            when not may_add then 'unknown' when not creates then 'not_allowed' when wanted_course is null then 'course_needed'
        end;
        if refusal is not null then
            return;
        end if;
        select c.id, c.source_id, count(*) over () into found_course, found_source, found_rows
        from courses as c
        where c.org_id = tenant and c.external_id = wanted_course
            and (own_source is null or c.source_id is null or c.source_id = own_source)
        order by c.source_id is not distinct from own_source desc limit 1;
        if found_course is null then
            insert into courses (org_id, name, external_id, source_id) values (tenant, wanted_course_name, wanted_course, own_source)
            on conflict (org_id, external_id, source_id) where external_id is not null do nothing
            returning id into found_course;
        elsif own_source is null and found_source is not null and found_rows > 1 then
            refusal := 'ambiguous_course';
            return;
        end if;
        if found_course is not null then
            insert into assignments (org_id, course_id, title, external_id, source_id)
            values (tenant, found_course, wanted_title, wanted, own_source)
            on conflict (org_id, external_id, source_id) where external_id is not null do nothing
            returning id into assignment_id;
            if assignment_id is not null then
                return;
            end if;
        end if;
    end loop;
end
$$;
alter function place_assignment(text, text, text, text, boolean) owner to ec_stats;
grant execute on function place_assignment(text, text, text, text, boolean) to ec_lms;
grant insert (org_id, name, external_id, source_id) on courses to ec_stats;
grant insert (org_id, course_id, title, external_id, source_id) on assignments to ec_stats;

-- What an API key with the scope `manage` may do: courses, enrolments and assignments of its org, and nothing else. To enrol
-- somebody it locks their row, which takes a right to update; the policy lets it change none.
grant execute on function lacks_key(uuid) to ec_manager;
create policy ec_manager_own_org on courses to ec_manager
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_manager_own_org on enrollments to ec_manager
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_manager_own_org on assignments to ec_manager
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_manager_own_org on categories to ec_manager using (org_id = (select app_org()));
create policy ec_manager_own_org on rubrics to ec_manager using (org_id = (select app_org()));
create policy ec_manager_own_org on user_keys to ec_manager using (org_id = (select app_org()));
create policy ec_manager_own_org on users to ec_manager using (org_id = (select app_org())) with check (false);
grant execute on function app_org(), app_user() to ec_manager;
grant select on courses, enrollments, assignments, categories to ec_manager;
grant select (id, org_id) on rubrics to ec_manager;
grant select (org_id, user_id) on user_keys to ec_manager;
grant select (id, org_id, role), update (created_at) on users to ec_manager;
grant insert (id, org_id, name, external_id), update (name, external_id, archived_at), delete on courses to ec_manager;
grant insert (org_id, course_id, user_id, role), update (role), delete on enrollments to ec_manager;
grant insert (id, org_id, course_id, title, prompt, due_at, release_policy, category_id, rubric_id, external_id),
    update (title, prompt, due_at, release_policy, category_id, rubric_id, external_id), delete on assignments to ec_manager;

-- How an LMS finds its essays: by its own id of the piece of writing, and by when something changed. `essays` has one thin row
-- for each piece of writing: an index over a million of them is built in about a second, and hand-ins wait so long.
-- squawk-ignore require-concurrent-index-creation
create index idx_essays_external_id on essays (org_id, external_id, id) where external_id is not null;
-- squawk-ignore require-concurrent-index-creation
create index idx_essays_updated on essays (org_id, updated_at, id);
-- Pages of an assignment's essays; it also serves the foreign key, as the index did that it replaces.
-- squawk-ignore require-concurrent-index-creation
create index idx_essays_assignment_id on essays (org_id, assignment_id, id) where assignment_id is not null;
-- squawk-ignore require-concurrent-index-deletion
drop index idx_essays_assignment;

-- Why a delivery was refused: the detail and the errors of the problem document. They may hold a student's id, so they are
-- encrypted like the body. `replayed_at` is when an admin last had the delivery carried out again.
alter table inbound_events add column problem bytea;
alter table inbound_events add column replayed_at timestamptz;
-- The column is new, so no row can break the rule.
-- squawk-ignore constraint-missing-not-valid
alter table inbound_events add constraint inbound_events_problem_when_refused check (problem is null or outcome = 'refused');
grant update (replayed_at) on inbound_events to ec_admin;
grant select (problem), update (problem) on inbound_events to ec_keys;
-- Pages of a source's deliveries with one outcome; it also serves the foreign key, as the index did that it replaces. An index
-- on a partitioned table cannot be built beside running work: a delivery that waits too long meanwhile is sent again.
-- squawk-ignore require-concurrent-index-creation
create index idx_inbound_events_outcome on inbound_events (org_id, source_id, outcome, id);
-- squawk-ignore require-concurrent-index-deletion
drop index idx_inbound_events_source;

-- A refused delivery of the acting source was accepted after all: from now on its body belongs to the student and goes with
-- them. `sealed` is the body under the student's key. Definer: nobody may change a stored delivery in any other way.
create function settle_delivery(delivery uuid, student uuid, submission uuid, sealed bytea) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update inbound_events as d
    set outcome = 'accepted', reason = null, problem = null, user_id = student, submission_id = submission, body = sealed
    where d.org_id = app_org() and d.source_id = app_actor() and d.id = delivery and d.outcome = 'refused';
end
$$;
alter function settle_delivery(uuid, uuid, uuid, bytea) owner to ec_stats;
grant execute on function settle_delivery(uuid, uuid, uuid, bytea) to ec_lms;
grant update (outcome, reason, problem, user_id, submission_id, body) on inbound_events to ec_stats;
