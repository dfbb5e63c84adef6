-- The extension is an extra: not every server lets one load it.
select to_regclass('extensions.pg_stat_statements') is not null
    and position('pg_stat_statements' in current_setting('shared_preload_libraries')) > 0 as there
