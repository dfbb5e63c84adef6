-- Lost: Canvas sites with their tokens. What was taken from them stays; what waits is given up.
drop trigger notes_canvas_return on submissions;
drop function note_canvas_return();
drop function look_back_at_canvas(uuid, integer);
-- The owner is bound by row security too, unless it is not forced.
alter table canvas_sites no force row level security;
alter table arrivals no force row level security;
alter table returns no force row level security;
update arrivals as a set state = 'gave_up', finished_at = now(), lease_until = null, error = 'not_taken'
from canvas_sites as c where c.org_id = a.org_id and c.id = a.source_id and a.state in ('queued', 'running');
update returns as r set state = 'gave_up', finished_at = now(), lease_until = null, error = 'not_wanted'
from canvas_sites as c where c.org_id = r.org_id and c.id = r.source_id and r.state in ('queued', 'running');
alter table arrivals force row level security;
alter table returns force row level security;
revoke insert (org_id, source_id, version_key, place, changed_at), update (attempt, next_at) on arrivals from ec_lms;
drop table canvas_sites;
