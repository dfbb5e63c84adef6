-- Which trace each version belongs to is lost.
revoke select (org_id, submission_id, attempt, model, batch) on ai_responses from ec_clock;
revoke select (comments, model) on passes from ec_clock;
revoke select (created_at, trace_id, source, released_at) on submissions from ec_clock;
alter table submissions drop column trace_id;
