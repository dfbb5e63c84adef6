-- The trace (W3C Trace Context) of the request by which a version came, so that hints sent again and every attempt belong to it.
-- The session names it, as it names the request for the audit trail.
-- The default is stable, so it is computed once for all rows there are, and no row is written.
-- squawk-ignore adding-field-with-default
alter table submissions add column trace_id uuid default nullif(current_setting('app.trace', true), '')::uuid;

-- What `python -m workers trace` prints of an essay: when and how, but no word of it.
grant select (created_at, trace_id, source, released_at) on submissions to ec_clock;
grant select (comments, model) on passes to ec_clock;
grant select (org_id, submission_id, attempt, model, batch) on ai_responses to ec_clock;
