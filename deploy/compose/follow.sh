#!/bin/sh
# Copy the primary the first time, then follow it.
set -eu
data=/var/lib/postgresql/18/docker
if [ ! -s "$data/PG_VERSION" ]; then
    mkdir -p -m 700 "$data"
    PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup --pgdata "$data" --checkpoint=fast --write-recovery-conf --create-slot --slot=standby \
        --dbname "host=postgres user=replication application_name=standby"
fi
exec postgres -D "$data" -cmax_connections=100 -creserved_connections=3 -cshared_preload_libraries=pg_stat_statements \
    -cpg_stat_statements.track_utility=off -cautovacuum_naptime=15s -clog_min_messages=log -clog_min_error_statement=panic -clog_error_verbosity=terse
