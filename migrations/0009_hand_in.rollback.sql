drop function store_version(uuid, uuid, boolean, uuid, uuid, uuid, text, bytea, uuid, timestamptz, text, text, text, bytea,
    bytea, integer, integer, boolean, uuid[], text[]);
drop function version_place(uuid, uuid, uuid, text, text);
