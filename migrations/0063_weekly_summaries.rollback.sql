-- Lost: who wants a weekly summary by mail, and those that are not sent yet.
drop function plan_weekly_summaries(date, integer);
drop function course_in_week(uuid, uuid, date);
drop table weekly_summaries;
drop table weekly_summary_readers;
revoke select (id, org_id, role, email, disabled_at, erase_requested_at) on users from ec_reports;
revoke select (org_id, course_id, user_id, role) on enrollments from ec_reports;
revoke select (id, org_id, name, archived_at) on courses from ec_reports;
revoke select (org_id, is_open, audience_id) on review_items from ec_reports;
revoke select (slug, pass, name) on feedback_types from ec_reports;
