-- Lost: the settings and tokens of Moodle sites, and which hand-ins were taken from there. The sources stay as webhook sources that
-- are switched off and whose secret nobody has; their courses, assignments, people and essays stay.
drop function replay_arrivals(uuid, uuid, integer);
drop table arrivals;
drop table moodle_sites;
drop policy ec_worker_own_org on sources;
revoke select (id, org_id, kind, disabled_at) on sources from ec_worker;
update sources set disabled_at = coalesce(disabled_at, now()), kind = 'signed' where kind = 'moodle';
