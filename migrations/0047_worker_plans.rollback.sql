-- No rows are lost.
drop function version_task(uuid, uuid);
drop function begin_version(uuid, uuid);
drop function supersede_feedback(uuid, uuid, text, integer);
drop function close_version(uuid, uuid, text);
