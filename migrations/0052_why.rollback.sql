-- No rows are lost.
drop function comment_answer(uuid);
