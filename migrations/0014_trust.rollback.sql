create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
    end)), 0)::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
drop function review_counts();
drop function rerun_passes(uuid[], text);
drop function budget_allows(bigint);
drop policy ec_clock_trials on essays;
revoke delete on essays from ec_clock;
alter policy ec_lms_own_org on essays with check (org_id = (select app_org()));
alter policy ec_student_own_rows on essays with check (org_id = (select app_org()) and user_id = (select app_user()));
alter table essays drop constraint essays_trial_is_whole, drop constraint essays_trial_rubric;
alter table essays drop column trial_until, drop column trial_prompt, drop column trial_rubric_id;
revoke select (id, org_id) on essays from ec_clock;
drop index idx_ai_responses_open;
alter table ai_responses drop column batch, drop column reserved_micros;
drop table blessings, ledger, saved_comments, feedback_reactions, feedback_reviews;
revoke update (released_at) on submissions from ec_educator, ec_admin;
-- Only what still counts can be kept under the old rules.
delete from criterion_results where superseded_at is not null;
drop index idx_criterion_results_submission;
drop index idx_criterion_results_one_live;
alter table criterion_results drop column superseded_at;
alter table criterion_results add constraint criterion_results_one_per_pass unique (org_id, submission_id, criterion_id, pass);
revoke select on criterion_results from ec_worker;
delete from feedback where superseded_at is not null or origin = 'educator';
alter policy ec_admin_own_org on feedback with check (org_id = (select app_org()));
alter policy ec_educator_own_rows on feedback with check (
    org_id = (select app_org()) and audience_id = any ((select app_audience())::uuid[])
);
drop index idx_feedback_carried_from;
alter table feedback drop constraint feedback_educator_or_provider;
alter table feedback alter column provider set not null;
alter table feedback alter column model set not null;
alter table feedback drop column educator_id, drop column superseded_at;
revoke insert on feedback from ec_educator, ec_admin;
revoke update (resolution) on feedback from ec_worker;
alter table passes drop constraint passes_batch_with_its_call;
alter table passes drop column batch_call, drop column batch, drop column basis, drop column prompt_version, drop column rubric_id;
revoke update (comments, summary) on passes from ec_stats;
