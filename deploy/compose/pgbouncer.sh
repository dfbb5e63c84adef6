#!/bin/sh
# Write PgBouncer's configuration from the passwords in the environment, and become PgBouncer.
set -eu
umask 077
{
    echo "\"ec_ingest\" \"$DB_PASSWORD_INGEST\""
    echo "\"ec_worker\" \"$DB_PASSWORD_WORKER\""
    echo "\"ec_clock\" \"$DB_PASSWORD_CLOCK\""
    echo "\"ec_monitor\" \"$DB_PASSWORD_MONITOR\""
} > /tmp/users
cat > /tmp/pgbouncer.ini <<'INI'
[databases]
essaycoach = host=postgres port=5432
[pgbouncer]
listen_addr = *
listen_port = 6432
auth_type = scram-sha-256
auth_file = /tmp/users
pool_mode = transaction
; Below the connection limits that `migrations up` gives the roles.
default_pool_size = 12
max_client_conn = 2000
ignore_startup_parameters = extra_float_digits
INI
exec pgbouncer /tmp/pgbouncer.ini
