-- The first question of every scrape: its answer is pg_up.
select
    current_setting('max_connections')::integer as max_connections,
    current_setting('superuser_reserved_connections')::integer as superuser_reserved_connections
