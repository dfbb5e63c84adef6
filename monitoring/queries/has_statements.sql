-- The extension is optional: not every server allows loading it.
select to_regclass('extensions.pg_stat_statements') is not null
    and position('pg_stat_statements' in current_setting('shared_preload_libraries')) > 0 as there
