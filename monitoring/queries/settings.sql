-- The first probe of its group: pg_up is 1 when this query answers.
select
    current_setting('max_connections')::integer as max_connections,
    current_setting('superuser_reserved_connections')::integer as superuser_reserved_connections
