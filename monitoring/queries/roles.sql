-- Of the whole server, because a role's limit counts the connections to every database. -1: no limit.
select r.rolname, count(s.usename) as connections, r.rolconnlimit as connection_limit
from pg_roles as r left join monitor_sessions() as s on s.usename = r.rolname
where r.rolcanlogin and starts_with(r.rolname, 'ec_')
group by r.rolname, r.rolconnlimit order by connections desc, r.rolname limit 20
