-- A version that names only the `external_id` of an essay belongs to that essay, also where the essay has an assignment. Before, it began
-- another essay, which its teacher did not see.

create or replace function version_place(
    author uuid, wanted_assignment uuid, wanted_essay uuid, wanted_category text, wanted_external_id text,
    out submission_id uuid, out new_essay_id uuid, out pass_ids uuid[], out now timestamptz,
    out wrapped bytea, out master_key_id text, out default_language text, out release_policy text,
    out assignment_id uuid, out course_id uuid, out category_known boolean, out category_id uuid,
    out essay_id uuid, out essay_assignment_id uuid, out assignment_missing boolean
) returns setof record
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
begin
    select uuidv7(), uuidv7(), array[uuidv7(), uuidv7(), uuidv7()], now() into submission_id, new_essay_id, pass_ids, now;
    select o.default_language, o.release_policy, o.require_assignment, k.wrapped, k.master_key_id
    into default_language, release_policy, assignment_missing, wrapped, master_key_id
    from orgs as o join user_keys as k on k.org_id = o.id
    where o.id = app_org() and k.user_id = author;
    if not found then
        return;
    end if;
    if wanted_essay is not null then
        select e.id, e.assignment_id into essay_id, essay_assignment_id
        from essays as e where e.org_id = app_org() and e.user_id = author and e.id = wanted_essay;
    elsif wanted_assignment is not null then
        select e.id, e.assignment_id into essay_id, essay_assignment_id
        from essays as e where e.org_id = app_org() and e.user_id = author and e.assignment_id = wanted_assignment;
    elsif wanted_external_id is not null then
        -- Of an essay without an assignment there is one. An id that an LMS has used for several assignments tells none of them.
        select f.id, f.assignment_id into essay_id, essay_assignment_id
        from (
            select e.id, e.assignment_id, count(*) over () as alike
            from essays as e
            where e.org_id = app_org() and e.user_id = author and e.external_id = wanted_external_id
        ) as f
        where f.assignment_id is null or f.alike = 1;
    end if;
    -- A revision that names only its essay stays under the assignment of that essay, and under its release policy.
    if coalesce(wanted_assignment, essay_assignment_id) is not null then
        select a.id, a.course_id, a.category_id, coalesce(a.release_policy, version_place.release_policy)
        into assignment_id, course_id, category_id, release_policy
        from assignments as a where a.org_id = app_org() and a.id = coalesce(wanted_assignment, essay_assignment_id);
        if not found then
            -- Of an assignment the author can no longer see, nothing is released unseen.
            release_policy := 'after_review';
        end if;
        assignment_missing := false;
    else
        -- Else a student would get at once, without the assignment, what a teacher wants to review first.
        if release_policy = 'auto' and learns_with_review(author) then
            release_policy := 'after_review';
        end if;
        -- Staff try rubrics on samples without an assignment.
        assignment_missing := assignment_missing and current_user in ('ec_lms', 'ec_student');
    end if;
    -- The assignment's category is where an essay starts; a later draft keeps what was chosen unless it chooses again.
    if essay_id is not null then
        category_id := null;
    end if;
    category_known := wanted_category is null;
    if wanted_category is not null then
        select c.id, true into category_id, category_known
        from categories as c where c.org_id = app_org() and c.slug = wanted_category;
    end if;
    return next;
end
$$;
