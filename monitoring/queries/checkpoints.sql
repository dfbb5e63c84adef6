select kind.name as kind, kind.checkpoints from pg_stat_checkpointer as c
cross join lateral (values ('timed', c.num_timed), ('requested', c.num_requested)) as kind (name, checkpoints)
