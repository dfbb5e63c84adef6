-- Lost: which comments were sent to an LMS. Comments that were sent stay there.
drop trigger notes_return on submissions;
drop function note_return();
drop function resend_returns(uuid, uuid, integer);
drop function monitor_lms();
drop table returns;
