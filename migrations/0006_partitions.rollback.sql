do $$
declare
    part record;
begin
    for part in
        select i.inhparent::regclass as parent, i.inhrelid::regclass as child from pg_inherits as i
        join pg_partitioned_table as p on p.partrelid = i.inhparent
        join pg_class as c on c.oid = i.inhrelid
        where i.inhrelid <> p.partdefid and c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    loop
        -- A partition that foreign keys point into can only be dropped once it stands alone.
        execute format('alter table %s detach partition %s', part.parent, part.child);
        execute format('drop table %s', part.child);
    end loop;
end
$$;
drop function ensure_partitions(integer);
