drop function queue_place(uuid);
