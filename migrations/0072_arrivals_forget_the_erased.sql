-- Where a version is kept names its student to Canvas. When the version is erased with its student, that name goes too.
create function forget_user_of_arrival() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    new.place := new.place - 'user';
    return new;
end
$$;
create trigger forgets_user before update of submission_id on arrivals for each row
when (old.submission_id is not null and new.submission_id is null and new.place ? 'user')
execute function forget_user_of_arrival();
