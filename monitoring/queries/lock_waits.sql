-- Sessions of our own database that wait for a lock. Locks on transactions have no database.
select count(distinct pid) as waits from pg_locks
where not granted and (database is null or database = (select oid from pg_database where datname = current_database()))
