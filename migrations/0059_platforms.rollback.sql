-- Lost: the platforms, whom they mean by their ids, and our keys. Their courses, assignments and people stay; the sources of the
-- platforms stay as webhook sources that are switched off and whose secret nobody has.
drop function enrol_lms_educator(uuid, uuid);
drop function place_lms_course(text, text);
drop function add_lms_educator(uuid, bytea, bytea, bytea, bytea, text);
revoke insert (id, org_id, role, name, external_id, external_id_digest, address_confirmed_at) on users from ec_stats;
revoke insert (user_id, org_id, wrapped, master_key_id) on user_keys from ec_stats;
revoke insert (org_id, course_id, user_id, role), update (role) on enrollments from ec_stats;
drop table spent_launches, lms_people, platforms, lti_keys;
update sources set disabled_at = coalesce(disabled_at, now()) where kind = 'lti';
alter table sources drop column kind;
