#!/bin/sh
# Run once by PostgreSQL's image when it creates the cluster: a role that may only replicate, and its way in.
set -eu
psql --set=password="$REPLICATION_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role replication login replication password :'password';
SQL
echo "host replication replication all scram-sha-256" >> "$PGDATA/pg_hba.conf"
